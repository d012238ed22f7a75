/*
 * Configurations as a person writes them: what the good ones mean, and what
 * is said about the bad ones (tests/golden/bad-config.golden).
 */
#include "config.h"
#include "parse.h"
#include "suite.h"

#include <errno.h>
#include <string.h>

#define FILE_NAME "site.conf"

#define LAN                                                                                        \
	"[lan]\n"                                                                                  \
	"interface = lan0\n"                                                                       \
	"prefix4 = 10.250.250.0/29\n"                                                              \
	"router4 = 10.250.250.2\n"
#define ATT                                                                                        \
	"[wan att]\n"                                                                              \
	"interface = wan0\n"                                                                       \
	"mark = 1\n"                                                                               \
	"table = 100\n"
#define MAP "[map4]\n10.250.250.2 = att 192.0.2.1\n"

/* Each test runs in a folder of its own, so that messages begin with a bare file name. */
static char folder[64];

static void enter_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/test-config.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void leave_folder(void)
{
	unlink(FILE_NAME);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void write_file(const char *path, const char *bytes, size_t n)
{
	_cleanup_(fclosep) FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
}

static int load_bytes(const char *bytes, size_t n, struct config *ret, struct fault *fault)
{
	write_file(FILE_NAME, bytes, n);
	return config_load(FILE_NAME, ret, fault);
}

static struct config load(const char *text)
{
	struct config config = {};
	struct fault fault = {};
	int r;

	r = load_bytes(text, strlen(text), &config, &fault);
	ck_assert_msg(r == 0, "%s", fault.text);
	ck_assert_str_eq(fault.text, "");
	return config;
}

static void refuse(const char *bytes, size_t n, const char *message)
{
	struct config config = { .n_map4 = 42 };
	struct fault fault = {};

	ck_assert_int_eq(load_bytes(bytes, n, &config, &fault), -EINVAL);
	ck_assert_str_eq(fault.text, message);
	ck_assert_uint_eq(config.n_map4, 42);
}

static const char *golden(const char *name)
{
	static char path[512];
	const char *dir = getenv("MWAN_GOLDEN");

	ck_assert_msg(dir != NULL, "MWAN_GOLDEN has to name tests/golden");
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static struct config load_good(const char *name)
{
	_cleanup_(freep) char *path = NULL;
	struct config config = {};
	struct fault fault = {};
	int r;

	ck_assert_int_ge(asprintf(&path, "good-config/%s", name), 0);
	r = config_load(golden(path), &config, &fault);
	ck_assert_msg(r == 0, "%s", fault.text);
	return config;
}

static void check_addr(struct addr addr, const char *text)
{
	ck_assert_str_eq(addr_str(addr).s, text);
}

/* The golden file: a base, and cases that are changes of it. */

struct lines {
	char **v;
	size_t n;
};

static void lines_add(struct lines *lines, const char *text)
{
	lines->v = reallocarray(lines->v, lines->n + 1, sizeof(*lines->v));
	ck_assert_ptr_nonnull(lines->v);
	lines->v[lines->n] = strdup(text);
	ck_assert_ptr_nonnull(lines->v[lines->n]);
	lines->n++;
}

static void lines_done(struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->v[i]);
	free(lines->v);
	*lines = (struct lines){};
}

static struct lines lines_read(const char *path)
{
	_cleanup_(fclosep) FILE *file = fopen(path, "re");
	_cleanup_(freep) char *text = NULL;
	struct lines lines = {};
	size_t room = 0;
	ssize_t n;

	ck_assert_msg(file != NULL, "%s", path);
	while ((n = getline(&text, &room, file)) >= 0) {
		if (n > 0 && text[n - 1] == '\n')
			text[n - 1] = '\0';
		lines_add(&lines, text);
	}
	return lines;
}

static const char *after(const char *line, const char *sign)
{
	size_t n = strlen(sign);

	return strncmp(line, sign, n) == 0 ? line + n : NULL;
}

/* Puts the lines from *i on, up to the next sign of the golden file, in place of at. */
static void change(struct lines *text, const char *at, const struct lines *golden_lines, size_t *i)
{
	_cleanup_(lines_done) struct lines before = TAKE(*text);
	size_t first = *i;
	bool found = false;

	while (*i < golden_lines->n && !after(golden_lines->v[*i], "@@ ") &&
	       !after(golden_lines->v[*i], "!! "))
		(*i)++;

	if (strcmp(at, "all") == 0)
		lines_done(&before);
	for (size_t b = 0; b <= before.n; b++) {
		bool here = b < before.n ? strcmp(before.v[b], at) == 0
					 : strcmp(at, "end") == 0 || strcmp(at, "all") == 0;

		if (b < before.n && !here)
			lines_add(text, before.v[b]);
		for (size_t j = first; here && j < *i; j++)
			lines_add(text, golden_lines->v[j]);
		found |= here;
	}
	ck_assert_msg(found, "the base has no line \"%s\"", at);
}

static void message_for(const struct lines *text, struct fault *fault)
{
	_cleanup_(config_done) struct config config = {};
	_cleanup_(freep) char *bytes = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&bytes, &n);

	ck_assert_ptr_nonnull(out);
	for (size_t i = 0; i < text->n; i++)
		fprintf(out, "%s\n", text->v[i]);
	fclose(out);
	if (load_bytes(bytes, n, &config, fault) == 0)
		fault_set(fault, 0, "(accepted)");
}

