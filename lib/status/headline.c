// SPDX-License-Identifier: GPL-2.0-or-later
// Prints what matters most in one line, for --status and for systemctl.
// Collects items, the worst first, and prints those that there is room for.

#include "base/duration.h"
#include "base/fileio.h"
#include "base/string_list.h"
#include "status/screen.h"

#include <stdarg.h>
#include <string.h>

/* "; 99 more" */
#define MORE_WIDTH 9

struct headline {
	const struct report *report;
	uint64_t now; /* seconds since 1970; 0: to say since when */
	struct string_list items;
	bool told[N_FAMILIES]; /* no WAN is good for the family */
	bool out[N_FAMILIES];  /* one does not carry it, others do */
};

/* Without memory for it, there are other items. */
static void _printf_(2, 3) add(struct headline *headline, const char *format, ...)
{
	char *item = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&item, format, args) < 0)
		item = NULL;
	va_end(args);
	(void)string_list_take(&headline->items, item);
}

struct headline_age {
	char s[48];
};

/* " for 4 min" or " since 2026-11-22 18:26"; since when is not known: "". */
static struct headline_age lasting(const struct headline *headline, uint64_t since)
{
	struct headline_age text = {};

	if (since == 0)
		return text;
	if (headline->now)
		snprintf(text.s, sizeof(text.s), " for %s", age_str(since, headline->now).s);
	else
		snprintf(text.s, sizeof(text.s), " since %s", local_time_str(since, false).s);
	return text;
}

static bool is_out(const struct family_report *family)
{
	return family->present && obstacle_is_outage(family->condition.obstacle);
}

/* Drained or held: it could carry. */
static bool is_aside(const struct family_report *family)
{
	return family->present && family->condition.obstacle != OBSTACLE_NONE && !is_out(family);
}

/* ---- what is no WAN's ---- */

static void add_lan(struct headline *headline, const struct lan_report *lan)
{
	struct headline_age age = lasting(headline, lan->since);

	if (!lan->carrier)
		add(headline, "LAN down%s: no carrier", age.s);
	else if (lan->router4 != PRESENCE_SEEN && lan->router6 != PRESENCE_SEEN)
		add(headline, "LAN down%s: OPNsense is silent", age.s);
	else
		add(headline, "LAN: OPNsense is silent in IPv%c%s",
		    lan->router4 == PRESENCE_MISSED ? '4' : '6', age.s);
}

static void add_site_troubles(struct headline *headline, bool heavy)
{
	const struct lan_report *lan = &headline->report->lan;
	const struct site_trouble *it;

	for (size_t i = 0; (it = site_trouble_at(headline->report, heavy, i)); i++)
		if (strcmp(it->who, "LAN") == 0 && !report_lan_is_up(lan))
			add_lan(headline, lan);
		else
			add(headline, "%s: %s", it->who, it->trouble.what);
}

/* ---- families ---- */

struct headline_family {
	size_t present, out, aside, carriers;
	uint64_t since; /* when the last one went out */
};

static struct headline_family look_at(const struct report *report, enum family which)
{
	struct headline_family found = {};

	for (size_t i = 0; i < report->n_wans; i++) {
		const struct family_report *family = &report->wans[i].family[which];

		if (!family->present)
			continue;
		found.present++;
		found.out += is_out(family);
		found.aside += is_aside(family) && !family->eligible;
		found.carriers += family->share > 0;
		if (family->condition.out > found.since)
			found.since = family->condition.out;
	}
	return found;
}

/* "att, webpass" of those that carry the family, or "att down, webpass no prefix"; the caller's. */
static char *list_wans(const struct report *report, enum family which, bool obstacles)
{
	const char *between = "";
	struct memory out = {};
	char *text = NULL;

	if (memory_open(&out) < 0)
		return NULL;
	for (size_t i = 0; i < report->n_wans; i++) {
		const struct family_report *family = &report->wans[i].family[which];
		enum obstacle obstacle = family->condition.obstacle;

		if (!family->present || (!obstacles && family->share == 0))
			continue;
		fprintf(out.f, "%s%s%s%s", between, report->wans[i].name, obstacles ? " " : "",
			obstacles ? obstacle_name(obstacle) : "");
		between = ", ";
	}
	memory_close(&out, &text);
	return text;
}

