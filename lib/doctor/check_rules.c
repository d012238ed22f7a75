// SPDX-License-Identifier: GPL-2.0-or-later
// Policy rules: those of the plan, and others' that take packets before mwan's do.
// It dumps all rules, and asks of each that is not mwan's whether a forwarded packet can match it.

#include "doctor/check.h"

#include "doctor/links.h"
#include "plan/desired_net.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

/* The first preference after mwan's rules for packets of a WAN. */
#define PREF_AFTER (PREF_SOURCE + 254)

/* A policy rule that is not mwan's: its selectors and its action. */
struct foreign_rule {
	struct nlattr *tb[FRA_MAX + 1];
	const struct fib_rule_hdr *header;
	enum family family;
	uint32_t pref, table, mark, mask;
	struct prefix from, to;
};

struct rules_seen {
	const struct patient *patient;
	size_t n, n_ahead;  /* all, and those ahead of mwan's that only cost time */
	uint32_t last_mark; /* the preference of mwan's last rule by mark */
	char example[256];  /* of those that cost */
};

static struct foreign_rule parse(struct nlmsghdr *message)
{
	struct foreign_rule rule = { .header = nlmsg_data(message) };
	int af = rule.header->family;
	struct nlattr **tb = rule.tb;

	nlmsg_parse(message, sizeof(*rule.header), tb, FRA_MAX, NULL);
	rule.family = family_of_af(af);
	rule.pref = netlink_u32(tb[FRA_PRIORITY]);
	rule.table = tb[FRA_TABLE] ? netlink_u32(tb[FRA_TABLE]) : rule.header->table;
	rule.mark = netlink_u32(tb[FRA_FWMARK]);
	rule.mask = tb[FRA_FWMASK] ? netlink_u32(tb[FRA_FWMASK]) : UINT32_MAX;
	rule.from = (struct prefix){ netlink_addr(tb[FRA_SRC], af), rule.header->src_len };
	rule.to = (struct prefix){ netlink_addr(tb[FRA_DST], af), rule.header->dst_len };
	return rule;
}

/* In ip(8) syntax, so that `ip rule del` takes it. */
struct rule_text {
	char s[256];
};
static struct rule_text rule_text(const struct foreign_rule *rule)
{
	struct rule_text text = {};
	FILE *f = fmemopen(text.s, sizeof(text.s), "w");

	if (!f)
		return text;
	fprintf(f, "pref %u", rule->pref);
	if (rule->header->flags & FIB_RULE_INVERT)
		fputs(" not", f);
	if (rule->from.addr.family)
		fprintf(f, " from %s", prefix_str(rule->from).s);
	if (rule->to.addr.family)
		fprintf(f, " to %s", prefix_str(rule->to).s);
	if (rule->tb[FRA_FWMARK])
		fprintf(f, " fwmark 0x%x/0x%x", rule->mark, rule->mask);
	if (rule->tb[FRA_IIFNAME])
		fprintf(f, " iif %s", netlink_string(rule->tb[FRA_IIFNAME]));
	if (rule->tb[FRA_OIFNAME])
		fprintf(f, " oif %s", netlink_string(rule->tb[FRA_OIFNAME]));
	if (rule->header->action == FR_ACT_TO_TBL)
		fprintf(f, " lookup %u", rule->table);
	fclose(f);
	return text;
}

static bool may_have_mark(const struct config *config, const struct foreign_rule *rule)
{
	for (size_t i = 0; i < config->n_wans; i++)
		if ((config->wans[i].mark & rule->mask) == rule->mark)
			return true;
	return false;
}

/* True when it can take a packet that is forwarded for the site. */
static bool takes_forwarded(const struct config *config, const struct foreign_rule *rule)
{
	if (rule->header->flags & FIB_RULE_INVERT)
		return true;
	if (rule->tb[FRA_OIFNAME] || rule->tb[FRA_UID_RANGE] || rule->tb[FRA_L3MDEV])
		return false;
	if (rule->tb[FRA_IIFNAME] &&
	    !link_is_of_site(config, netlink_string(rule->tb[FRA_IIFNAME])))
		return false;
	if (rule->tb[FRA_FWMARK] && !may_have_mark(config, rule))
		return false;
	return !rule->from.addr.family || config_overlaps_inside(config, rule->from);
}

static int on_rule(struct nlmsghdr *message, void *arg)
{
	struct rules_seen *seen = arg;
	struct foreign_rule rule = parse(message);
	const struct patient *patient = seen->patient;
	const char *option = rule.family == IPV6 ? " -6" : "";

	if (message->nlmsg_type != RTM_NEWRULE)
		return 0;
	seen->n++;
	if ((rule.tb[FRA_PROTOCOL] && netlink_u8(rule.tb[FRA_PROTOCOL]) == RTPROT_MWAN) ||
	    (rule.pref == 0 && rule.table == RT_TABLE_LOCAL) || rule.pref > seen->last_mark)
		return 0;
	if (!takes_forwarded(patient->config, &rule)) {
		if (seen->n_ahead++ == 0)
			memcpy(seen->example, rule_text(&rule).s, sizeof(seen->example));
		return 0;
	}
	diagnosis_wrong(
		patient->diagnosis, "rule-ahead",
		"`ip%s rule %s` stands ahead of mwan's, and takes packets away from their WAN\n"
		"`ip%s rule del %s`; who needs it can add it after %u",
		option, rule_text(&rule).s, option, rule_text(&rule).s, PREF_AFTER);
	return 0;
}

/* Packets pass each rule ahead of theirs. mwan's own, one for each mark, are not counted. */
static void look_at_costs(const struct rules_seen *seen)
{
	bool one = seen->n_ahead == 1;

	if (seen->n_ahead == 0)
		return;
	diagnosis_note(seen->patient->diagnosis, "rules-cost",
		       "%zu policy %s not mwan's ahead of its rules cost%s each packet some time, "
		       "such as `%s`\nmove %s after %u, if nothing speaks against it",
		       seen->n_ahead, one ? "rule that is" : "rules that are", one ? "s" : "",
		       seen->example, one ? "it" : "them", PREF_AFTER);
}

static bool is_rule(const struct object *object)
{
	return object->kind == OBJECT_RULE;
}

int doctor_rules(struct patient *patient, struct fault *fault)
{
	struct rules_seen seen = { .patient = patient };

	patient_diagnose_steps(patient, is_rule, "rules-differ", "policy rules");
	for (size_t i = 0; i < patient->config->n_wans; i++)
		if (patient->config->wans[i].mark + PREF_MARK > seen.last_mark)
			seen.last_mark = patient->config->wans[i].mark + PREF_MARK;
	for (enum family family = 0; family < N_FAMILIES; family++) {
		struct fib_rule_hdr header = { .family = family_af(family) };
		int r = netlink_dump(patient->kernel.sk, RTM_GETRULE, &header, sizeof(header),
				     on_rule, &seen);

		if (r < 0 && r != -EAGAIN)
			return fault_set(fault, r, "policy rules: %s", strerror(-r));
	}
	look_at_costs(&seen);
	if (patient->outcome.planned)
		diagnosis_good(patient->diagnosis,
			       "all %zu are in place, none of others' ahead of mwan's", seen.n);
	return 0;
}
