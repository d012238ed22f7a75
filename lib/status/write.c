// SPDX-License-Identifier: GPL-2.0-or-later
// Writes a report as JSON.
// Each part of the report is packed into an object by a function of its own.

#include "status/report.h"

#include "base/fileio.h"
#include "base/json_memory.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

/* 0.1 has no exact double; with 17 digits it would be 0.10000000000000001. */
#define DUMP_FLAGS JSON_REAL_PRECISION(15)

struct write_time {
	char s[40];
};

/* "2026-11-22T18:30:00Z", or with milliseconds; "" for 0 and for what has no such text. */
static struct write_time utc(uint64_t seconds, int milliseconds)
{
	static const uint64_t end_of_9999 = 253402300799;
	struct write_time text = {};
	time_t when = (time_t)seconds;
	size_t len;
	struct tm tm;

	if (seconds == 0 || seconds > end_of_9999 || !gmtime_r(&when, &tm))
		return text;
	len = strftime(text.s, sizeof(text.s), "%FT%TZ", &tm) - 1;
	if (milliseconds >= 0)
		snprintf(text.s + len, sizeof(text.s) - len, ".%03dZ", milliseconds);
	return text;
}

/* NULL, which leaves a member out, for no text. */
static json_t *text_json(const char *text)
{
	json_t *json = text && *text ? json_string(text) : NULL;
	_cleanup_(freep) char *ascii = NULL;

	if (json || !text || !*text)
		return json;
	/* URLs come from the configuration, in whatever encoding that is. */
	ascii = strdup(text);
	for (char *p = ascii; p && *p; p++)
		if (*p & 0x80)
			*p = '?';
	return json_string(ascii);
}

static double round_to(double value, double steps)
{
	return (double)(uint64_t)(value * steps + 0.5) / steps;
}

static double rtt_ms(double rtt_us)
{
	return round_to(rtt_us / 1000, 100);
}

static json_t *target_json(const struct target_report *target)
{
	const char *failure = target->failure ? probe_failure_name(target->failure) : NULL;
	const struct health_window *window = &target->window;
	char probes[HEALTH_WINDOW + 1] = {};

	for (unsigned i = 0; i < window->n; i++)
		probes[i] = window->lost & 1U << (window->n - 1 - i) ? 'x' : '.';
	return json_pack("{s:o*, s:o*, s:b, s:o*, s:o*, s:f, s:f, s:s}", "target",
			 text_json(target->name), "address", text_json(addr_str(target->address).s),
			 "answered", target->answered, "failure", text_json(failure), "why",
			 text_json(target->why), "loss",
			 round_to(health_window_loss(window), 10000), "rtt_ms",
			 rtt_ms(health_window_rtt(window)), "window", probes);
}

/* NULL, which leaves the member out, for none. */
static json_t *avoided_json(const struct family_report *family)
{
	json_t *list = family->n_avoided > 0 ? json_array() : NULL;

	for (size_t i = 0; i < family->n_avoided; i++)
		json_array_append_new(list, json_string(addr_str(family->avoided[i]).s));
	return list;
}

static json_t *condition_json(const struct condition *condition)
{
	bool good = condition->obstacle == OBSTACLE_NONE;

	return json_pack("{s:o*, s:o*, s:o*}", "obstacle",
			 text_json(good ? NULL : obstacle_name(condition->obstacle)), "since",
			 text_json(utc(condition->since, -1).s), "out",
			 text_json(utc(condition->out, -1).s));
}

/* NULL, which leaves the member out, where there is no hold and no outage that one follows. */
static json_t *hold_json(const struct hold *hold)
{
	uint64_t us = hold->until_us;

	if (hold->times == 0)
		return NULL;
	return json_pack("{s:o*, s:I, s:b}", "until",
			 text_json(utc(us / 1000000, (int)(us % 1000000 / 1000)).s), "times",
			 (json_int_t)hold->times, "lost", hold->lost);
}

