// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of the probes of URLs, against a web server of ours.
// The server's path says how a request is answered.

#include "base/parse.h"
#include "probe/probing.h"
#include "probe/socket.h"
#include "probe/web_server.h"
#include "suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
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
		new_url_set(_i, "200 204 299 early 300 301 400 404 500 503 garbage reset cut");

	for (int cycle = 0; cycle < 3; cycle++) {
		probe_begin(set);
		ck_assert_uint_eq(set->n_pending, set->n_targets);
		wait_for(set, 2000);
		check_counts(set);
		for (size_t i = 0; i < 4; i++) {
			check_answered(set, i);
			ck_assert_uint_gt(set->targets[i].rtt_us, 0);
			ck_assert_uint_lt(set->targets[i].rtt_us, 1000000);
		}
		/* The server sends them to another path of its own. */
		check_failed(set, 4, FAILURE_STATUS, "answered 300, leads to /hang");
		check_failed(set, 5, FAILURE_STATUS, "answered 301, leads to /hang");
		check_failed(set, 6, FAILURE_STATUS, "answered 400");
		check_failed(set, 7, FAILURE_STATUS, "answered 404");
		check_failed(set, 8, FAILURE_STATUS, "answered 500");
		check_failed(set, 9, FAILURE_STATUS, "answered 503");
		check_failed(set, 10, FAILURE_WRONG, "Received HTTP/0.9");
		check_failed(set, 11, FAILURE_REFUSED, "Recv failure: Connection reset by peer");
		check_failed(set, 12, FAILURE_WRONG, "");
	}
	ck_assert_uint_eq(n_done, 3);
	/* One for each request: none is kept, no redirect is followed. */
	ck_assert_uint_eq(server->connections, 3 * set->n_targets);
}
END_TEST

START_TEST(only_the_status_that_is_asked_for_will_do)
{
	struct probe_set *set = new_url_set(IPV4, "204 302 302/ 200 404 portal portal/ 511");

	for (size_t i = 0; i < set->n_targets; i++)
		set->targets[i].status = (struct status_range){ 204, 204 };
	set->targets[1].status = (struct status_range){ 300, 399 };
	set->targets[5].status = (struct status_range){ 302, 302 };
	probe(set);
	check_answered(set, 0);
	check_answered(set, 1);
	check_failed(set, 2, FAILURE_STATUS, "answered 302, leads to /hang");
	check_failed(set, 3, FAILURE_PORTAL, "looks like a captive portal: answered 200");
	check_failed(set, 4, FAILURE_STATUS, "answered 404");
	check_answered(set, 5);
	/* What follows in the line is no part of an address, and may be meant for our log. */
	check_failed(set, 6, FAILURE_PORTAL,
		     "looks like a captive portal: answered 302, leads to "
		     "HTTPS://login.example/?a=b");
	ck_assert_ptr_null(strchr(strstr(set->targets[6].why, "HTTPS"), ' '));
	check_failed(set, 7, FAILURE_PORTAL, "looks like a captive portal: answered 511");
}
END_TEST

START_TEST(urls_that_are_slow_fail_at_the_deadline)
{
	struct probe_set *set = new_url_set(IPV4, "hang slow 200");
	unsigned fastest = UINT_MAX;
	uint64_t begun;

	for (int cycle = 0; cycle < 3; cycle++) {
		begun = now_ms();
		probe(set);
		check_failed(set, 0, FAILURE_SLOW, "no answer within 500ms");
		check_failed(set, 1, FAILURE_SLOW, "no answer within 500ms");
		check_answered(set, 2);
		if (elapsed_ms(begun) < fastest)
			fastest = elapsed_ms(begun);
	}
	ck_assert_uint_lt(fastest, 900);
	/* One more that nobody waits for, and what was left behind does not come back. */
	probe_begin(set);
	probe_end(set);
	ck_assert_uint_le(run_dry(), 2);
	ck_assert_int_eq(set->targets[2].result, PROBE_FAILED);
	ck_assert_uint_eq(n_done, 0);
}
END_TEST

/* The kernel accepts for a server that does not. */
START_TEST(urls_where_nobody_speaks_are_slow)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = address("127.0.0.1").in };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(in);
	struct probe_set *set;
	char urls[128];

	ck_assert_int_eq(bind(fd, (void *)&in, len), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	getsockname(fd, (void *)&in, &len);
	snprintf(urls, sizeof(urls), "http://127.0.0.1:%u/ https://127.0.0.1:%u/",
		 ntohs(in.sin_port), ntohs(in.sin_port));
	set = new_set(IPV4, urls);
	probe(set);
	check_failed(set, 0, FAILURE_SLOW, "no answer within 500ms");
	check_failed(set, 1, FAILURE_SLOW, "no TLS within 500ms");
	close(fd);
}
END_TEST