START_TEST(every_mistake_gets_its_message)
{
	_cleanup_(lines_done) struct lines all = lines_read(golden("bad-config.golden"));
	_cleanup_(lines_done) struct lines base = {}, text = {};
	const char *name = "";
	unsigned cases = 0, wrong = 0;

	for (size_t i = 0; i < all.n;) {
		const char *line = all.v[i++], *rest;

		if ((rest = after(line, "== "))) {
			name = rest;
			lines_done(&text);
			for (size_t b = 0; b < base.n; b++)
				lines_add(&text, base.v[b]);
		} else if ((rest = after(line, "@@ "))) {
			change(&text, rest, &all, &i);
		} else if ((rest = after(line, "!! "))) {
			struct fault fault = {};

			message_for(&text, &fault);
			cases++;
			if (strcmp(fault.text, rest) != 0) {
				printf("%s:\n  expected %s\n  got      %s\n", name, rest,
				       fault.text);
				wrong++;
				free(all.v[i - 1]);
				ck_assert_int_ge(asprintf(&all.v[i - 1], "!! %s", fault.text), 0);
			}
		} else if (strcmp(name, "base") == 0 && cases == 0) {
			lines_add(&base, line);
		}
	}

	if (wrong > 0 && getenv("MWAN_UPDATE_GOLDEN")) {
		_cleanup_(fclosep) FILE *file = fopen(golden("bad-config.golden"), "we");

		ck_assert_ptr_nonnull(file);
		for (size_t i = 0; i < all.n; i++)
			fprintf(file, "%s\n", all.v[i]);
		return;
	}
	ck_assert_uint_ge(cases, 150);
	ck_assert_msg(wrong == 0, "%u of %u messages differ", wrong, cases);
}
END_TEST

