// SPDX-License-Identifier: GPL-2.0-or-later
// Reads a report from its file.
// A member that is missing, of another type or out of range stays zero.

#include "status/report.h"

#include "base/fileio.h"

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

/* Leaves out a text that is too long: half a name could be another's. */
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

	if (!probes || strlen(probes) > HEALTH_WINDOW || probes[strspn(probes, ".x")])
		return;
	for (; *probes; probes++)
		health_window_add(window, *probes == '.', (uint32_t)(read_rtt_us(object) + 0.5));
}

/* Items of a list without a name, or with one that is too long, are skipped. */
static bool has_name(json_t *object, const char *name, size_t room)
{
	size_t len = json_string_length(json_object_get(object, name));

	return len > 0 && len < room;
}

static enum probe_failure read_failure(json_t *json)
{
	const char *name = json_string_value(json_object_get(json, "failure"));

	for (enum probe_failure failure = 0; name && failure < N_FAILURES; failure++)
		if (strcmp(name, probe_failure_name(failure)) == 0)
			return failure;
	return FAILURE_UNKNOWN;
}

static void read_address(json_t *json, enum family which, struct addr *address)
{
	const char *text = json_string_value(json_object_get(json, "address"));

	if (text)
		addr_parse(text, family_af(which), address);
}

static int read_target(json_t *json, enum family which, struct target_report *target)
{
	int r;

	target->answered = json_is_true(json_object_get(json, "answered"));
	target->failure = read_failure(json);
	read_address(json, which, &target->address);
	read_window(json, &target->window);
	r = read_text(json, "target", &target->name);
	return r < 0 ? r : read_text(json, "why", &target->why);
}

static int read_targets(json_t *list, enum family which, struct family_report *family)
{
	int r = 0;

	for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
		json_t *target = json_array_get(list, i);

		if (!has_name(target, "target", SIZE_MAX))
			continue;
		r = APPEND(family->targets, family->n_targets, (struct target_report){});
		if (r == 0)
			r = read_target(target, which, &family->targets[family->n_targets - 1]);
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

/* Of a file that does not have it, nothing is known. */
static void read_condition(json_t *json, struct condition *condition)
{
	json_t *obstacle = json_object_get(json, "obstacle");

	if (obstacle)
		condition->obstacle = obstacle_parse(json_string_value(obstacle));
	condition->since = read_time(json, "since") / SECOND;
	condition->out = read_time(json, "out") / SECOND;
}

static void read_hold(json_t *json, struct hold *hold)
{
	hold->times = read_count(json, "times", HOLD_TIMES);
	if (hold->times == 0)
		return;
	hold->until_us = read_time(json, "until");
	hold->lost = json_is_true(json_object_get(json, "lost"));
}

static void read_gateway(json_t *json, enum family which, struct family_report *family)
{
	const char *text = json_string_value(json_object_get(json, "gateway"));

	/* IPv4 may go over an IPv6 next hop. */
	family->has_gateway = text && (strcmp(text, REPORT_LINK_GATEWAY) == 0 ||
				       addr_parse(text, which == IPV6 ? AF_INET6 : AF_UNSPEC,
						  &family->gateway) == 0);
}

static void read_avoided(json_t *list, struct family_report *family)
{
	for (size_t i = 0; i < json_array_size(list) && family->n_avoided < REPORT_AVOIDED; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text && addr_parse(text, AF_UNSPEC, &family->avoided[family->n_avoided]) == 0)
			family->n_avoided++;
	}
}

