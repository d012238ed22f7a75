// SPDX-License-Identifier: GPL-2.0-or-later
// What others' tables in nftables do to the packets of the site.
// Reads nft's listing line by line: the worst rule of a table, or of all tables of one program.

#include "doctor/foreign_tables.h"

#include "base/util.h"
#include "model/ruleset.h"

#include <errno.h>
#include <fnmatch.h>
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
	enum severity severity;
	const char *kind, *text;
} harms[] = {
	[HARM_DROPS_SOME] = { FINDING_NOTE, "table-drops-some", "drops some of what is forwarded" },
	[HARM_UNTRACKS_SOME] = { FINDING_NOTE, "table-untracks-some",
				 "keeps some flows out of conntrack, and so from any WAN" },
	[HARM_TRANSLATES_SOME] = { FINDING_NOTE, "table-translates-some",
				   "translates addresses besides mwan" },
	[HARM_TRANSLATES] = { FINDING_WRONG, "table-translates",
			      "translates addresses before mwan does, so that they are not a "
			      "WAN's" },
	[HARM_UNTRACKS] = { FINDING_WRONG, "table-untracks",
			    "keeps flows out of conntrack, which knows their WAN" },
	[HARM_DROPS] = { FINDING_WRONG, "table-drops", "drops what is forwarded" },
	[HARM_MARKS] = { FINDING_WRONG, "table-marks",
			 "sets marks, which say a packet's WAN and are mwan's" },
};

/* Programs that make tables. */
enum { UFW, FIREWALLD, DOCKER, N_MAKERS };
static const struct maker {
	const char *name;
	const char *mark; /* a line of its tables while it is switched on, as fnmatch(3) has it */
	const char *also; /* what it does besides */
	const char *kind; /* of the finding where no rule does harm; NULL: there is none then */
	const char *fix;  /* its tables to be deleted follow where it leaves them behind */
	bool leaves;
} makers[] = {
	[UFW] = { "ufw", "*jump ufw*-user-*",
		  ", and the answers to mwan's probes, which are not tracked", NULL,
		  "`ufw disable`; mwan's own rules protect this machine" },
	[FIREWALLD] = { "firewalld", "table inet firewalld {*", "", NULL,
			"`systemctl disable --now firewalld`; mwan's own rules protect this "
			"machine" },
	[DOCKER] = { "Docker", "chain DOCKER*",
		     "writes into table ip nat, which is mwan's: its rules there are removed, and "
		     "it may fail to start",
		     "table-docker",
		     "write `{ \"iptables\": false }` into /etc/docker/daemon.json, then "
		     "`systemctl reset-failed docker && systemctl restart docker",
		     true },
};

struct foreign_table {
	char name[128]; /* "inet mangle" */
	int maker;	/* N_MAKERS: somebody else */
	bool hooked;	/* packets come to it */
	bool through;	/* forwarded packets do */
	bool dormant;	/* switched off as a whole */
	bool direct;	/* forwarded packets come to the chain that is read */
	enum harm harm;
	char line[160]; /* that does it */
};

/* What has been read so far. */
struct foreign_tables {
	const struct config *config;
	const struct own_tables *own;
	struct diagnosis *diagnosis;
	struct foreign_table table;
	struct made {
		enum harm harm;
		struct enumeration names;
		char deletes[1024]; /* commands, after the fix: " && nft delete table ip filter" */
	} made[N_MAKERS];
};

static bool is_ours(const char *name)
{
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++)
		if (strcmp(name, nft_parts[part].table) == 0)
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

/* True when the rule's source, if it names one, overlaps the inside. */
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
	return config_overlaps_inside(config, source);
}

static bool is_named(const char *text, size_t length, const char *interface)
{
	char quoted[IFNAMSIZ + 2];

	snprintf(quoted, sizeof(quoted), "\"%s\"", interface);
	return memmem(text, length, quoted, strlen(quoted));
}

/* True when that piece of a rule names a WAN, or may do so. */
static bool names_wan(const char *text, size_t length, const struct config *config)
{
	if (!config || memchr(text, '*', length) || memchr(text, '@', length))
		return true;
	for (size_t i = 0; i < config->n_wans; i++)
		if (is_named(text, length, config->wans[i].interface))
			return true;
	return false;
}

