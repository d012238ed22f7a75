#include "parse.h"
#include "probe.h"
#include "suite.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* Each test has a network of its own: lo, and where it asks for one, a link to a far end. */

#define MAX_SETS 4

static sd_event *event;
static struct probes *probes;
static struct fault fault;
static struct probe_set *sets[MAX_SETS];
static struct health_conf confs[MAX_SETS];
static size_t n_sets;
static unsigned n_done;
static int near_net = -1, far_net = -1;

static _printf_(1, 2) void run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	/* NOLINTNEXTLINE(cert-env33-c): the test's own words */
	ck_assert_msg(system(command) == 0, "%s", command);
}

static void write_file(const char *path, const char *text)
{
	_cleanup_(fclosep) FILE *f = fopen(path, "we");

	ck_assert_msg(f && fputs(text, f) >= 0 && fflush(f) == 0, "%s: %m", path);
}

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
	ck_assert_msg(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "needs root: %m");
	ck_assert_int_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	run("ip link set lo up && ip -6 address add 2001:db8::1/128 dev lo nodad");
	/* The kernel takes its time, also below. */
	run("until ip -6 route show table local | grep -q 2001:db8::1; do sleep 0.01; done");
	/* As the daemon would without systemd's IgnoreSIGPIPE. */
	signal(SIGPIPE, SIG_DFL);

	start_server();
	ck_assert_int_ge(sd_event_new(&event), 0);
	ck_assert_int_eq(probes_new(event, &probes, &fault), 0);
}

static void free_sets(void)
{
	while (n_sets > 0) {
		struct health_conf *conf = &confs[--n_sets];

		probe_set_free(sets[n_sets]);
		for (int f = 0; f < N_FAMILIES; f++) {
			free(conf->ping[f].v);
			for (size_t i = 0; i < conf->http[f].n; i++)
				free(conf->http[f].v[i]);
			free(conf->http[f].v);
		}
		*conf = (struct health_conf){};
	}
}

static void tear_down(void)
{
	free_sets();
	probes_free(probes);
	sd_event_unref(event);
	stop_server();
}

static void on_done(struct probe_set *set, void *arg)
{
	ck_assert_uint_eq(set->n_pending, 0);
	n_done++;
}

static struct addr address(const char *text)
{
	struct addr addr = {};

	if (*text)
		ck_assert_int_eq(addr_parse(text, AF_UNSPEC, &addr), 0);
	return addr;
}

static void set_path(struct probe_set *set, const char *interface, const char *first,
		     const char *second)
{
	struct probe_path path = { .mark = 7, .sources = { address(first), address(second) } };

	snprintf(path.interface, sizeof(path.interface), "%s", interface);
	probe_set_path(set, &path, false);
}

/* targets: addresses, then URLs; over lo. */
static struct probe_set *new_set(enum family family, const char *targets)
{
	_cleanup_(freep) char *text = strdup(targets);
	struct health_conf *conf = &confs[n_sets];
	char *rest = text;