static void add_lost(struct headline *headline, enum family which, const char *what)
{
	struct headline_family found = look_at(headline->report, which);
	struct headline_age age = lasting(headline, found.since);
	_cleanup_(freep) char *wans = list_wans(headline->report, which, found.carriers == 0);

	if (found.carriers == 0)
		add(headline, "NO %s%s: %s", what, age.s, wans ? wans : "");
	else
		add(headline, "%s down on every WAN%s; %s kept as last resort", what, age.s,
		    wans ? wans : "");
}

/* Families that no WAN is good for; both as one, if it is so in both. */
static void add_families(struct headline *headline)
{
	struct headline_family four = look_at(headline->report, IPV4);
	struct headline_family six = look_at(headline->report, IPV6);
	bool lost4 = four.present > 0 && four.out == four.present;
	bool lost6 = six.present > 0 && six.out == six.present;
	bool alike = lost4 == lost6 && (four.carriers > 0) == (six.carriers > 0);

	headline->told[IPV4] = lost4;
	headline->told[IPV6] = lost6;
	headline->out[IPV4] = !lost4 && four.out + four.aside > 0;
	headline->out[IPV6] = !lost6 && six.out + six.aside > 0;
	if (lost4)
		add_lost(headline, IPV4, six.present == 0 || alike ? "internet" : "IPv4");
	if (lost6 && !(lost4 && alike))
		add_lost(headline, IPV6, four.present == 0 ? "internet" : "IPv6");
}

/* ---- WANs ---- */

/* What has not been told of a family as a whole. */
static void add_wan(struct headline *headline, const struct wan_report *wan)
{
	const struct family_report *four = &wan->family[IPV4], *six = &wan->family[IPV6];
	bool out4 = is_out(four) && !headline->told[IPV4];
	bool out6 = is_out(six) && !headline->told[IPV6];
	const struct condition *first = &(out4 ? four : six)->condition;

	if (!out4 && !out6)
		return;
	if (out4 == four->present && out6 == six->present &&
	    (!out4 || !out6 || four->condition.obstacle == six->condition.obstacle))
		add(headline, "%s: %s%s", wan->name, obstacle_name(first->obstacle),
		    lasting(headline, first->since).s);
	else if (out4 && out6)
		add(headline, "%s: IPv4 %s, IPv6 %s%s", wan->name,
		    obstacle_name(four->condition.obstacle), obstacle_name(six->condition.obstacle),
		    lasting(headline, first->out).s);
	else
		add(headline, "%s: no %s%s (%s)", wan->name, family_name(out4 ? IPV4 : IPV6),
		    lasting(headline, first->out).s, obstacle_name(first->obstacle));
}

static void add_drained(struct headline *headline, const struct wan_report *wan)
{
	const char *resort = wan->family[IPV4].eligible || wan->family[IPV6].eligible
				     ? ", kept as last resort"
				     : "";

	if (wan->drained && wan->drained_until)
		add(headline, "%s: drained until %s%s", wan->name,
		    local_time_str(wan->drained_until, false).s, resort);
	else if (wan->drained)
		add(headline, "%s: drained by hand%s", wan->name, resort);
}

static uint64_t held_until(const struct family_report *family)
{
	return family->present && family->condition.obstacle == OBSTACLE_HELD
		       ? (family->hold.until_us + 999999) / 1000000
		       : 0;
}

/* "att: held for 4 min more"; a status line that stays true: " until 2026-11-22 18:30:05". */
static void add_held(struct headline *headline, const struct wan_report *wan)
{
	const struct family_report *four = &wan->family[IPV4], *six = &wan->family[IPV6];
	uint64_t until4 = held_until(four), until6 = held_until(six);
	uint64_t until = until4 > until6 ? until4 : until6;
	bool all = (until4 || !four->present) && (until6 || !six->present);
	bool carries = (until4 && four->eligible) || (until6 && six->eligible);
	const char *family = all ? "" : until4 ? " IPv4" : " IPv6";
	const char *resort = carries ? ", kept as last resort" : "";

	if (until == 0)
		return;
	if (headline->now)
		add(headline, "%s%s: held for %s more%s", wan->name, family,
		    age_str(headline->now, until).s, resort);
	else
		add(headline, "%s%s: held until %s%s", wan->name, family,
		    local_time_str(until, true).s, resort);
}