START_TEST(a_minimal_site_gets_the_defaults)
{
	_cleanup_(config_done) struct config config = load(LAN ATT MAP);
	const struct wan_conf *wan = config.wans;

	ck_assert_str_eq(config.path, FILE_NAME);
	ck_assert(!config.debug_logging);
	ck_assert_int_eq(config.balance, BALANCE_FLOW);
	ck_assert(!config.all_down_unreachable);
	ck_assert_ptr_null(config.notify_command);

	ck_assert_str_eq(config.lan.interface, "lan0");
	ck_assert_str_eq(prefix_str(config.lan.prefix4).s, "10.250.250.0/29");
	check_addr(config.lan.router4, "10.250.250.2");
	ck_assert_uint_eq(config.lan.prefix6.len, 0);
	ck_assert_int_eq(config.lan.router6.family, AF_UNSPEC);
	ck_assert_int_eq(config.lan.router6_linklocal.family, AF_UNSPEC);

	ck_assert_uint_eq(config.n_wans, 1);
	ck_assert_str_eq(wan->name, "att");
	ck_assert_str_eq(wan->interface, "wan0");
	ck_assert_uint_eq(wan->mark, 1);
	ck_assert_uint_eq(wan->table, 100);
	ck_assert_uint_eq(wan->weight, 1);
	ck_assert_uint_eq(wan->tier, 1);
	for (int f = 0; f < N_FAMILIES; f++) {
		ck_assert_int_eq(wan->gateway_mode[f], GATEWAY_AUTO);
		ck_assert_int_eq(wan->gateway[f].family, AF_UNSPEC);
	}
	ck_assert(!wan->masquerade4 && !wan->onlink4 && !wan->masquerade6 && !wan->fallback6);
	ck_assert(!wan->fixed6 && !wan->hairpin6 && !wan->flush_down);

	ck_assert_uint_eq(wan->health.interval_us, 5000000);
	ck_assert_uint_eq(wan->health.timeout_us, 1000000);
	ck_assert_uint_eq(wan->health.failure_threshold, 3);
	ck_assert_uint_eq(wan->health.recovery_threshold, 5);
	ck_assert_uint_eq(wan->health.min_targets, 1);
	ck_assert_uint_eq(wan->health.ping[IPV6].n, 2);
	check_addr(wan->health.ping[IPV6].v[0], "2606:4700:4700::1111");
	check_addr(wan->health.ping[IPV6].v[1], "2001:4860:4860::8888");
	ck_assert_uint_eq(wan->health.ping[IPV4].n, 2);
	check_addr(wan->health.ping[IPV4].v[0], "1.1.1.1");
	check_addr(wan->health.ping[IPV4].v[1], "8.8.8.8");
	ck_assert_uint_eq(wan->health.http[IPV4].n, 0);
	ck_assert_uint_eq(wan->health.http[IPV6].n, 0);
	ck_assert_int_eq(wan->health.max_loss, -1);
	ck_assert_uint_eq(wan->health.max_rtt_us, 0);

	ck_assert_uint_eq(config.n_map4, 1);
	check_addr(config.map4[0].inside, "10.250.250.2");
	check_addr(config.map4[0].public[0], "192.0.2.1");
}
END_TEST

START_TEST(the_contracts_example_loads)
{
	_cleanup_(config_done) struct config config = load_good("contract.conf");

	ck_assert_uint_eq(config.n_wans, 2);
	ck_assert_str_eq(config.wans[1].name, "webpass");
	ck_assert(!config.wans[0].onlink4 && config.wans[1].onlink4);
	ck_assert_str_eq(prefix_str(config.lan.prefix6).s, "3d06:bad:b01::/60");
	check_addr(config.lan.router6, "3d06:bad:b01:fe::2");
	ck_assert_uint_eq(config.n_map4, 2);
	check_addr(config.map4[1].public[1], "136.25.91.243");
	ck_assert_ptr_eq(config_wan_by_interface(&config, "enwebpass0"), &config.wans[1]);
	ck_assert_ptr_null(config_wan_by_interface(&config, "enmwanbr0"));
}
END_TEST

START_TEST(the_installed_example_loads)
{
	_cleanup_(config_done) struct config config = {};
	struct fault fault = {};
	int r;

	r = config_load(golden("../../conf/mwan.conf"), &config, &fault);
	ck_assert_msg(r == 0, "%s", fault.text);
	ck_assert_uint_eq(config.n_wans, 2);
	ck_assert_uint_eq(config.n_map4, 5);
	check_addr(config.map4[4].inside, "10.250.250.6");
	check_addr(config.map4[4].public[0], "104.57.226.197");
	check_addr(config.map4[4].public[1], "136.25.91.246");
}
END_TEST

