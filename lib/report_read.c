/*
 * A report from its file: whatever is missing there, of another type or out of range stays zero.
 */
#include "report.h"

#include "fileio.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#define SECOND 1000000

static uint64_t read_count(json_t *object, const char *name, json_int_t max)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value >= 0 && value <= max ? (uint64_t)value : 0;
}

static double read_real(json_t *object, const char *name, double max)
{
	double value = json_number_value(json_object_get(object, name));

	return value > 0 && value <= max ? value : 0;
}

static double read_rtt_us(json_t *object)
{
	return 1000 * read_real(object, "rtt_ms", (double)(UINT32_MAX / 1000));
}

/* Microseconds since 1970. */
static uint64_t read_time(json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name)), *rest;
	struct tm tm = {};
	uint64_t us;
	time_t when;

	rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	when = rest ? timegm(&tm) : 0;
	if (when <= 0)
		return 0;

	us = (uint64_t)when * SECOND;
	if (*rest == '.')
		for (unsigned unit = SECOND / 10; *++rest >= '0' && *rest <= '9'; unit /= 10)
			us += (uint64_t)(*rest - '0') * unit;
	return us;
}

/* A text that is too long is none: half a name is another's. */
static void read_name(json_t *object, const char *name, char *ret, size_t room)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (text && strlen(text) < room)
		memcpy(ret, text, strlen(text) + 1);
}

static int read_text(json_t *object, const char *name, char **ret)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (!text || !*text)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

/* The mean stands for each answer: the single ones are not in the file. */
static void read_window(json_t *object, struct health_window *window)
{
	const char *probes = json_string_value(json_object_get(object, "window"));
	size_t len = probes ? strlen(probes) : 0;

	if (len > HEALTH_WINDOW || len != strspn(probes ? probes : "", ".x"))
		return;
	for (size_t i = 0; i < len; i++)
		health_window_add(window, probes[i] == '.', (uint32_t)(read_rtt_us(object) + 0.5));
}

/* What stands in a list without a name, or with one that is too long, is passed over. */
static bool has_name(json_t *object, const char *name, size_t room)
{
	size_t len = json_string_length(json_object_get(object, name));

	return len > 0 && len < room;
}

static size_t count_named(json_t *list, const char *name, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		n += has_name(json_array_get(list, i), name, room);
	return n;
}

static int read_target(json_t *json, struct target_report *target)
{
	int r;

	target->answered = json_is_true(json_object_get(json, "answered"));
	read_window(json, &target->window);
	r = read_text(json, "target", &target->name);
	return r < 0 ? r : read_text(json, "why", &target->why);
}

static int read_targets(json_t *list, struct family_report *family)
{
	size_t n = count_named(list, "target", SIZE_MAX);
	int r = 0;

	family->targets = calloc(n ? n : 1, sizeof(*family->targets));
	if (!family->targets)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
		json_t *target = json_array_get(list, i);

		if (has_name(target, "target", SIZE_MAX))
			r = read_target(target, &family->targets[family->n_targets++]);
	}
	return r;
}

static void read_state(json_t *json, struct health_state *health)
{
	const char *state = json_string_value(json_object_get(json, "state"));

	for (enum verdict verdict = VERDICT_UNKNOWN; verdict <= VERDICT_DOWN; verdict++)
		if (state && strcmp(state, verdict_name(verdict)) == 0)
			health->state = verdict;
	health->since = read_time(json, "since") / SECOND;
	health->failures = read_count(json, "failures", UINT_MAX);
	health->successes = read_count(json, "successes", UINT_MAX);
	health->transitions = read_count(json, "transitions", UINT_MAX);
}

static void read_gateway(json_t *json, enum family which, struct family_report *family)
{
	const char *text = json_string_value(json_object_get(json, "gateway"));

	/* IPv4 may go over an IPv6 next hop. */
	family->has_gateway = text && (strcmp(text, REPORT_LINK_GATEWAY) == 0 ||
				       addr_parse(text, which == IPV6 ? AF_INET6 : AF_UNSPEC,
						  &family->gateway) == 0);
}

static int read_family(json_t *json, enum family which, struct family_report *family)
{
	const char *prefix = json_string_value(json_object_get(json, "prefix"));
	int r;

	family->present = json_is_object(json);
	read_state(json, &family->health);
	family->eligible = json_is_true(json_object_get(json, "eligible"));
	family->share = read_real(json, "share", 1);
	read_gateway(json, which, family);
	if (prefix && which == IPV6)
		prefix_parse(prefix, AF_INET6, &family->prefix);
	family->loss = read_real(json, "loss", 1);
	family->rtt_us = read_rtt_us(json);

	r = read_targets(json_object_get(json, "targets"), family);
	return r < 0 ? r : read_text(json, "trouble", &family->trouble);
}

static int read_wan(json_t *json, struct wan_report *wan)
{
	int r;

	read_name(json, "name", wan->name, sizeof(wan->name));
	read_name(json, "interface", wan->interface, sizeof(wan->interface));
	wan->mark = read_count(json, "mark", UINT32_MAX);
	wan->table = read_count(json, "table", UINT32_MAX);
	wan->tier = read_count(json, "tier", UINT32_MAX);
	wan->weight = read_count(json, "weight", UINT32_MAX);
	wan->carrier = json_is_true(json_object_get(json, "carrier"));

	r = read_family(json_object_get(json, "ipv4"), IPV4, &wan->family[IPV4]);
	return r < 0 ? r : read_family(json_object_get(json, "ipv6"), IPV6, &wan->family[IPV6]);
}

static int read_wans(json_t *list, struct report *report)
{
	const size_t room = sizeof(report->wans->name);
	size_t n = count_named(list, "name", room);
	int r = 0;

	report->wans = calloc(n ? n : 1, sizeof(*report->wans));
	if (!report->wans)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
		json_t *wan = json_array_get(list, i);

		if (has_name(wan, "name", room))
			r = read_wan(wan, &report->wans[report->n_wans++]);
	}
	return r;
}

int report_read(const char *path, struct report *ret, struct fault *fault)
{
	_cleanup_(report_done) struct report report = {};
	_cleanup_(json_decrefp) json_t *root = NULL;
	_cleanup_(freep) char *text = NULL;
	json_error_t error;
	int r;

	r = file_read(path, &text);
	if (r == -ENOENT || r == -ENOMEM)
		return r;
	if (r < 0)
		return fault_set(fault, r, "%s: %s", path, strerror(-r));
	root = json_loads(text, 0, &error);
	if (!json_is_array(json_object_get(root, "wans")))
		return fault_set(fault, -EINVAL, "%s: %s", path,
				 root ? "no list of wans" : error.text);

	report.time_us = read_time(root, "time");
	report.interval_us = 1000 * read_count(root, "interval_ms", UINT32_MAX);
	r = read_text(root, "trouble", &report.trouble);
	if (r == 0)
		r = read_wans(json_object_get(root, "wans"), &report);
	if (r < 0)
		return r;

	*ret = TAKE(report);
	return 0;
}