static json_t *family_json(const struct family_report *family)
{
	struct addr_text gateway = addr_str(family->gateway);
	const struct health_state *health = &family->health;
	_cleanup_(freep) char *trouble = trouble_line(&family->trouble);
	struct prefix_text prefix = {};
	json_t *targets;

	if (!family->present)
		return NULL;
	if (family->has_gateway && !family->gateway.family)
		snprintf(gateway.s, sizeof(gateway.s), REPORT_LINK_GATEWAY);
	if (family->prefix.len > 0)
		prefix = prefix_str(family->prefix);
	targets = json_array();
	for (size_t i = 0; i < family->n_targets; i++)
		json_array_append_new(targets, target_json(&family->targets[i]));

	return json_pack(
		"{s:s, s:b, s:o*, s:f, s:o*, s:o, s:o*, s:o*, s:o*, s:o*, s:I, s:f, s:f, s:I, s:I, "
		"s:I, "
		"s:o*, "
		"s:o*, s:o}",
		"state", verdict_name(health->state), "eligible", family->eligible, "degraded",
		family->degraded ? json_true() : NULL, "share", round_to(family->share, 10000),
		"since", text_json(utc(health->since, -1).s), "condition",
		condition_json(&family->condition), "hold", hold_json(&family->hold), "gateway",
		text_json(family->has_gateway ? gateway.s : NULL), "prefix", text_json(prefix.s),
		"address", text_json(addr_str(family->address).s), "interval_ms",
		(json_int_t)(family->interval_us / 1000), "loss", round_to(family->loss, 10000),
		"rtt_ms", rtt_ms(family->rtt_us), "failures", (json_int_t)health->failures,
		"successes", (json_int_t)health->successes, "transitions",
		(json_int_t)health->transitions, "avoided", avoided_json(family), "trouble",
		text_json(trouble), "targets", targets);
}

/* Until when; true: without an end. NULL, which leaves the member out: it is not drained. */
static json_t *drained_json(const struct wan_report *wan)
{
	if (!wan->drained)
		return NULL;
	return wan->drained_until ? text_json(utc(wan->drained_until, -1).s) : json_true();
}

static json_t *wan_json(const struct wan_report *wan)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:o*, s:o*, s:o*}", "name", wan->name,
			 "interface", wan->interface, "mark", (json_int_t)wan->mark, "table",
			 (json_int_t)wan->table, "tier", (json_int_t)wan->tier, "weight",
			 (json_int_t)wan->weight, "carrier", wan->carrier, "drained",
			 drained_json(wan), "ipv4", family_json(&wan->family[IPV4]), "ipv6",
			 family_json(&wan->family[IPV6]));
}

/* found: NULL or "": true. */
static json_t *presence_json(enum presence presence, const char *found)
{
	if (presence == PRESENCE_UNKNOWN)
		return json_null();
	if (presence == PRESENCE_MISSED)
		return json_false();
	return found && *found ? json_string(found) : json_true();
}

static json_t *lan_json(const struct lan_report *lan)
{
	if (!lan->interface[0])
		return NULL;
	return json_pack("{s:s, s:b, s:o, s:o}", "interface", lan->interface, "carrier",
			 lan->carrier, "router4", presence_json(lan->router4, NULL), "router6",
			 presence_json(lan->router6, addr_str(lan->linklocal).s));
}

/* NULL, which leaves the member out, for none. */
static json_t *troubles_json(const struct report *report)
{
	json_t *list = report->n_troubles > 0 ? json_array() : NULL;

	for (size_t i = 0; i < report->n_troubles; i++) {
		_cleanup_(freep) char *line = trouble_line(&report->troubles[i].trouble);

		json_array_append_new(list, json_pack("{s:s, s:o*}", "who", report->troubles[i].who,
						      "trouble", text_json(line)));
	}
	return list;
}

static json_t *flows_json(const struct report *report)
{
	if (report->flows.max == 0)
		return NULL;
	return json_pack("{s:I, s:I}", "entries", (json_int_t)report->flows.entries, "max",
			 (json_int_t)report->flows.max);
}

static json_t *report_json(const struct report *report)
{
	struct write_time time =
		utc(report->time_us / 1000000, (int)(report->time_us % 1000000 / 1000));
	json_t *wans = json_array();

	for (size_t i = 0; i < report->n_wans; i++)
		json_array_append_new(wans, wan_json(&report->wans[i]));
	return json_pack("{s:i, s:o*, s:I, s:b, s:o*, s:o*, s:o*, s:o*, s:o*, s:o}", "version", 1,
			 "time", text_json(time.s), "interval_ms",
			 (json_int_t)(report->interval_us / 1000), "protected",
			 !report->unprotected, "trouble", text_json(report->trouble), "troubles",
			 troubles_json(report), "conntrack", flows_json(report), "lan",
			 lan_json(&report->lan), "lan_since",
			 text_json(utc(report->lan.since, -1).s), "wans", wans);
}

int report_print_json(const struct report *report, FILE *f)
{
	_cleanup_(json_decrefp) json_t *root = NULL;

	json_memory_watch();
	root = report_json(report);
	if (!root || json_memory_lacked())
		return -ENOMEM;
	return json_dumpf(root, f, DUMP_FLAGS) < 0 || fputc('\n', f) < 0 ? -EIO : 0;
}

int report_write(const struct report *report, const char *path, struct fault *fault)
{
	_cleanup_(freep) char *text = NULL;
	struct memory out = {};
	int r;

	if (memory_open(&out) < 0)
		return -ENOMEM;
	r = report_print_json(report, out.f);
	if (memory_close(&out, &text) < 0 || r < 0)
		return -ENOMEM;
	return file_write(path, text, fault);
}