START_TEST(three_wans_share_by_weight)
{
	_cleanup_(config_done) struct config config = load_good("three-wans.conf");
	const struct wan_conf *radio = &config.wans[2];

	ck_assert_uint_eq(config.n_wans, 3);
	ck_assert_uint_eq(config.wans[0].weight, 5);
	ck_assert_uint_eq(config.wans[1].weight, 3);
	ck_assert_uint_eq(radio->weight, 2);
	check_addr(config.lan.router6_linklocal, "fe80::2");

	ck_assert(config.wans[0].fixed6 && config.wans[1].fixed6 && !radio->fixed6);
	ck_assert_str_eq(prefix_str(config.wans[1].prefix6).s, "2001:db8:200::/48");
	ck_assert(config.wans[1].flush_down);

	ck_assert_int_eq(radio->gateway_mode[IPV4], GATEWAY_FIXED);
	check_addr(radio->gateway[IPV4], "203.0.113.225");
	ck_assert_int_eq(radio->gateway_mode[IPV6], GATEWAY_NONE);
	ck_assert_uint_eq(radio->health.interval_us, 30000000);
	ck_assert_uint_eq(radio->health.ping[IPV4].n, 1);
	ck_assert_int_eq(radio->health.max_loss, 20);
	ck_assert_uint_eq(radio->health.max_rtt_us, 800000);
	ck_assert_uint_eq(config.wans[0].health.interval_us, 5000000);

	/* Both ways to wrap an entry. */
	check_addr(config.map4[0].public[2], "203.0.113.226");
	check_addr(config.map4[1].public[0], "192.0.2.11");
	check_addr(config.map4[1].public[2], "203.0.113.227");
}
END_TEST

START_TEST(a_wan_overrides_health_whatever_the_order)
{
	_cleanup_(config_done) struct config config = load_good("tiers.conf");
	const struct wan_conf *modem = &config.wans[0], *fibre = &config.wans[1];

	ck_assert_int_eq(config.balance, BALANCE_SOURCE_DESTINATION);
	ck_assert(config.all_down_unreachable);
	ck_assert_str_eq(config.notify_command, "/usr/local/bin/tell-me");

	ck_assert_uint_eq(modem->tier, 9);
	ck_assert_uint_eq(modem->mark, 254);
	ck_assert_uint_eq(modem->table, 65535);
	ck_assert(modem->masquerade4 && modem->masquerade6);
	ck_assert_uint_eq(modem->health.interval_us, 60000000);
	ck_assert_uint_eq(modem->health.min_targets, 1);
	ck_assert_uint_eq(modem->health.ping[IPV4].n, 0);
	ck_assert_ptr_null(modem->health.ping[IPV4].v);
	ck_assert_uint_eq(modem->health.http[IPV4].n, 1);
	ck_assert_str_eq(modem->health.http[IPV4].v[0], "http://198.51.100.1/up?from=modem");

	ck_assert(fibre->onlink4 && fibre->hairpin6 && fibre->fallback6);
	ck_assert_uint_eq(fibre->health.interval_us, 1500000);
	ck_assert_uint_eq(fibre->health.timeout_us, 500000);
	ck_assert_uint_eq(fibre->health.min_targets, 3);
	ck_assert_uint_eq(fibre->health.failure_threshold, 3);
	ck_assert_uint_eq(fibre->health.ping[IPV6].n, 3);
	check_addr(fibre->health.ping[IPV6].v[2], "2620:fe::fe");
	ck_assert_uint_eq(fibre->health.ping[IPV4].n, 3);
	ck_assert_uint_eq(fibre->health.http[IPV4].n, 2);

	ck_assert_int_eq(config.map4[0].public[0].family, AF_UNSPEC);
	check_addr(config.map4[0].public[2], "198.51.100.10");
}
END_TEST

START_TEST(a_site_that_masquerades_needs_no_map)
{
	_cleanup_(config_done) struct config config = load_good("masquerade.conf");

	ck_assert(config.debug_logging);
	ck_assert_uint_eq(config.n_map4, 0);
	ck_assert_str_eq(config.wans[1].name, "b-2_B");
	ck_assert_int_eq(config.wans[1].gateway_mode[IPV4], GATEWAY_NONE);
}
END_TEST