/* What is wrong with a WAN that is good enough. */
static void add_complaints(struct headline *headline, const struct wan_report *wan)
{
	const struct family_report *four = &wan->family[IPV4];
	bool once = troubles_are_alike(wan) && !is_out(four) && !is_out(&wan->family[IPV6]);

	if (once)
		add(headline, "%s: %s", wan->name, four->trouble.what);
	for (enum family which = 0; which < N_FAMILIES && !once; which++) {
		const struct family_report *family = &wan->family[which];
		const char *what = family->trouble.what;

		if (what && !is_out(family))
			add(headline, "%s %s: %s", wan->name, family_name(which), what);
	}
}

/* Loss of so much is worth a word, even if nobody has asked to judge it. */
#define LOSS_WORDS 0.1

/* "All well, but att IPv4 loses 20 %": not of the loss before it was good again. */
static void add_well(struct headline *headline)
{
	const struct report *report = headline->report;

	for (size_t i = 0; i < report->n_wans * N_FAMILIES; i++) {
		const struct wan_report *wan = &report->wans[i / N_FAMILIES];
		const struct family_report *family = &wan->family[i % N_FAMILIES];
		uint64_t window_us = HEALTH_WINDOW * family->interval_us;

		if (!family->present || family->loss < LOSS_WORDS ||
		    family->condition.since * 1000000 + window_us > report->time_us)
			continue;
		add(headline, "All well, but %s %s loses %.0f %%", wan->name,
		    family_name(i % N_FAMILIES), family->loss * 100);
		return;
	}
	add(headline, "All well");
}

/* ---- the line ---- */

static void collect(struct headline *headline)
{
	const struct report *report = headline->report;
	bool unprotected = report->unprotected && report->trouble;

	/* The words begin so: they are the same in the journal. */
	if (unprotected)
		add(headline, "%s", report->trouble);
	add_site_troubles(headline, true);
	add_families(headline);
	if (report->trouble && !unprotected)
		add(headline, "not in force: %s", report->trouble);
	for (size_t i = 0; i < report->n_wans; i++)
		add_wan(headline, &report->wans[i]);
	for (size_t i = 0; i < report->n_wans; i++) {
		add_held(headline, &report->wans[i]);
		add_drained(headline, &report->wans[i]);
	}
	add_site_troubles(headline, false);
	for (size_t i = 0; i < report->n_wans; i++)
		add_complaints(headline, &report->wans[i]);
	if (report->n_wans == 0)
		add(headline, "nothing is known of any WAN");
	if (headline->items.n == 0 && !report_has_trouble(report))
		add_well(headline);
}

static void print_item(const char *item, size_t room, FILE *f)
{
	size_t length = strlen(item);

	print_plain(item, length > room ? room - 3 : length, f);
	fputs(length > room ? "..." : "", f);
}

/* "; webpass carries it", of a family that some WANs are out of. */
static void print_carriers(const struct headline *headline, size_t room, FILE *f)
{
	enum family which = headline->out[IPV4] ? IPV4 : IPV6;
	_cleanup_(freep) char *wans = list_wans(headline->report, which, false);
	_cleanup_(freep) char *text = NULL;

	if (!headline->out[which] || !wans || !*wans ||
	    asprintf(&text, "; %s carr%s it", wans, strchr(wans, ',') ? "y" : "ies") < 0)
		return;
	if (strlen(text) <= room)
		print_plain(text, room, f);
}

void report_print_headline(const struct report *report, uint64_t now_us, unsigned width, FILE *f)
{
	struct headline headline = { .report = report, .now = now_us / 1000000 };
	_cleanup_(string_list_done) struct string_list items = {};
	size_t used, i;

	collect(&headline);
	items = TAKE(headline.items);
	if (items.n == 0)
		return;
	used = width - (items.n > 1 ? MORE_WIDTH : 0);
	if (strlen(items.v[0]) < used)
		used = strlen(items.v[0]);
	print_item(items.v[0], used, f);
	for (i = 1; i < items.n; i++) {
		size_t length = strlen("; ") + strlen(items.v[i]);

		if (used + length > width - (i + 1 < items.n ? MORE_WIDTH : 0))
			break;
		fputs("; ", f);
		print_item(items.v[i], length, f);
		used += length;
	}
	if (i < items.n)
		fprintf(f, "; %zu more", items.n - i);
	else
		print_carriers(&headline, width - used, f);
}
