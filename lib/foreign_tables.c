#include "foreign_tables.h"

#include "util.h"

#include <errno.h>
#include <string.h>

/* The worst of what a table does, and the line that does it. */
enum harm {
	HARM_NONE,
	HARM_DROPS_SOME,
	HARM_TRANSLATES_SOME,
	HARM_TRANSLATES,
	HARM_DROPS,
	HARM_MARKS,
};

static const struct {
	enum finding_kind kind;
	const char *words;
} harms[] = {
	[HARM_DROPS_SOME] = { FINDING_NOTE, "drops some of what is forwarded" },
	[HARM_TRANSLATES_SOME] = { FINDING_NOTE, "translates addresses besides mwan" },
	[HARM_TRANSLATES] = { FINDING_WRONG, "translates addresses before mwan does, so that they "
					     "are not a WAN's" },
	[HARM_DROPS] = { FINDING_WRONG, "drops what is forwarded" },
	[HARM_MARKS] = { FINDING_WRONG, "sets marks, which tell a packet's WAN and are mwan's" },
};

struct table {
	char name[128]; /* "inet mangle" */
	bool hooked;	/* packets come to it at all */
	bool forward;	/* and of those, what is forwarded */
	enum harm harm;
	char line[160]; /* that does it */
};

/* The chain whose rules are read. */
struct chain {
	bool forward, nat; /* packets come to it directly, there */
};

static bool is_ours(const char *name)
{
	static const char *const ours[] = { "inet filter", "inet mangle", "ip nat", "ip6 nat" };

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	return false;
}

static bool has_any(const char *line, const char *const *words)
{
	for (; *words; words++)
		if (strstr(line, *words))
			return true;
	return false;
}

/* True when the rule's source, if it names one, is inside. */
static bool may_be_inside(const char *line, const struct config *config)
{
	const char *at = strstr(line, "saddr ");
	struct prefix source;
	char text[PREFIX_TEXT];

	if (!at || !config)
		return !at;
	at += strlen("saddr ");
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(at, " "), at);
	if (!strchr(text, '/') && addr_parse(text, AF_UNSPEC, &source.addr) == 0)
		source = prefix_host(source.addr);
	else if (prefix_parse(text, AF_UNSPEC, &source) < 0)
		return true;
	return prefix_overlaps(source, config->lan.prefix4) ||
	       (config->lan.prefix6.len > 0 && prefix_overlaps(source, config->lan.prefix6));
}

static enum harm judge_rule(const char *line, const struct table *table, struct chain chain,
			    const struct config *config)
{
	static const char *const marks[] = { "mark set ", "xt target \"MARK\"",
					     "xt target \"CONNMARK\"", NULL };
	static const char *const sources[] = { "masquerade", "snat ", "xt target \"MASQUERADE\"",
					       "xt target \"SNAT\"", NULL };
	static const char *const targets[] = { "dnat ", "redirect", "xt target \"DNAT\"", NULL };
	static const char *const drops[] = { "drop", "reject", NULL };
	const char *rest = line + (strncmp(line, "counter ", 8) == 0 ? 8 : 0);

	if (has_any(line, marks))
		return HARM_MARKS;
	if (has_any(line, sources))
		return may_be_inside(line, config) ? HARM_TRANSLATES : HARM_TRANSLATES_SOME;
	if (has_any(line, targets))
		return HARM_TRANSLATES_SOME;
	if (!table->forward || !has_any(line, drops))
		return HARM_NONE;
	/* Without a condition, and where each packet comes by. */
	if (chain.forward && (strncmp(rest, "drop", 4) == 0 || strncmp(rest, "reject", 6) == 0))
		return HARM_DROPS;
	return HARM_DROPS_SOME;
}

static void note_harm(struct table *table, enum harm harm, const char *line)
{
	if (harm <= table->harm)
		return;
	table->harm = harm;
	snprintf(table->line, sizeof(table->line), "%s", line);
}

/* "type filter hook forward priority filter; policy drop;" */
static void see_hook(const char *line, struct table *table, struct chain *chain)
{
	chain->forward = strstr(line, " hook forward ");
	chain->nat = strncmp(line, "type nat ", 9) == 0;
	table->hooked = true;
	table->forward |= chain->forward;
	if (chain->forward && strstr(line, "policy drop;"))
		note_harm(table, HARM_DROPS, line);
}

static int tell(const struct table *table, struct diagnosis *diagnosis)
{
	if (is_ours(table->name) || !table->hooked || table->harm == HARM_NONE)
		return 0;
	return diagnosis_tell(
		diagnosis, harms[table->harm].kind,
		"table %s %s (`%s`): `nft delete table %s`, and switch off what makes "
		"it (nft or iptables rules of somebody's, Docker, ufw, firewalld)",
		table->name, harms[table->harm].words, table->line, table->name);
}

/* One line of the listing, without what it is indented by. */
static int see_line(const char *line, unsigned indent, const struct config *config,
		    struct table *table, struct chain *chain, struct diagnosis *diagnosis)
{
	if (indent == 0 && strncmp(line, "table ", 6) == 0) {
		*table = (struct table){};
		snprintf(table->name, sizeof(table->name), "%.*s", (int)strcspn(line + 6, "{") - 1,
			 line + 6);
	} else if (indent == 0 && *line == '}') {
		return tell(table, diagnosis);
	} else if (indent == 1) {
		*chain = (struct chain){};
	} else if (strncmp(line, "type ", 5) == 0 && strstr(line, " hook ")) {
		see_hook(line, table, chain);
	} else if (indent == 2) {
		note_harm(table, judge_rule(line, table, *chain, config), line);
	}
	return 0;
}

int foreign_tables_tell(const char *listing, const struct config *config,
			struct diagnosis *diagnosis)
{
	_cleanup_(freep) char *text = strdup(listing);
	struct table table = {};
	struct chain chain = {};
	char *rest = text;
	int r = text ? 0 : -ENOMEM;

	for (char *line; rest && r == 0 && (line = strsep(&rest, "\n"));) {
		unsigned indent = strspn(line, "\t");

		r = see_line(line + indent, indent, config, &table, &chain, diagnosis);
	}
	return r;
}
