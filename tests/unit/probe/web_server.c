// SPDX-License-Identifier: GPL-2.0-or-later
// A web server with a process for each connection.
// It forks: what it has seen lies in memory that it shares with the test.

#include "probe/web_server.h"

#include "base/prefix.h"

#include <arpa/inet.h>
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct web_server *server;
unsigned port;
static pid_t server_pid;

static void say(int fd, const char *text)
{
	send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void serve(int fd)
{
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	char words[4096] = "", path[64] = "", peer[ADDR_TEXT];

	if (read(fd, words, sizeof(words) - 1) <= 0 || sscanf(words, "GET /%63s", path) != 1)
		_exit(1);
	getpeername(fd, (void *)&from, &len);
	inet_ntop(AF_INET6, &from.sin6_addr, peer, sizeof(peer));

	if (strcmp(path, "hang") == 0)
		pause();
	if (strcmp(path, "garbage") == 0)
		say(fd, "\x16\x03garbage\r\n\r\nmore\r\n");
	if (strcmp(path, "cut") == 0)
		say(fd, "HTTP/1.1 200 OK\r\nServer: half");
	if (strcmp(path, "reset") == 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
			   sizeof(struct linger));
	if (strcmp(path, "early") == 0)
		say(fd, "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n"
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	if (strcmp(path, "slow") == 0)
		for (const char *c = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"; *c; c++) {
			send(fd, c, 1, MSG_NOSIGNAL);
			usleep(20000);
		}
	if (strcmp(path, "source") == 0)
		say(fd, strcmp(peer, "::ffff:127.0.0.5") == 0 ? "HTTP/1.1 200 OK\r\n\r\n"
							      : "HTTP/1.1 403 No\r\n\r\n");
	if (strncmp(path, "portal", 6) == 0)
		say(fd, "HTTP/1.1 302 Found\r\nlocation: \tHTTPS://login.example/?a=b "
			"wan=other\r\n\r\n");
	if (path[0] >= '0' && path[0] <= '9') {
		snprintf(words, sizeof(words), "HTTP/1.1 %.3s Hm\r\nLocation: /hang\r\n\r\n", path);
		say(fd, words);
	}
	if (strcmp(path, "big") == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
		for (ssize_t n; (n = send(fd, words, sizeof(words), MSG_NOSIGNAL)) > 0;)
			server->sent += n;
	}
	close(fd);
	_exit(0);
}

void web_server_start(void)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(in6);

	ck_assert_int_eq(bind(fd, (void *)&in6, sizeof(in6)), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	getsockname(fd, (void *)&in6, &len);
	port = ntohs(in6.sin6_port);
	server = mmap(NULL, sizeof(*server), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ck_assert_ptr_ne(server, MAP_FAILED);

	server_pid = fork();
	ck_assert_int_ge(server_pid, 0);
	if (server_pid > 0) {
		close(fd);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (int connection; (connection = accept(fd, NULL, NULL)) >= 0; close(connection)) {
		server->connections++;
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(connection);
		}
	}
	_exit(1);
}

void web_server_stop(void)
{
	kill(server_pid, SIGKILL);
	waitpid(server_pid, NULL, 0);
}