	conf->timeout_us = 500000;
	conf->ping[family].v = calloc(strlen(text), sizeof(struct addr));
	conf->http[family].v = calloc(strlen(text), sizeof(char *));
	for (char *item; (item = parse_item(&rest, " "));) {
		if (strncmp(item, "http", 4) == 0)
			conf->http[family].v[conf->http[family].n++] = strdup(item);
		else
			conf->ping[family].v[conf->ping[family].n++] = address(item);
	}
	ck_assert_int_eq(probe_set_new(probes, conf, family, on_done, NULL, &sets[n_sets], &fault),
			 0);
	set_path(sets[n_sets], "lo", family == IPV4 ? "127.0.0.1" : "2001:db8::1", "");
	return sets[n_sets++];
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static unsigned elapsed_ms(uint64_t since)
{
	return now_ms() - since;
}

/* Lets the loop run for so long, or until nothing of the set is pending; how often it woke. */
static unsigned wait_for(struct probe_set *set, unsigned ms)
{
	uint64_t end = now_ms() + ms;
	unsigned wakes = 0;

	for (uint64_t now; set->n_pending > 0 && (now = now_ms()) < end;) {
		int r = sd_event_run(event, (end - now) * 1000);

		ck_assert_int_ge(r, 0);
		wakes += r > 0;
	}
	return wakes;
}

/* What is there by now. */
static unsigned run_dry(void)
{
	unsigned wakes = 0;

	while (sd_event_run(event, 0) > 0)
		wakes++;
	return wakes;
}

/* n_pending has to tell the truth, and failures only have a reason. */
static void check_counts(const struct probe_set *set)
{
	size_t pending = 0;

	for (size_t i = 0; i < set->n_targets; i++) {
		const struct probe_target *target = &set->targets[i];

		pending += target->result == PROBE_PENDING;
		ck_assert_int_eq(target->why[0] != '\0', target->result == PROBE_FAILED);
	}
	ck_assert_uint_eq(pending, set->n_pending);
}

static void probe(struct probe_set *set)
{
	probe_begin(set);
	check_counts(set);
	wait_for(set, confs[0].timeout_us / 1000);
	check_counts(set);
	probe_end(set);
	check_counts(set);
	ck_assert_uint_eq(set->n_pending, 0);
}

static void check_answered(const struct probe_set *set, size_t i)
{
	ck_assert_uint_lt(i, set->n_targets);
	ck_assert_msg(set->targets[i].result == PROBE_ANSWERED, "%s: %s", set->targets[i].name,
		      set->targets[i].why);
}

static void check_failed(const struct probe_set *set, size_t i, const char *why)
{
	ck_assert_uint_lt(i, set->n_targets);
	ck_assert_int_eq(set->targets[i].result, PROBE_FAILED);
	ck_assert_msg(strncmp(set->targets[i].why, why, strlen(why)) == 0, "\"%s\", not \"%s\"",
		      set->targets[i].why, why);
}

static void check_all_answered(const struct probe_set *set)
{
	for (size_t i = 0; i < set->n_targets; i++)
		check_answered(set, i);
}

/* A veth w0, 10.9.0.1 and .3, to a far end 10.9.0.2 in a network of its own. */
static void link_up(void)
{
	run("ip link add w0 type veth peer name far0 netns /proc/%d/fd/%d", getpid(), far_net);
	run("ip address add 10.9.0.1/24 dev w0; ip address add 10.9.0.3/24 dev w0; ip link set w0 "
	    "up");
	ck_assert_int_eq(setns(far_net, CLONE_NEWNET), 0);
	run("ip address add 10.9.0.2/24 dev far0 && ip link set far0 up");
	ck_assert_int_eq(setns(near_net, CLONE_NEWNET), 0);
	run("until ip link show w0 | grep -q 'state UP'; do sleep 0.02; done");
}

static struct probe_set *new_far_set(void)
{
	struct probe_set *set = new_set(IPV4, "10.9.0.2");