static int read_family(json_t *json, enum family which, struct family_report *family)
{
	const char *prefix = json_string_value(json_object_get(json, "prefix"));
	int r;

	family->present = json_is_object(json);
	read_state(json, &family->health);
	read_condition(json_object_get(json, "condition"), &family->condition);
	read_hold(json_object_get(json, "hold"), &family->hold);
	family->eligible = json_is_true(json_object_get(json, "eligible"));
	family->degraded = json_is_true(json_object_get(json, "degraded"));
	family->share = read_real(json, "share", 1);
	read_gateway(json, which, family);
	read_avoided(json_object_get(json, "avoided"), family);
	if (prefix && which == IPV6)
		prefix_parse(prefix, AF_INET6, &family->prefix);
	read_address(json, which, &family->address);
	family->interval_us = read_count(json, "interval_ms", UINT_MAX) * 1000ULL;
	family->loss = read_real(json, "loss", 1);
	family->rtt_us = read_rtt_us(json);

	r = read_targets(json_object_get(json, "targets"), which, family);
	return r < 0 ? r : read_text(json, "trouble", &family->trouble.what);
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
	wan->drained_until = read_time(json, "drained") / SECOND;
	wan->drained = wan->drained_until || json_is_true(json_object_get(json, "drained"));

	r = read_family(json_object_get(json, "ipv4"), IPV4, &wan->family[IPV4]);
	return r < 0 ? r : read_family(json_object_get(json, "ipv6"), IPV6, &wan->family[IPV6]);
}

static int read_wans(json_t *list, struct report *report)
{
	int r = 0;

	for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
		json_t *wan = json_array_get(list, i);

		if (!has_name(wan, "name", sizeof(report->wans->name)))
			continue;
		r = APPEND(report->wans, report->n_wans, (struct wan_report){});
		if (r == 0)
			r = read_wan(wan, &report->wans[report->n_wans - 1]);
	}
	return r;
}

static enum presence read_presence(json_t *json, const char *name)
{
	json_t *presence = json_object_get(json, name);

	if (json_is_true(presence) || json_is_string(presence))
		return PRESENCE_SEEN;
	return json_is_false(presence) ? PRESENCE_MISSED : PRESENCE_UNKNOWN;
}

static void read_lan(json_t *json, struct lan_report *lan)
{
	const char *linklocal = json_string_value(json_object_get(json, "router6"));

	read_name(json, "interface", lan->interface, sizeof(lan->interface));
	lan->carrier = json_is_true(json_object_get(json, "carrier"));
	lan->router4 = read_presence(json, "router4");
	lan->router6 = read_presence(json, "router6");
	if (linklocal && addr_parse(linklocal, AF_INET6, &lan->linklocal) < 0)
		lan->router6 = PRESENCE_UNKNOWN;
}

static int read_troubles(json_t *list, struct report *report)
{
	int r = 0;

	for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
		json_t *json = json_array_get(list, i);
		const char *line = json_string_value(json_object_get(json, "trouble"));

		if (line && has_name(json, "who", sizeof(report->troubles->who)))
			r = report_add_trouble(report,
					       json_string_value(json_object_get(json, "who")),
					       line, NULL);
	}
	return r;
}

static void read_flows(json_t *json, struct report *report)
{
	report->flows.entries = read_count(json, "entries", UINT32_MAX);
	report->flows.max = read_count(json, "max", UINT32_MAX);
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
	if (!*text)
		return fault_set(fault, -EINVAL, "%s is empty", path);
	root = json_loads(text, 0, &error);
	if (!json_is_array(json_object_get(root, "wans")))
		return fault_set(fault, -EINVAL, "%s: %s", path,
				 root ? "no list of wans" : error.text);

	report.time_us = read_time(root, "time");
	report.interval_us = 1000 * read_count(root, "interval_ms", UINT32_MAX);
	read_flows(json_object_get(root, "conntrack"), &report);
	report.unprotected = json_is_false(json_object_get(root, "protected"));
	read_lan(json_object_get(root, "lan"), &report.lan);
	report.lan.since = read_time(root, "lan_since") / SECOND;
	r = read_text(root, "trouble", &report.trouble);
	if (r == 0)
		r = read_troubles(json_object_get(root, "troubles"), &report);
	if (r == 0)
		r = read_wans(json_object_get(root, "wans"), &report);
	if (r < 0)
		return r;

	*ret = TAKE(report);
	return 0;
}