START_TEST(urls_that_nothing_can_ask_for_are_mistakes)
{
	struct probe_set *set = new_set(
		IPV4, "http://127.0.0.1:99999/ http://user@/ httpx://127.0.0.1/ http://[::1/");

	probe(set);
	for (size_t i = 0; i < set->n_targets; i++)
		check_failed(set, i, FAILURE_MALFORMED, "");
	ck_assert_uint_eq(server->connections, 0);
}
END_TEST

START_TEST(urls_where_nobody_is_fail)
{
	struct probe_set *set = new_set(IPV4, "http://127.0.0.1:1/ http://127.0.0.2:2/");

	run("nft 'table ip t { chain i { type filter hook input priority 0; tcp dport 2 drop; }; "
	    "}'");
	probe(set);
	check_failed(set, 0, FAILURE_REFUSED, "cannot connect: Connection refused");
	check_failed(set, 1, FAILURE_SILENT, "no connection within 500ms");

	set = new_set(IPV6, "http://[2001:db8:9::1]/");
	run("ip -6 route add prohibit 2001:db8:9::1");
	probe(set);
	check_failed(set, 0, FAILURE_UNREACHABLE, "cannot connect: Permission denied");
}
END_TEST

/* The kernel drops TCP's packets then, and says so to nobody. A file stands for its table. */
START_TEST(a_full_table_of_flows_is_not_silence)
{
	struct probe_set *set = new_set(IPV4, "http://127.0.0.2:2/ http://127.0.0.3:2/");

	run("mount -t tmpfs tmpfs /tmp && cp /proc/sys/net/netfilter/nf_conntrack_max /tmp/count "
	    "&& "
	    "mount --bind /tmp/count /proc/sys/net/netfilter/nf_conntrack_count");
	run("nft 'table ip t { chain o { type filter hook output priority 0; ip daddr 127.0.0.2 "
	    "drop; }; chain i { type filter hook input priority 0; ip daddr 127.0.0.3 drop; }; }'");
	probe(set);
	check_failed(set, 0, FAILURE_FULL, "conntrack table full, no connection within 500ms");
	check_failed(set, 1, FAILURE_SILENT, "no connection within 500ms");
}
END_TEST

START_TEST(errors_of_connections_have_kinds)
{
	static const struct {
		int error;
		enum probe_failure failure;
	} kinds[] = {
		{ 0, FAILURE_UNKNOWN },
		{ ECONNREFUSED, FAILURE_REFUSED },
		{ EPERM, FAILURE_FILTERED },
		{ EACCES, FAILURE_UNREACHABLE },
		{ ENETUNREACH, FAILURE_UNREACHABLE },
		{ ETIMEDOUT, FAILURE_SILENT },
		{ EADDRNOTAVAIL, FAILURE_LOCAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		ck_assert_int_eq(probe_failure_of(kinds[i].error), kinds[i].failure);
}
END_TEST

/* Others' cycles end meanwhile, and reports say what is known of this target. */
START_TEST(a_failure_stays_until_the_next_result)
{
	struct probe_set *set = new_url_set(IPV4, "404");

	probe(set);
	probe_begin(set);
	ck_assert_int_eq(set->targets[0].result, PROBE_PENDING);
	ck_assert_int_eq(set->targets[0].failure, FAILURE_STATUS);
	ck_assert_str_eq(set->targets[0].why, "answered 404");
	probe_end(set);
	ck_assert_str_ne(set->targets[0].why, "answered 404");
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
	check_failed(set, 0, FAILURE_STATUS, "answered 403");
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

START_TEST(without_libcurl_only_urls_fail)
{
	struct probe_set *set;

	run("for lib in $(/sbin/ldconfig -p | sed -n 's/.*libcurl\\.so\\.4 .*=> //p'); do mount "
	    "--bind /dev/null $lib; done");
	set = new_set(IPV4, "127.0.0.1 http://127.0.0.1/");
	new_set(IPV4, "http://127.0.0.1/");
	probe(set);
	check_answered(set, 0);
	check_failed(set, 1, FAILURE_UNSUPPORTED, "libcurl.so.4 is missing");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("probe_http");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, urls_answer_by_what_they_say, 0, N_FAMILIES);
	tcase_add_test(tcase, only_the_status_that_is_asked_for_will_do);
	tcase_add_test(tcase, urls_that_are_slow_fail_at_the_deadline);
	tcase_add_test(tcase, urls_where_nobody_speaks_are_slow);
	tcase_add_test(tcase, urls_that_nothing_can_ask_for_are_mistakes);
	tcase_add_test(tcase, urls_where_nobody_is_fail);
	tcase_add_test(tcase, a_full_table_of_flows_is_not_silence);
	tcase_add_test(tcase, errors_of_connections_have_kinds);
	tcase_add_test(tcase, a_failure_stays_until_the_next_result);
	tcase_add_test(tcase, bodies_are_not_downloaded);
	tcase_add_test(tcase, urls_leave_with_the_source);
	tcase_add_test(tcase, urls_know_no_proxy);
	tcase_add_test(tcase, without_libcurl_only_urls_fail);
	return run_case(tcase, "probe_http");
}