	near_net = open("/proc/self/ns/net", O_RDONLY); /* NOLINT(android-*): for ip(8) too */
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	far_net = open("/proc/self/ns/net", O_RDONLY);
	ck_assert_int_eq(setns(near_net, CLONE_NEWNET), 0);
	link_up();
	set_path(set, "w0", "10.9.0.1", "10.9.0.3");
	return set;
}

/* The inode of the only raw socket of this network; 0: there is none. */
static unsigned long raw_socket(void)
{
	_cleanup_(fclosep) FILE *f = fopen("/proc/net/raw", "re");
	unsigned long inode = 0;
	char line[512];

	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	if (fgets(line, sizeof(line), f)) {
		char *rest = line;

		for (int column = 0; column < 10; column++)
			inode = strtoul(parse_item(&rest, " "), NULL, 10);
	}
	ck_assert_ptr_null(fgets(line, sizeof(line), f));
	return inode;
}

START_TEST(addresses_answer)
{
	struct probe_set *four = new_set(IPV4, "127.0.0.1 127.0.0.2"),
			 *six = new_set(IPV6, "2001:db8::1 ::1");

	for (int cycle = 0; cycle < 3; cycle++) {
		n_done = 0;
		probe(four);
		probe(six);
		check_all_answered(four);
		check_all_answered(six);
		ck_assert_uint_eq(n_done, 2);
		ck_assert_uint_lt(four->targets[0].rtt_us, 100000);
	}
}
END_TEST

START_TEST(a_silent_target_fails_at_the_deadline)
{
	struct probe_set *set = new_set(IPV4, "127.0.0.1 127.0.0.2 127.0.0.3");

	run("nft 'table ip t { chain i { type filter hook input priority 0; ip daddr 127.0.0.2 "
	    "drop; }; }'");
	probe_begin(set);
	wait_for(set, 200);
	check_answered(set, 0);
	check_answered(set, 2);
	ck_assert_uint_eq(set->n_pending, 1);
	probe_end(set);
	check_failed(set, 1, "no answer within 500ms");
	ck_assert_uint_eq(n_done, 0); /* the caller knows */
}
END_TEST

/* The kernel is kept from answering, and the test does, in its own ways. */
static uint8_t request[2048];
static int echo_socket;

static void take_over_echo(enum family family, const char *source)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = address(source).in };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = address(source).in6 };

	write_file("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1");
	write_file("/proc/sys/net/ipv6/icmp/echo_ignore_all", "1");
	echo_socket = socket(family_af(family), SOCK_RAW | SOCK_CLOEXEC,
			     family == IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	ck_assert_int_eq(family == IPV4 ? bind(echo_socket, (void *)&in, sizeof(in))
					: bind(echo_socket, (void *)&in6, sizeof(in6)),
			 0);
}

/* The request that lies in request[] from its ICMP header on. */
static void catch_request(enum family family)
{
	ssize_t n;

	do {
		n = recv(echo_socket, request, sizeof(request), MSG_DONTWAIT);
		ck_assert_msg(n > 0, "no request");
		if (family == IPV4)
			memmove(request, request + 20, sizeof(request) - 20);
	} while (request[0] != (family == IPV4 ? 8 : 128));
	ck_assert_int_eq(n, family == IPV4 ? 84 : 64);
}

static void forge(enum family family, const char *to, int change_at, size_t len)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = address(to).in };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = address(to).in6 };
	uint8_t reply[64];
	uint32_t sum = 0;

	memcpy(reply, request, sizeof(reply));
	reply[0] = family == IPV4 ? 0 : 129;
	reply[2] = reply[3] = 0;
	if (change_at >= 0)
		reply[change_at] ^= 1;
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)reply[i] << 8 | reply[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	reply[2] = sum >> 8 & 0xff;
	reply[3] = sum & 0xff;
	ck_assert_int_eq(family == IPV4
				 ? sendto(echo_socket, reply, len, 0, (void *)&in, sizeof(in))
				 : sendto(echo_socket, reply, len, 0, (void *)&in6, sizeof(in6)),
			 len);
}

START_TEST(only_the_answer_to_this_very_request_counts)
{
	/* Somewhere in: id, number, cookie, cycle, target; then too short for them. */
	static const struct {
		int change_at;
		size_t len;
	} forged[] = { { 5, 64 },  { 7, 64 },  { 8, 64 }, { 15, 64 },
		       { 16, 64 }, { 20, 64 }, { -1, 8 }, { -1, 20 } };
	static const char *const to[] = { "127.0.0.1", "2001:db8::1" };
	enum family family = _i;
	struct probe_set *set = new_set(family, family == IPV4 ? "127.0.0.9" : "::1");

	take_over_echo(family, family == IPV4 ? "127.0.0.9" : "::1");
	probe_begin(set);
	catch_request(family);
	for (size_t i = 0; i < ARRAY_SIZE(forged); i++)
		forge(family, to[family], forged[i].change_at, forged[i].len);
	run_dry();
	ck_assert_uint_eq(set->n_pending, 1);

	/* Of the cycle before. */
	probe_begin(set);
	forge(family, to[family], -1, 64);
	run_dry();
	ck_assert_uint_eq(set->n_pending, 1);

	catch_request(family);
	forge(family, to[family], -1, 64);
	forge(family, to[family], -1, 64);
	run_dry();
	check_answered(set, 0);
	ck_assert_uint_eq(n_done, 1);
}
END_TEST