/*
 * True when the link that the rule names by that key ("oif"), if any, is a WAN; lan: or the LAN's.
 */
static bool may_be_by(const char *line, const char *key, bool lan, const struct config *config)
{
	const char *at = strstr(line, key);
	size_t length;

	if (!at)
		return true;
	at += strcspn(at, " ");
	at += strspn(at, " ");
	length = strcspn(at, *at == '{' ? "}" : " ");
	return *at == '!' || names_wan(at, length, config) ||
	       (lan && is_named(at, length, config->lan.interface));
}

static bool is_unconditional(const char *line, const char *verdict)
{
	line += strncmp(line, "counter ", 8) == 0 ? 8 : 0;
	return strncmp(line, verdict, strlen(verdict)) == 0;
}

static enum harm judge_rule(const char *line, bool direct, const struct config *config)
{
	static const char *const marks[] = { "mark set ", "xt target \"MARK\"",
					     "xt target \"CONNMARK\"", NULL };
	static const char *const sources[] = { "masquerade", "snat ", "xt target \"MASQUERADE\"",
					       "xt target \"SNAT\"", NULL };
	static const char *const targets[] = { "dnat ", "redirect", "xt target \"DNAT\"", NULL };

	if (has_any(line, marks))
		return HARM_MARKS;
	if (has_any(line, sources))
		return may_be_inside(line, config) && may_be_by(line, "oif", false, config)
			       ? HARM_TRANSLATES
			       : HARM_TRANSLATES_SOME;
	if (has_any(line, targets))
		return HARM_TRANSLATES_SOME;
	if (has_word(line, "notrack"))
		return direct && is_unconditional(line, "notrack") ? HARM_UNTRACKS
								   : HARM_UNTRACKS_SOME;
	if ((!has_word(line, "drop") && !has_word(line, "reject") &&
	     !strstr(line, "xt target \"REJECT\"")) ||
	    !may_be_by(line, "iif", true, config) || !may_be_by(line, "oif", true, config))
		return HARM_NONE;
	/* Without a condition, and where each packet comes by. */
	return direct && (is_unconditional(line, "drop") || is_unconditional(line, "reject"))
		       ? HARM_DROPS
		       : HARM_DROPS_SOME;
}

static void keep_worst(struct foreign_table *table, enum harm harm, const char *line)
{
	if (harm <= table->harm)
		return;
	table->harm = harm;
	snprintf(table->line, sizeof(table->line), "%s", line);
}

/* The comment does not count: it may say anything. */
static void read_rule(const char *line, struct foreign_table *table, const struct config *config)
{
	_cleanup_(freep) char *rule = strdup(line);
	char *comment = rule ? strstr(rule, " comment \"") : NULL;

	if (comment)
		*comment = '\0';
	if (rule)
		keep_worst(table, judge_rule(rule, table->direct, config), line);
}

/* True when forwarded packets pass the hook, at a link of the site. */
static bool is_passed(const char *line, const struct config *config)
{
	static const char *const hooks[] = { " hook forward ", " hook prerouting ",
					     " hook postrouting ", NULL };

	if (strstr(line, " hook ingress ") || strstr(line, " hook egress "))
		return names_wan(line, strlen(line), config) || strstr(line, config->lan.interface);
	return has_any(line, hooks);
}

/* "type filter hook forward priority filter; policy drop;" */
static void read_hook(const char *line, struct foreign_table *table, const struct config *config)
{
	table->direct = is_passed(line, config);
	table->hooked = true;
	table->through |= table->direct;
	if (table->direct && strstr(line, "policy drop;"))
		keep_worst(table, HARM_DROPS, line);
}

/* The administrator means what his own tables do to some packets, and what they drop. */
static void diagnose_own(const struct foreign_table *table, const struct own_table *own,
			 struct diagnosis *diagnosis)
{
	if (table->harm <= HARM_TRANSLATES_SOME)
		return;
	diagnosis_add(diagnosis, table->harm == HARM_DROPS ? FINDING_NOTE : FINDING_WRONG,
		      harms[table->harm].kind,
		      "your own table %s %s (`%s`)\n"
		      "change it in %s, then `systemctl reload nftables`",
		      table->name, harms[table->harm].text, table->line, own->file);
}