START_TEST(a_site_without_ipv6_loads)
{
	_cleanup_(config_done) struct config config = load_good("no-ipv6.conf");

	ck_assert_uint_eq(config.lan.prefix6.len, 0);
	ck_assert_int_eq(config.wans[0].gateway_mode[IPV6], GATEWAY_NONE);
	ck_assert_uint_eq(config.wans[0].health.ping[IPV6].n, 0);
}
END_TEST

START_TEST(editors_may_leave_their_marks)
{
	_cleanup_(config_done) struct config config =
		load("\xef\xbb\xbf[lan]\r\ninterface = lan0\r\nprefix4 = 10.0.0.0/24\r\n"
		     "router4=10.0.0.2\t\r\n\r\n[wan  a]\r\ninterface\t=\two;x \t; wan\r\n"
		     "mark=1\r\ntable=1\r\n[map4]\r\n10.0.0.2 =\r\n\ta 192.0.2.1\r\n");

	ck_assert_str_eq(config.wans[0].name, "a");
	ck_assert_str_eq(config.wans[0].interface, "wo;x");
	check_addr(config.map4[0].public[0], "192.0.2.1");
}
END_TEST

START_TEST(bytes_that_are_no_text_are_named)
{
	static const char nul[] = LAN "mark = 1\0 2\n";
	static const char nul_first[] = "\0", lan[] = "[lan]\n";
	static const char control[] = LAN "prefix6 = \x01\x1b[31m\xff\n";
	_cleanup_(freep) char *line = malloc(1000000);

	refuse(nul, sizeof(nul) - 1, "site.conf:5: a NUL byte: this is not a text file");
	refuse(nul_first, 1, "site.conf:1: a NUL byte: this is not a text file");

	refuse(control, sizeof(control) - 1,
	       "site.conf:5: [lan] prefix6: \"\\x01\\x1b[31m\\xff\" is not an IPv6 prefix, "
	       "e.g. 3d06:bad:b01::/60");

	ck_assert_ptr_nonnull(line);
	memset(line, 'x', 1000000);
	refuse(line, 1000000, "site.conf:1: the line is longer than 4095 bytes");
	memcpy(line, lan, sizeof(lan) - 1);
	refuse(line, 1000000, "site.conf:2: the line is longer than 4095 bytes");
}
END_TEST

START_TEST(a_line_may_be_as_long_as_inih_takes_it)
{
	char text[1024], message[256];

	for (int n = 150; n < 260; n++) {
		_cleanup_(config_done) struct config config = {};
		struct fault fault = {};
		int len, r;

		len = snprintf(text, sizeof(text), LAN ATT "http4 = http://example.org/%0*d\n" MAP,
			       n - 27, 0);
		r = load_bytes(text, (size_t)len, &config, &fault);
		if (n <= 198) {
			ck_assert_msg(r == 0, "%d: %s", n, fault.text);
			ck_assert_uint_eq(strlen(config.wans[0].health.http[IPV4].v[0]), n - 8U);
			continue;
		}
		snprintf(message, sizeof(message),
			 "site.conf:9: the line is %d bytes long, 198 are possible: "
			 "wrap a list onto indented lines",
			 n);
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_str_eq(fault.text, message);
	}
}
END_TEST

START_TEST(a_long_comment_does_no_harm)
{
	char text[2048];
	int len = snprintf(text, sizeof(text),
			   "; %0300d\n" LAN ATT "weight = 7 ; %0300d\n# %0300d\n" MAP, 0, 0, 0);
	_cleanup_(config_done) struct config config = {};
	struct fault fault = {};

	ck_assert_int_eq(load_bytes(text, (size_t)len, &config, &fault), 0);
	ck_assert_uint_eq(config.wans[0].weight, 7);
}
END_TEST