START_TEST(an_answer_from_elsewhere_does_not_count)
{
	struct probe_set *set = new_set(IPV4, "127.0.0.9");
	int target;

	take_over_echo(IPV4, "127.0.0.9");
	target = echo_socket;
	take_over_echo(IPV4, "127.0.0.8");
	probe_begin(set);
	ck_assert_int_gt(recv(target, request, sizeof(request), 0), 0);
	memmove(request, request + 20, 64);
	forge(IPV4, "127.0.0.1", -1, 64);
	run_dry();
	ck_assert_uint_eq(set->n_pending, 1);

	echo_socket = target;
	forge(IPV4, "127.0.0.1", -1, 64);
	run_dry();
	check_answered(set, 0);
}
END_TEST

START_TEST(errors_fail_at_once_and_say_who_said_what)
{
	struct probe_set *four = new_set(IPV4, "127.0.0.1 127.0.0.2 127.0.0.3"),
			 *six = new_set(IPV6, "2001:db8::1 ::1");

	run("nft 'table inet t { chain i { type filter hook input priority 0;"
	    " ip daddr 127.0.0.2 icmp type echo-request reject with icmp type net-unreachable;"
	    " ip daddr 127.0.0.3 icmp type echo-request reject with icmp type admin-prohibited;"
	    " ip6 daddr ::1 icmpv6 type echo-request reject with icmpv6 type addr-unreachable; }; "
	    "}'");
	probe_begin(four);
	wait_for(four, 400);
	check_counts(four);
	check_answered(four, 0);
	check_failed(four, 1, "no route, says 127.0.0.2");
	check_failed(four, 2, "prohibited by a filter, says 127.0.0.3");

	probe_begin(six);
	wait_for(six, 400);
	check_answered(six, 0);
	check_failed(six, 1, "host unreachable, says ::1");
	ck_assert_uint_eq(n_done, 2);
}
END_TEST

START_TEST(a_probe_that_cannot_be_bound_fails_and_says_why)
{
	struct probe_set *set = new_set(IPV6, "2001:db8::1 http://[::1]:1/");
	struct probe_path path = {};

	/* Never told its path, and one that nothing is known of. */
	probe_set_path(set, &path, true);
	probe_begin(set);
	check_failed(set, 0, "no interface to probe over");

	set_path(set, "lo", "", "127.0.0.1");
	probe_begin(set);
	check_failed(set, 0, "no usable IPv6 address on lo");
	check_failed(set, 1, "no usable IPv6 address on lo");

	set_path(set, "lo", "2001:db8::2", "2001:db8::3");
	probe_begin(set);
	check_failed(set, 0, "cannot bind to 2001:db8::2 on lo: Cannot assign requested address");
	check_failed(set, 1, "cannot bind to 2001:db8::2 on lo: Cannot assign requested address");

	set_path(set, "w7", "2001:db8::1", "");
	probe_begin(set);
	check_failed(set, 0, "there is no interface w7");
	check_failed(set, 1, "there is no interface w7");
	ck_assert_uint_eq(set->n_pending, 0);

	/* The second source will do. */
	set_path(set, "lo", "2001:db8::2", "2001:db8::1");
	probe(set);
	check_answered(set, 0);
	ck_assert_uint_eq(n_done, 1); /* not of those that were over with their beginning */
}
END_TEST

START_TEST(the_socket_is_kept_while_the_path_is_the_same)
{
	struct probe_set *set = new_set(IPV4, "127.0.0.1");
	struct probe_path path = { .interface = "lo", .sources = { address("127.0.0.1") } };
	unsigned long first, second;

	probe_set_path(set, &path, false);
	ck_assert_uint_eq(raw_socket(), 0);
	probe(set);
	first = raw_socket();
	probe_set_path(set, &path, false);
	probe(set);
	ck_assert_uint_eq(raw_socket(), first);

	probe_set_path(set, &path, true);
	probe(set);
	second = raw_socket();
	ck_assert_uint_ne(second, first);

	path.mark = 8;
	probe_set_path(set, &path, false);
	probe(set);
	ck_assert_uint_ne(raw_socket(), second);
	check_answered(set, 0);
}
END_TEST