/* Several tables of one program are one finding, after all others. */
static void add_to_maker(const struct foreign_table *table, enum harm harm,
			 struct foreign_tables *all)
{
	struct made *made = &all->made[table->maker];
	size_t length = strlen(made->deletes);

	enumerate(&made->names, "table %s", table->name);
	if (makers[table->maker].leaves)
		snprintf(made->deletes + length, sizeof(made->deletes) - length,
			 " && nft delete table %s", table->name);
	if (harm > made->harm)
		made->harm = harm;
}

static void end_table(struct foreign_tables *all)
{
	const struct foreign_table *table = &all->table;
	const struct own_table *own = own_tables_find(all->own, table->name);
	bool harmless = !table->hooked || table->dormant || table->harm == HARM_NONE ||
			(!table->through && table->harm <= HARM_UNTRACKS_SOME);

	if (is_ours(table->name) ||
	    (harmless && (table->maker == N_MAKERS || !makers[table->maker].kind)))
		return;
	if (own) {
		diagnose_own(table, own, all->diagnosis);
		return;
	}
	if (table->maker < N_MAKERS) {
		add_to_maker(table, harmless ? HARM_NONE : table->harm, all);
		return;
	}
	diagnosis_add(all->diagnosis, harms[table->harm].severity, harms[table->harm].kind,
		      "table %s %s (`%s`)\n"
		      "`nft delete table %s`, and switch off what makes it (somebody's nft or "
		      "iptables rules); if it is your own, it belongs in a file of " OWN_RULES_DIR,
		      table->name, harms[table->harm].text, table->line, table->name);
}

static void diagnose_maker(const struct foreign_tables *all, const struct maker *maker)
{
	const struct made *made = &all->made[maker - makers];
	enum harm harm = made->harm;

	if (*made->names.s)
		diagnosis_add(all->diagnosis, harm ? harms[harm].severity : FINDING_NOTE,
			      harm ? harms[harm].kind : maker->kind, "%s %s%s%s (%s)\n%s%s%s",
			      maker->name, harm ? harms[harm].text : "",
			      harm && maker->kind ? ", and " : "", maker->also, made->names.s,
			      maker->fix, made->deletes, maker->leaves ? "`" : "");
}

static void find_maker(const char *line, struct foreign_table *table)
{
	for (int i = 0; i < N_MAKERS && table->maker == N_MAKERS; i++)
		if (fnmatch(makers[i].mark, line, 0) == 0)
			table->maker = i;
}

static void read_line(const char *line, unsigned indent, struct foreign_tables *all)
{
	struct foreign_table *table = &all->table;

	if (indent == 0 && strncmp(line, "table ", 6) == 0) {
		*table = (struct foreign_table){ .maker = N_MAKERS };
		snprintf(table->name, sizeof(table->name), "%.*s", (int)strcspn(line + 6, "{") - 1,
			 line + 6);
	} else if (indent == 0 && *line == '}') {
		end_table(all);
	} else if (indent == 1) {
		table->direct = false;
		table->dormant |= strncmp(line, "flags dormant", 13) == 0;
	} else if (strncmp(line, "type ", 5) == 0 && strstr(line, " hook ")) {
		read_hook(line, table, all->config);
	} else if (indent == 2) {
		read_rule(line, table, all->config);
	}
	find_maker(line, table);
}

void foreign_tables_check(const char *listing, const struct config *config,
			  const struct own_tables *own, struct diagnosis *diagnosis)
{
	struct foreign_tables all = { .config = config, .own = own, .diagnosis = diagnosis };
	_cleanup_(freep) char *text = strdup(listing);
	char *rest = text;

	if (!text)
		diagnosis->r = -ENOMEM;
	for (char *line; (line = strsep(&rest, "\n"));) {
		unsigned indent = strspn(line, "\t");

		read_line(line + indent, indent, &all);
	}
	for (size_t i = 0; i < N_MAKERS; i++)
		diagnose_maker(&all, &makers[i]);
}
