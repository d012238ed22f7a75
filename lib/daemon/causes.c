// SPDX-License-Identifier: GPL-2.0-or-later
// Why a run has been made, in words.
// First what has become of WANs, which explains most events; else the events themselves.

#include "base/fileio.h"
#include "daemon/state.h"

static const char *const states[N_OBSTACLES] = {
	[OBSTACLE_NONE] = "is well again",	     [OBSTACLE_NO_INTERFACE] = "has no interface",
	[OBSTACLE_SWITCHED_OFF] = "is switched off", [OBSTACLE_NO_CARRIER] = "has no carrier",
	[OBSTACLE_NO_GATEWAY] = "has no gateway",    [OBSTACLE_NO_PREFIX] = "has no prefix",
	[OBSTACLE_NO_ADDRESS] = "has no address",    [OBSTACLE_DOWN] = "is down",
	[OBSTACLE_DRAINED] = "is drained",	     [OBSTACLE_HELD] = "is held",
	[OBSTACLE_OTHER] = "is not eligible",
};

static const char *state_of(enum obstacle before, enum obstacle now)
{
	bool aside = before != OBSTACLE_NONE && !obstacle_is_outage(before);

	return now == OBSTACLE_NONE && aside ? "takes new flows again" : states[now];
}

/* Those that a change of a WAN's state explains come last. */
static const char *const events[N_CAUSES] = {
	[CAUSE_CONFIG] = "mwan.conf was read",
	[CAUSE_NFT] = "somebody has changed nftables",
	[CAUSE_OURS] = "somebody has changed mwan's routes or rules",
	[CAUSE_PREFIX_END] = "the lifetime of a prefix has ended",
	[CAUSE_NEIGHBOUR] = "a neighbour has come or gone",
	[CAUSE_ROUTER] = "nothing comes back over a router",
	[CAUSE_NETWORKD] = "systemd-networkd has news",
	[CAUSE_DRAIN] = "a WAN was drained, or is no longer",
	[CAUSE_VERDICT] = "a verdict has changed",
	[CAUSE_ROUTE] = "a route has changed",
	[CAUSE_GATEWAY] = "a default route has changed",
	[CAUSE_LINK] = "a link or an address has changed",
};

/* The causes in a text, with what is between them. */
struct causes_text {
	FILE *f;
	unsigned n;
};

static FILE *next(struct causes_text *text)
{
	if (text->n++ > 0)
		fputs(", ", text->f);
	return text->f;
}

static void write_wan(const struct daemon *d, size_t wan, struct causes_text *text)
{
	const char *name = d->config->wans[wan].name;
	const struct wan_report *before = report_wan(&d->report, name);
	enum obstacle now[N_FAMILIES] = {}, old[N_FAMILIES] = {};
	bool changed[N_FAMILIES] = {};

	for (enum family family = 0; before && family < N_FAMILIES; family++) {
		now[family] = obstacle_find(&d->outcome.site, wan, family);
		old[family] = before->family[family].condition.obstacle;
		changed[family] = before->family[family].present && old[family] != now[family];
	}
	if (changed[IPV4] && changed[IPV6] && now[IPV4] == now[IPV6]) {
		fprintf(next(text), "%s %s", name, state_of(old[IPV4], now[IPV4]));
		return;
	}
	for (enum family family = 0; family < N_FAMILIES; family++)
		if (changed[family])
			fprintf(next(text), "%s %s %s", name, family_name(family),
				state_of(old[family], now[family]));
}

static void write_causes(const struct daemon *d, struct causes_text *text)
{
	enum cause end = N_CAUSES;

	for (size_t i = 0; i < d->config->n_wans; i++)
		write_wan(d, i, text);
	if (text->n > 0)
		end = CAUSES_OF_WANS;
	for (enum cause cause = 0; cause < end; cause++)
		if (d->causes & 1U << cause)
			fputs(events[cause], next(text));
	if (text->n == 0 && d->started_us == 0)
		fputs("the daemon has started", next(text));
	if (text->n == 0)
		fputs(d->failed_us ? "the last run has failed" : "a routine look has found it",
		      text->f);
}

char *daemon_causes(const struct daemon *d)
{
	struct memory out = {};
	char *words;

	if (memory_open(&out) < 0)
		return NULL;
	write_causes(d, &(struct causes_text){ .f = out.f });
	return memory_close(&out, &words) == 0 ? words : NULL;
}
