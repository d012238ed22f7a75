#include "foreign_tables.h"

#include "util.h"

#include <errno.h>
#include <string.h>

/* The worst of what a table does, and the line that does it. */
enum harm {
	HARM_NONE,
	HARM_DROPS_SOME,
	HARM_UNTRACKS_SOME,
	HARM_TRANSLATES_SOME,
	HARM_TRANSLATES,
	HARM_UNTRACKS,
	HARM_DROPS,
	HARM_MARKS,
};

static const struct {
	enum finding_kind kind;
	const char *words;
} harms[] = {
	[HARM_DROPS_SOME] = { FINDING_NOTE, "drops some of what is forwarded" },
	[HARM_UNTRACKS_SOME] = { FINDING_NOTE, "keeps some flows out of conntrack, and so from any "
					       "WAN" },
	[HARM_TRANSLATES_SOME] = { FINDING_NOTE, "translates addresses besides mwan" },
	[HARM_TRANSLATES] = { FINDING_WRONG, "translates addresses before mwan does, so that they "
					     "are not a WAN's" },
	[HARM_UNTRACKS] = { FINDING_WRONG, "keeps flows out of conntrack, which knows their WAN" },
	[HARM_DROPS] = { FINDING_WRONG, "drops what is forwarded" },
	[HARM_MARKS] = { FINDING_WRONG, "sets marks, which tell a packet's WAN and are mwan's" },
};

struct table {
	char name[128]; /* "inet mangle" */
	bool hooked;	/* packets come to it at all */
	bool through;	/* and of those, what is forwarded */
	bool dormant;	/* switched off as a whole */
	enum harm harm;
	char line[160]; /* that does it */
};

/* The chain whose rules are read. */
struct chain {
	bool through; /* what is forwarded comes to it directly */
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

/* A verdict, not a part of a name. */
static bool has_word(const char *line, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = line; (at = strstr(at, word)); at += len)
		if ((at == line || at[-1] == ' ') && strchr(" ,", at[len]))
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

/* True when one of the WANs stands in that piece of a rule, or may be meant by it. */
static bool names_wan(const char *text, size_t length, const struct config *config)
{
	if (!config || memchr(text, '*', length) || memchr(text, '@', length))
		return true;
	for (size_t i = 0; i < config->n_wans; i++) {
		char quoted[IFNAMSIZ + 2];

		snprintf(quoted, sizeof(quoted), "\"%s\"", config->wans[i].interface);
		if (memmem(text, length, quoted, strlen(quoted)))
			return true;
	}
	return false;
}

/* True when the rule's way out, if it names one, is a WAN: a VPN's tunnel, say, is not. */
static bool may_leave_by_wan(const char *line, const struct config *config)
{
	const char *at = strstr(line, "oifname ") ?: strstr(line, "oif ");

	if (!at)
		return true;
	at = strchr(at, ' ') + 1;
	return *at == '!' || names_wan(at, strcspn(at, *at == '{' ? "}" : " "), config);
}

static bool is_unconditional(const char *line, const char *verdict)
{
	line += strncmp(line, "counter ", 8) == 0 ? 8 : 0;
	return strncmp(line, verdict, strlen(verdict)) == 0;
}

static enum harm judge_rule(const char *line, struct chain chain, const struct config *config)
{
	static const char *const marks[] = { "mark set ", "xt target \"MARK\"",
					     "xt target \"CONNMARK\"", NULL };
	static const char *const sources[] = { "masquerade", "snat ", "xt target \"MASQUERADE\"",
					       "xt target \"SNAT\"", NULL };
	static const char *const targets[] = { "dnat ", "redirect", "xt target \"DNAT\"", NULL };

	if (has_any(line, marks))
		return HARM_MARKS;
	if (has_any(line, sources))
		return may_be_inside(line, config) && may_leave_by_wan(line, config)
			       ? HARM_TRANSLATES
			       : HARM_TRANSLATES_SOME;
	if (has_any(line, targets))
		return HARM_TRANSLATES_SOME;
	if (has_word(line, "notrack"))
		return chain.through && is_unconditional(line, "notrack") ? HARM_UNTRACKS
									  : HARM_UNTRACKS_SOME;
	if (!has_word(line, "drop") && !has_word(line, "reject") &&
	    !strstr(line, "xt target \"REJECT\""))
		return HARM_NONE;
	/* Without a condition, and where each packet comes by. */
	return chain.through && (is_unconditional(line, "drop") || is_unconditional(line, "reject"))
		       ? HARM_DROPS
		       : HARM_DROPS_SOME;
}

/* Without the comment, which is anybody's prose. */
static void see_rule(const char *line, struct table *table, struct chain chain,
		     const struct config *config)
{
	_cleanup_(freep) char *rule = strdup(line);
	char *comment = rule ? strstr(rule, " comment \"") : NULL;
	enum harm harm;

	if (comment)
		*comment = '\0';
	harm = rule ? judge_rule(rule, chain, config) : HARM_NONE;
	if (harm <= table->harm)
		return;
	table->harm = harm;
	snprintf(table->line, sizeof(table->line), "%s", line);
}

/* True when what is forwarded passes the hook, at a link of the site. */
static bool is_passed(const char *line, const struct config *config)
{
	static const char *const hooks[] = { " hook forward ", " hook prerouting ",
					     " hook postrouting ", NULL };

	if (strstr(line, " hook ingress ") || strstr(line, " hook egress "))
		return names_wan(line, strlen(line), config) || strstr(line, config->lan.interface);
	return has_any(line, hooks);
}

/* "type filter hook forward priority filter; policy drop;" */
static void see_hook(const char *line, struct table *table, struct chain *chain,
		     const struct config *config)
{
	chain->through = is_passed(line, config);
	table->hooked = true;
	table->through |= chain->through;
	if (!chain->through || !strstr(line, "policy drop;") || table->harm >= HARM_DROPS)
		return;
	table->harm = HARM_DROPS;
	snprintf(table->line, sizeof(table->line), "%s", line);
}

static int tell(const struct table *table, struct diagnosis *diagnosis)
{
	if (is_ours(table->name) || !table->hooked || table->dormant || table->harm == HARM_NONE ||
	    (!table->through && table->harm <= HARM_UNTRACKS_SOME))
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
		table->dormant |= strncmp(line, "flags dormant", 13) == 0;
	} else if (strncmp(line, "type ", 5) == 0 && strstr(line, " hook ")) {
		see_hook(line, table, chain, config);
	} else if (indent == 2) {
		see_rule(line, table, *chain, config);
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