START_TEST(a_file_without_a_last_newline_is_read_whole)
{
	_cleanup_(config_done) struct config config =
		load(LAN ATT "[map4]\n10.250.250.2 =\n\tatt 192.0.2.1");

	check_addr(config.map4[0].public[0], "192.0.2.1");
}
END_TEST

START_TEST(a_list_may_be_very_long_but_not_endless)
{
	_cleanup_(freep) char *text = NULL;
	_cleanup_(config_done) struct config config = {};
	struct fault fault = {};
	size_t n;
	FILE *out = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(out);
	fputs(LAN MAP ATT "ping4 =\n", out);
	for (unsigned i = 0; i < 4000; i++)
		fprintf(out, "\t10.9.%u.%u,\n", i / 250, i % 250 + 1);
	fflush(out);
	ck_assert_int_eq(load_bytes(text, n, &config, &fault), 0);
	ck_assert_uint_eq(config.wans[0].health.ping[IPV4].n, 4000);

	for (unsigned i = 4000; i < 40000; i++)
		fprintf(out, "\t10.9.%u.%u,\n", i / 250, i % 250 + 1);
	fclose(out);
	ck_assert_int_eq(load_bytes(text, n, &config, &fault), -EINVAL);
	ck_assert_ptr_nonnull(
		strstr(fault.text, "the value of \"ping4\" is longer than 65535 bytes"));
}
END_TEST

START_TEST(as_many_wans_as_marks)
{
	_cleanup_(freep) char *text = NULL;
	_cleanup_(config_done) struct config config = {};
	struct fault fault = {};
	size_t n;
	FILE *out = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(out);
	fputs(LAN, out);
	for (unsigned i = 1; i <= 254; i++)
		fprintf(out,
			"[wan w%u]\ninterface = w%u\nmark = %u\ntable = %u\nnat4 = masquerade\n", i,
			i, i, 1000 + i);
	fflush(out);
	ck_assert_int_eq(load_bytes(text, n, &config, &fault), 0);
	ck_assert_uint_eq(config.n_wans, 254);
	ck_assert_str_eq(config.wans[253].name, "w254");

	fputs("[wan w255]\n", out);
	fclose(out);
	refuse(text, n, "site.conf:1275: [wan w255] is one too many: 254 WANs are possible");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_says_why)
{
	struct config config;
	struct fault fault = {}, other = {};

	ck_assert_int_eq(config_load("nowhere.conf", &config, &fault), -ENOENT);
	ck_assert_str_eq(fault.text, "nowhere.conf: No such file or directory");
	ck_assert_int_eq(config_load("/", &config, &other), -EISDIR);
	ck_assert_str_eq(other.text, "/: Is a directory");
}
END_TEST

/* Damage in every place of a good file: never a crash, always one line. */
START_TEST(garbage_is_refused_in_one_line)
{
	static const char good[] = LAN "prefix6 = fd00:1::/60\n" ATT "prefix6 = fd00:2::/60\n"
				       "ping4 = 1.1.1.1,\n 8.8.8.8\n[balance]\nmode = source\n" MAP;
	static const char *const bits[] = { "\n", "\xff", "[", "]", "=",  " ",
					    "\t", ",",	  ";", "/", "\0", "999" };
	char bytes[sizeof(good) + 8];
	unsigned seed = 1;

	for (unsigned round = 0; round < 5000; round++) {
		_cleanup_(config_done) struct config config = {};
		struct fault fault = {};
		size_t n = sizeof(good) - 1;

		memcpy(bytes, good, n);
		for (int hits = 1 + rand_r(&seed) % 3; hits > 0; hits--) {
			const char *bit = bits[(unsigned)rand_r(&seed) % ARRAY_SIZE(bits)];
			size_t at = (unsigned)rand_r(&seed) % n;

			if (rand_r(&seed) % 2) {
				bytes[at] = *bit;
			} else {
				size_t len = (unsigned)rand_r(&seed) % (n - at);

				memmove(bytes + at, bytes + at + len, n - at - len);
				n -= len;
				if (n == 0)
					n = 1;
			}
		}
		if (load_bytes(bytes, n, &config, &fault) == 0)
			continue;
		ck_assert_ptr_null(strpbrk(fault.text, "\n\r\t"));
		ck_assert_msg(strncmp(fault.text, "site.conf:", 10) == 0, "%s", fault.text);
	}
}
END_TEST

