#include "parse.h"
#include "probing.h"
#include "suite.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* A web server with a process for each connection; what it has seen. */
struct server {
	unsigned connections;
	uint64_t sent;
};

static struct server *server;
static unsigned port;
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
	if (path[0] >= '0' && path[0] <= '9') {
		snprintf(words, sizeof(words), "HTTP/1.1 %s Hm\r\nLocation: /hang\r\n\r\n", path);
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

static void start_server(void)
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

static void stop_server(void)
{
	kill(server_pid, SIGKILL);
	waitpid(server_pid, NULL, 0);
}

static void set_up(void)
{
	probing_begin();
	start_server();
}

static void tear_down(void)
{
	probing_end();
	stop_server();
}

static struct probe_set *new_url_set(enum family family, const char *paths)
{
	_cleanup_(freep) char *text = strdup(paths);
	char urls[2048] = "", *rest = text;

	for (char *path; (path = parse_item(&rest, " "));)
		snprintf(urls + strlen(urls), 100, "http://%s:%u/%s ",
			 family == IPV4 ? "127.0.0.1" : "[::1]", port, path);
	return new_set(family, urls);
}

START_TEST(urls_answer_by_what_they_say)
{
	struct probe_set *set =
		new_url_set(_i, "200 204 301 399 early 400 404 500 503 garbage reset cut");

	for (int cycle = 0; cycle < 3; cycle++) {
		probe_begin(set);
		ck_assert_uint_eq(set->n_pending, set->n_targets);
		wait_for(set, 2000);
		check_counts(set);
		for (size_t i = 0; i < 5; i++) {
			check_answered(set, i);
			ck_assert_uint_gt(set->targets[i].rtt_us, 0);
			ck_assert_uint_lt(set->targets[i].rtt_us, 1000000);
		}
		check_failed(set, 5, "answered 400");
		check_failed(set, 6, "answered 404");
		check_failed(set, 7, "answered 500");
		check_failed(set, 8, "answered 503");
		check_failed(set, 9, "Received HTTP/0.9");
		check_failed(set, 10, "Recv failure: Connection reset by peer");
		ck_assert_int_eq(set->targets[11].result, PROBE_FAILED);
	}
	ck_assert_uint_eq(n_done, 3);
	/* One for each request: none is kept, no redirect is followed. */
	ck_assert_uint_eq(server->connections, 3 * set->n_targets);
}
END_TEST

START_TEST(urls_that_are_slow_fail_at_the_deadline)
{
	struct probe_set *set = new_url_set(IPV4, "hang slow 200");
	uint64_t begun;

	for (int cycle = 0; cycle < 3; cycle++) {
		begun = now_ms();
		probe(set);
		check_failed(set, 0, "no answer within 500ms");
		check_failed(set, 1, "no answer within 500ms");
		check_answered(set, 2);
		ck_assert_uint_lt(elapsed_ms(begun), 900);
	}
	/* One more that nobody waits for, and what was left behind does not come back. */
	probe_begin(set);
	probe_end(set);
	ck_assert_uint_le(run_dry(), 2);
	check_failed(set, 2, "no ");
	ck_assert_uint_eq(n_done, 0);
}
END_TEST

START_TEST(urls_where_nobody_is_fail)
{
	struct probe_set *set = new_set(IPV4, "http://127.0.0.1:1/ http://127.0.0.2:2/");

	run("nft 'table ip t { chain i { type filter hook input priority 0; tcp dport 2 drop; }; "
	    "}'");
	probe(set);
	check_failed(set, 0, "cannot connect: Connection refused");
	check_failed(set, 1, "no connection within 500ms");
}
END_TEST

START_TEST(bodies_are_not_downloaded)
{
	struct probe_set *set = new_url_set(IPV4, "big");

	probe(set);
	check_answered(set, 0);
	usleep(50000);
	ck_assert_uint_lt(server->sent, 8 << 20);
}
END_TEST

START_TEST(urls_leave_with_the_source)
{
	struct probe_set *set = new_url_set(IPV4, "source");

	set_path(set, "lo", "127.0.0.5", "");
	probe(set);
	check_answered(set, 0);
	set_path(set, "lo", "127.0.0.6", "");
	probe(set);
	check_failed(set, 0, "answered 403");
}
END_TEST

START_TEST(urls_know_no_proxy)
{
	struct probe_set *set;

	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	set = new_url_set(IPV4, "200");
	probe(set);
	check_answered(set, 0);
}
END_TEST

static void replace_file(const char *path, const char *text)
{
	write_file("/tmp/replaced", text);
	run("mount --bind /tmp/replaced %s", path);
}

static void own_tmp(void)
{
	ck_assert_int_eq(mount("tmpfs", "/tmp", "tmpfs", 0, NULL), 0);
}

START_TEST(names_are_kept_for_both_families)
{
	struct probe_set *four, *six;
	char url[64];

	own_tmp();
	replace_file("/etc/hosts", "127.0.0.1 probe.test\n::1 probe.test\n");
	snprintf(url, sizeof(url), "http://probe.test:%u/200", port);
	four = new_set(IPV4, url);
	six = new_set(IPV6, url);
	for (int cycle = 0; cycle < 3; cycle++) {
		probe(four);
		check_answered(four, 0);
		probe(six);
		check_answered(six, 0);
		write_file("/etc/hosts", "");
	}
	six = new_set(IPV6, "http://another.test/");
	probe(six);
	check_failed(six, 0, "Could not resolve host: another.test");
}
END_TEST

static unsigned threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

/* libcurl's own way is to wait for the name server: it would hold up every WAN. */
START_TEST(a_silent_name_server_holds_nothing_up)
{
	unsigned idle = threads();
	struct probe_set *set;
	uint64_t since;

	own_tmp();
	replace_file("/etc/resolv.conf", "nameserver 127.0.0.9\noptions timeout:1 attempts:1\n");
	run("nft 'table ip t { chain i { type filter hook input priority 0; ip daddr 127.0.0.9 "
	    "drop; }; }'");
	set = new_set(IPV4, "127.0.0.1 http://one.example/ http://other.example/");
	since = now_ms();
	for (int cycle = 0; cycle < 6; cycle++) {
		probe_begin(set);
		wait_for(set, 50);
		probe_end(set);
		check_answered(set, 0);
		check_failed(set, 1, "no address for its name within 500ms");
		/* One for each URL, however often it is tried. */
		ck_assert_uint_le(threads(), idle + 2);
	}
	ck_assert_uint_lt(elapsed_ms(since), 900);

	/* It gives up at last, and that is told. */
	probe_begin(set);
	wait_for(set, 5000);
	check_failed(set, 1, "Could not resolve host: one.example");
	ck_assert_uint_eq(n_done, 1);
	ck_assert_uint_eq(threads(), idle);

	/* A configuration that is reread, and the end. */
	probe_begin(set);
	wait_for(set, 50);
	since = now_ms();
	free_sets();
	ck_assert_uint_lt(elapsed_ms(since), 100);
	set = new_set(IPV4, "http://one.example/");
	probe_begin(set);
	wait_for(set, 50);
	since = now_ms();
	free_sets();
	probes_free(probes);
	probes = NULL;
	ck_assert_uint_lt(elapsed_ms(since), 100);
	usleep(1500000);
	ck_assert_uint_eq(threads(), idle);
}
END_TEST

/* The name comes when nobody waits for it anymore: nothing must leave then. */
START_TEST(a_late_name_opens_no_connection)
{
	uint8_t query[512];
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(53),
				  .sin_addr = address("127.0.0.9").in };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct probe_set *set;
	char url[64];
	ssize_t n;

	own_tmp();
	replace_file("/etc/resolv.conf", "nameserver 127.0.0.9\noptions timeout:5 attempts:1\n");
	ck_assert_int_eq(bind(fd, (void *)&in, sizeof(in)), 0);
	snprintf(url, sizeof(url), "http://late.example:%u/200", port);
	set = new_set(IPV4, url);
	probe_begin(set);
	wait_for(set, 50);
	probe_end(set);

	n = recvfrom(fd, query, sizeof(query) - 16, 0, (void *)&in, &len);
	ck_assert_int_gt(n, 12);
	/* The question again without what may follow it, and 127.0.0.1. */
	n = 12 + (ssize_t)strlen((char *)query + 12) + 5;
	query[2] |= 0x80;
	query[7] = 1;
	query[11] = 0;
	memcpy(query + n, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1", 16);
	sendto(fd, query, n + 16, 0, (void *)&in, sizeof(in));
	for (int i = 0; i < 10; i++) {
		usleep(10000);
		run_dry();
	}
	ck_assert_uint_eq(server->connections, 0);
	check_failed(set, 0, "no address for its name within 500ms");

	/* But it is remembered. */
	close(fd);
	probe(set);
	check_answered(set, 0);
	ck_assert_uint_eq(server->connections, 1);
}
END_TEST

START_TEST(without_libcurl_only_urls_fail)
{
	struct probe_set *set;

	run("for lib in $(/sbin/ldconfig -p | sed -n 's/.*libcurl\\.so\\.4 .*=> //p'); do mount "
	    "--bind /dev/null $lib; done");
	set = new_set(IPV4, "127.0.0.1 http://127.0.0.1/");
	new_set(IPV4, "http://127.0.0.1/");
	probe(set);
	check_answered(set, 0);
	check_failed(set, 1, "libcurl.so.4 is missing");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("probe_http");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, urls_answer_by_what_they_say, 0, N_FAMILIES);
	tcase_add_test(tcase, urls_that_are_slow_fail_at_the_deadline);
	tcase_add_test(tcase, urls_where_nobody_is_fail);
	tcase_add_test(tcase, bodies_are_not_downloaded);
	tcase_add_test(tcase, urls_leave_with_the_source);
	tcase_add_test(tcase, urls_know_no_proxy);
	tcase_add_test(tcase, names_are_kept_for_both_families);
	tcase_add_test(tcase, a_silent_name_server_holds_nothing_up);
	tcase_add_test(tcase, a_late_name_opens_no_connection);
	tcase_add_test(tcase, without_libcurl_only_urls_fail);
	return run_case(tcase, "probe_http");
}
