// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of URLs with names: where they are looked up, what is kept, and what if nobody knows them.
// lo stands for a WAN, and an address on it for a name server behind that.

#include "probe/probing.h"
#include "probe/web_server.h"
#include "suite.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>

static void set_up(void)
{
	probing_begin();
	web_server_start();
}

static void tear_down(void)
{
	probing_end();
	web_server_stop();
}

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
	/* Nobody there. */
	replace_file("/etc/resolv.conf", "nameserver 2001:db8::1\n");
	six = new_set(IPV6, "http://another.test/");
	probe(six);
	check_failed(six, 0, FAILURE_UNRESOLVED, "no answer from name server 2001:db8::1 over lo");
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

/* A name server that is asked over lo, as if lo were a WAN; 127.0.0.0/8 would be this machine. */
static void own_name_server(void)
{
	own_tmp();
	run("ip address add 10.0.0.9/32 dev lo");
	replace_file("/etc/resolv.conf", "nameserver 10.0.0.9\n");
}

START_TEST(a_silent_name_server_holds_nothing_up)
{
	struct probe_set *set;
	uint64_t since;

	own_name_server();
	run("nft 'table ip t { chain i { type filter hook input priority 0; ip daddr 10.0.0.9 "
	    "drop; }; }'");
	set = new_set(IPV4, "127.0.0.1 http://one.example/ http://other.example/");
	since = now_ms();
	for (int cycle = 0; cycle < 6; cycle++) {
		probe_begin(set);
		wait_for(set, 50);
		probe_end(set);
		check_answered(set, 0);
		check_failed(set, 1, FAILURE_UNRESOLVED,
			     "no answer from name server 10.0.0.9 over lo within 500ms");
		ck_assert_uint_eq(threads(), 1);
	}
	ck_assert_uint_lt(elapsed_ms(since), 3000);

	/* It gives up at last, and that is told. */
	probe_begin(set);
	wait_for(set, 60000);
	check_failed(set, 1, FAILURE_UNRESOLVED, "no answer from name server 10.0.0.9 over lo");
	ck_assert_uint_eq(n_done, 1);

	/* A configuration that is reread, and the end. */
	probe_begin(set);
	since = now_ms();
	free_sets();
	probes_free(probes);
	probes = NULL;
	ck_assert_uint_lt(elapsed_ms(since), 500);
}
END_TEST

/* Nothing is known of the WAN by that. */
START_TEST(a_name_server_of_this_machine_is_not_the_wans)
{
	struct probe_set *set;

	own_tmp();
	replace_file("/etc/resolv.conf", "nameserver 127.0.0.9\n");
	set = new_set(IPV4, "http://one.example/");
	probe(set);
	check_failed(set, 0, FAILURE_RESOLVER, "no answer from name server 127.0.0.9");
	ck_assert_ptr_null(strstr(set->targets[0].why, "over"));
}
END_TEST

START_TEST(a_name_server_that_must_not_be_asked_is_not_the_wans)
{
	struct probe_set *set;

	own_name_server();
	run("nft 'table ip t { chain o { type filter hook output priority 0; udp dport 53 drop; "
	    "}; }'");
	set = new_set(IPV4, "http://one.example/");
	probe(set);
	check_failed(set, 0, FAILURE_FILTERED,
		     "cannot ask the name server over lo: Operation not permitted (dropped by "
		     "nftables)");
}
END_TEST

/* Answers the next question with an address; TTL 60 s. */
static void answer(int fd, const char *addr)
{
	uint8_t query[512];
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	ssize_t n = recvfrom(fd, query, sizeof(query) - 16, 0, (void *)&in, &len);

	ck_assert_int_gt(n, 12);
	/* The question again without what may follow it, and the address. */
	n = 12 + (ssize_t)strlen((char *)query + 12) + 5;
	query[2] |= 0x80;
	query[7] = 1;
	query[11] = 0;
	memcpy(query + n, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4", 12);
	memcpy(query + n + 12, address(addr).bytes, 4);
	sendto(fd, query, n + 16, 0, (void *)&in, sizeof(in));
}

/* The name comes when nobody waits for it anymore: nothing must leave then. */
START_TEST(a_late_name_opens_no_connection)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct probe_set *set;
	char url[64];

	own_name_server();
	in.sin_addr = address("10.0.0.9").in;
	ck_assert_int_eq(bind(fd, (void *)&in, sizeof(in)), 0);
	snprintf(url, sizeof(url), "http://late.example:%u/200", port);
	set = new_set(IPV4, url);
	probe_begin(set);
	wait_for(set, 50);
	probe_end(set);

	answer(fd, "127.0.0.1");
	for (int i = 0; i < 10; i++) {
		usleep(10000);
		run_dry();
	}
	ck_assert_uint_eq(server->connections, 0);
	check_failed(set, 0, FAILURE_UNRESOLVED, "no answer from name server 10.0.0.9 over lo");

	/* But it is remembered. */
	close(fd);
	probe(set);
	check_answered(set, 0);
	ck_assert_uint_eq(server->connections, 1);
	ck_assert_str_eq(addr_str(set->targets[0].address).s, "127.0.0.1");
}
END_TEST

/* That of a daemon before this one, say. */
START_TEST(an_address_from_before_is_better_than_none)
{
	struct probe_set *set;
	char url[64];

	own_name_server();
	snprintf(url, sizeof(url), "http://known.example:%u/200", port);
	set = new_set(IPV4, url);
	set->targets[0].address = address("127.0.0.1");
	for (int cycle = 0; cycle < 3; cycle++) {
		probe(set);
		check_answered(set, 0);
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("probe_names");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, names_are_kept_for_both_families);
	tcase_add_test(tcase, a_silent_name_server_holds_nothing_up);
	tcase_add_test(tcase, a_name_server_of_this_machine_is_not_the_wans);
	tcase_add_test(tcase, a_name_server_that_must_not_be_asked_is_not_the_wans);
	tcase_add_test(tcase, an_address_from_before_is_better_than_none);
	tcase_add_test(tcase, a_late_name_opens_no_connection);
	return run_case(tcase, "probe_names");
}