START_TEST(an_address_event_does_not_lose_what_is_under_way)
{
	struct probe_set *set = new_set(IPV4, "127.0.0.1");
	struct probe_path path = { .interface = "lo", .sources = { address("127.0.0.1") } };

	probe_set_path(set, &path, false);
	probe_begin(set);
	probe_set_path(set, &path, true);
	wait_for(set, 100);
	check_answered(set, 0);
}
END_TEST

START_TEST(a_link_may_go_and_come_back)
{
	struct probe_set *set = new_far_set();

	probe(set);
	check_answered(set, 0);

	/* Nobody has seen that it is another one now. */
	run("ip link del w0");
	link_up();
	probe(set);
	check_answered(set, 0);

	run("ip link del w0");
	probe_begin(set);
	check_failed(set, 0, "there is no interface w0");
	link_up();
	probe(set);
	check_answered(set, 0);
}
END_TEST

START_TEST(a_source_that_went_is_replaced)
{
	struct probe_set *set = new_far_set();

	probe(set);
	check_answered(set, 0);
	/* Its secondary stays: promoted. */
	run("sysctl -qw net.ipv4.conf.w0.promote_secondaries=1 && ip address del 10.9.0.1/24 dev "
	    "w0");
	probe(set);
	check_answered(set, 0);
	run("ip address del 10.9.0.3/24 dev w0");
	probe_begin(set);
	check_failed(set, 0, "cannot bind to 10.9.0.1 on w0: ");
}
END_TEST

START_TEST(a_link_that_is_down_keeps_nobody_awake)
{
	struct probe_set *set = new_far_set();

	probe(set);
	ck_assert_int_eq(setns(far_net, CLONE_NEWNET), 0);
	write_file("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1");
	ck_assert_int_eq(setns(near_net, CLONE_NEWNET), 0);
	probe_begin(set);
	run("ip link set w0 down");
	ck_assert_uint_le(wait_for(set, 100), 4);
	ck_assert_uint_eq(set->n_pending, 1);
	run("ip link del w0");
	ck_assert_uint_le(wait_for(set, 100), 4);
	probe_begin(set);
	check_failed(set, 0, "there is no interface w0");
}
END_TEST

START_TEST(a_target_that_cannot_be_sent_to_stops_no_other)
{
	struct probe_set *set = new_set(IPV4, "127.0.0.1 127.0.0.2 127.0.0.3");

	for (int cycle = 0; cycle < 3; cycle++) {
		probe(set);
		check_answered(set, 0);
		check_answered(set, 2);
		if (cycle == 0)
			run("nft 'table ip t { chain o { type filter hook output priority 0; ip "
			    "daddr 127.0.0.2 drop; }; }'");
		else
			check_failed(set, 1,
				     "cannot send over lo: Operation not permitted (dropped by "
				     "nftables)");
	}
}
END_TEST

/* IPv4 has no such error: bound to a link, the kernel takes what has no route for a neighbour. */
START_TEST(no_route_is_told)
{
	struct probe_set *set = new_set(IPV6, "2001:db8:5::1 2001:db8::1");

	probe(set);
	check_failed(set, 0, "cannot send over lo: Network is unreachable");
	check_answered(set, 1);
}
END_TEST

START_TEST(a_hundred_targets_take_one_wake_each_batch)
{
	char targets[4096] = "";
	struct probe_set *set;
	unsigned wakes;

	for (int i = 1; i <= 128; i++)
		snprintf(targets + strlen(targets), 32, "127.0.1.%d ", i);
	set = new_set(IPV4, targets);
	ck_assert_uint_eq(set->n_targets, 128);
	for (int cycle = 0; cycle < 3; cycle++) {
		probe_begin(set);
		wakes = wait_for(set, 200);
		check_all_answered(set);
		ck_assert_uint_le(wakes, 4);
	}
}
END_TEST

START_TEST(an_answer_wakes_only_its_owner)
{
	enum family family = _i;
	const char *target = family == IPV4 ? "127.0.0.9" : "::1";
	struct probe_set *one = new_set(family, target), *other = new_set(family, target);

	probe(one);
	probe(other);
	probe_begin(one);
	ck_assert_uint_eq(run_dry(), 1);
	check_answered(one, 0);
	probe_begin(other);
	ck_assert_uint_eq(run_dry(), 1);
	check_answered(other, 0);
}
END_TEST