START_TEST(durations_and_counts_have_one_spelling)
{
	uint64_t us = 7;
	uint32_t n = 7;
	int percent = 7;

	ck_assert_int_eq(parse_duration("250ms", &us), 0);
	ck_assert_uint_eq(us, 250000);
	ck_assert_int_eq(parse_duration("2m", &us), 0);
	ck_assert_uint_eq(us, 120000000);
	ck_assert_int_eq(parse_duration("4294967295m", &us), 0);
	ck_assert_uint_eq(us, 4294967295ULL * 60000000);
	ck_assert_int_eq(parse_duration("4294967296m", &us), -EINVAL);
	ck_assert_int_eq(parse_duration("s", &us), -EINVAL);
	ck_assert_int_eq(parse_duration("1us", &us), -EINVAL);
	ck_assert_int_eq(parse_duration("1S", &us), -EINVAL);

	ck_assert_int_eq(parse_count("0", 0, 3, &n), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(parse_count("4", 0, 3, &n), -EINVAL);
	ck_assert_int_eq(parse_count("", 0, 3, &n), -EINVAL);
	ck_assert_int_eq(parse_count("+1", 0, 3, &n), -EINVAL);
	ck_assert_int_eq(parse_count("1 ", 0, 3, &n), -EINVAL);
	ck_assert_int_eq(parse_count("4294967297", 0, 3, &n), -EINVAL);
	ck_assert_uint_eq(n, 0);

	ck_assert_int_eq(parse_percent("100%", &percent), 0);
	ck_assert_int_eq(percent, 100);
	ck_assert_int_eq(parse_percent("1%%", &percent), -EINVAL);
	ck_assert_int_eq(percent, 100);
}
END_TEST

START_TEST(quotes_stay_short_and_printable)
{
	char text[200];

	ck_assert_str_eq(quote("a\nb\x7f\xc3").s, "\"a b\\x7f\\xc3\"");
	ck_assert_str_eq(quote("").s, "\"\"");
	memset(text, '\xff', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_uint_lt(strlen(quote(text).s), sizeof(struct quoted));
	ck_assert_ptr_nonnull(strstr(quote(text).s, "...\""));
	memset(text, 'x', sizeof(text) - 1);
	ck_assert_ptr_nonnull(strstr(quote(text).s, "...\""));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("config");

	tcase_add_checked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_test(tcase, every_mistake_gets_its_message);
	tcase_add_test(tcase, a_minimal_site_gets_the_defaults);
	tcase_add_test(tcase, the_contracts_example_loads);
	tcase_add_test(tcase, the_installed_example_loads);
	tcase_add_test(tcase, three_wans_share_by_weight);
	tcase_add_test(tcase, a_wan_overrides_health_whatever_the_order);
	tcase_add_test(tcase, a_site_that_masquerades_needs_no_map);
	tcase_add_test(tcase, a_site_without_ipv6_loads);
	tcase_add_test(tcase, editors_may_leave_their_marks);
	tcase_add_test(tcase, bytes_that_are_no_text_are_named);
	tcase_add_test(tcase, a_line_may_be_as_long_as_inih_takes_it);
	tcase_add_test(tcase, a_long_comment_does_no_harm);
	tcase_add_test(tcase, a_file_without_a_last_newline_is_read_whole);
	tcase_add_test(tcase, a_list_may_be_very_long_but_not_endless);
	tcase_add_test(tcase, as_many_wans_as_marks);
	tcase_add_test(tcase, a_file_that_cannot_be_read_says_why);
	tcase_add_test(tcase, garbage_is_refused_in_one_line);
	tcase_add_test(tcase, durations_and_counts_have_one_spelling);
	tcase_add_test(tcase, quotes_stay_short_and_printable);

	return run_case(tcase, "config");
}