/* Replies that others ask for, requests, and errors about others' packets. */
START_TEST(what_others_send_wakes_nobody)
{
	struct probe_set *four = new_set(IPV4, "127.0.0.1"), *six = new_set(IPV6, "::1");

	run("nft 'table inet t { chain i { type filter hook input priority 0;"
	    " udp dport 9 reject; ip daddr 127.0.0.9 reject; }; }'");
	probe(four);
	probe(six);
	run_dry();
	run("python3 -c 'import socket as s\n"
	    "for f, a in (s.AF_INET, \"127.0.0.1\"), (s.AF_INET6, \"::1\"):\n"
	    "    s.socket(f, s.SOCK_DGRAM).sendto(b\"x\", (a, 9))\n"
	    "for f, p, a, t in ((s.AF_INET, 1, \"127.0.0.1\", 8), (s.AF_INET6, 58, \"::1\", "
	    "128)):\n"
	    "    r = s.socket(f, s.SOCK_RAW, p)\n"
	    "    r.sendto(bytes((t, 0, 0xf7 if t == 8 else 0, 0xff if t == 8 else 0)) + bytes(60), "
	    "(a, 0))'");
	ck_assert_uint_eq(run_dry(), 0);
}
END_TEST

START_TEST(a_busy_loop_does_not_make_answers_slow)
{
	struct probe_set *set = new_set(IPV4, "127.0.0.1");

	probe_begin(set);
	usleep(100000);
	run_dry();
	check_answered(set, 0);
	ck_assert_uint_lt(set->targets[0].rtt_us, 50000);
}
END_TEST

static void begin_again(struct probe_set *set, void *arg)
{
	if (++n_done < 5)
		probe_begin(set);
}

START_TEST(the_next_cycle_may_begin_when_one_is_done)
{
	struct probe_set *set;

	confs[0].ping[IPV4].v = calloc(1, sizeof(struct addr));
	confs[0].ping[IPV4].v[0] = address("127.0.0.1");
	confs[0].ping[IPV4].n = 1;
	ck_assert_int_eq(
		probe_set_new(probes, &confs[0], IPV4, begin_again, NULL, &sets[0], &fault), 0);
	set = sets[n_sets++];
	set_path(set, "lo", "127.0.0.1", "");
	probe_begin(set);
	while (n_done < 5)
		ck_assert_int_gt(sd_event_run(event, 200000), 0);
	check_answered(set, 0);
}
END_TEST

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
	TCase *tcase = tcase_create("probe");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, addresses_answer);
	tcase_add_test(tcase, a_silent_target_fails_at_the_deadline);
	tcase_add_loop_test(tcase, only_the_answer_to_this_very_request_counts, 0, N_FAMILIES);
	tcase_add_test(tcase, an_answer_from_elsewhere_does_not_count);
	tcase_add_test(tcase, errors_fail_at_once_and_say_who_said_what);
	tcase_add_test(tcase, a_probe_that_cannot_be_bound_fails_and_says_why);
	tcase_add_test(tcase, the_socket_is_kept_while_the_path_is_the_same);
	tcase_add_test(tcase, an_address_event_does_not_lose_what_is_under_way);
	tcase_add_test(tcase, a_link_may_go_and_come_back);
	tcase_add_test(tcase, a_source_that_went_is_replaced);
	tcase_add_test(tcase, a_link_that_is_down_keeps_nobody_awake);
	tcase_add_test(tcase, a_target_that_cannot_be_sent_to_stops_no_other);
	tcase_add_test(tcase, no_route_is_told);
	tcase_add_test(tcase, a_hundred_targets_take_one_wake_each_batch);
	tcase_add_loop_test(tcase, an_answer_wakes_only_its_owner, 0, N_FAMILIES);
	tcase_add_test(tcase, what_others_send_wakes_nobody);
	tcase_add_test(tcase, a_busy_loop_does_not_make_answers_slow);
	tcase_add_test(tcase, the_next_cycle_may_begin_when_one_is_done);
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
	return run_case(tcase, "probe");
}
