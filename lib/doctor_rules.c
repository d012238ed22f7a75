#include "doctor.h"

#include "config.h"
#include "desired_net.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

/* A policy rule that is not ours, as far as it tells what it does to packets of ours. */
struct foreign_rule {
	struct nlattr *tb[FRA_MAX + 1];
	const struct fib_rule_hdr *header;
	enum family family;
	uint32_t pref, table, mark, mask;
	struct prefix from, to;
};

struct look {
	const struct patient *patient;
	struct diagnosis *diagnosis;
	size_t n_rules, n_ahead; /* of all, and of those that only cost */
	uint32_t last_mark;	 /* the preference of the last rule by mark */
	char example[256];	 /* of those that cost */
};

static struct prefix prefix_attr(struct nlattr *attr, unsigned len, int family)
{
	return (struct prefix){ netlink_addr(attr, family), len };
}

static struct foreign_rule parse(struct nlmsghdr *message)
{
	struct foreign_rule rule = { .header = nlmsg_data(message) };
	int af = rule.header->family;

	nlmsg_parse(message, sizeof(*rule.header), rule.tb, FRA_MAX, NULL);
	rule.family = af == AF_INET ? IPV4 : IPV6;
	rule.pref = rule.tb[FRA_PRIORITY] ? nla_get_u32(rule.tb[FRA_PRIORITY]) : 0;
	rule.table = rule.tb[FRA_TABLE] ? nla_get_u32(rule.tb[FRA_TABLE]) : rule.header->table;
	rule.mark = rule.tb[FRA_FWMARK] ? nla_get_u32(rule.tb[FRA_FWMARK]) : 0;
	rule.mask = rule.tb[FRA_FWMASK] ? nla_get_u32(rule.tb[FRA_FWMASK]) : UINT32_MAX;
	rule.from = prefix_attr(rule.tb[FRA_SRC], rule.header->src_len, af);
	rule.to = prefix_attr(rule.tb[FRA_DST], rule.header->dst_len, af);
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
		fprintf(f, " iif %s", nla_get_string(rule->tb[FRA_IIFNAME]));
	if (rule->tb[FRA_OIFNAME])
		fprintf(f, " oif %s", nla_get_string(rule->tb[FRA_OIFNAME]));
	if (rule->header->action == FR_ACT_TO_TBL)
		fprintf(f, " lookup %u", rule->table);
	fclose(f);
	return text;
}

static bool overlaps_inside(const struct config *config, struct prefix from)
{
	return prefix_overlaps(from, config->lan.prefix4) ||
	       (config->lan.prefix6.len > 0 && prefix_overlaps(from, config->lan.prefix6)) ||
	       (config->lan.router6.family && prefix_contains(from, config->lan.router6));
}

static bool may_have_mark(const struct config *config, const struct foreign_rule *rule)
{
	for (size_t i = 0; i < config->n_wans; i++)
		if ((config->wans[i].mark & rule->mask) == rule->mark)
			return true;
	return false;
}

static bool is_link_of_site(const struct config *config, const char *name)
{
	return strcmp(name, config->lan.interface) == 0 || config_wan_by_interface(config, name);
}

/* True when it can take a packet that is forwarded for the site. */
static bool takes_forwarded(const struct config *config, const struct foreign_rule *rule)
{
	if (rule->header->flags & FIB_RULE_INVERT)
		return true;
	if (rule->tb[FRA_OIFNAME] || rule->tb[FRA_UID_RANGE] || rule->tb[FRA_L3MDEV])
		return false;
	if (rule->tb[FRA_IIFNAME] &&
	    !is_link_of_site(config, nla_get_string(rule->tb[FRA_IIFNAME])))
		return false;
	if (rule->tb[FRA_FWMARK] && !may_have_mark(config, rule))
		return false;
	return !rule->from.addr.family || overlaps_inside(config, rule->from);
}

static int on_rule(struct nlmsghdr *message, void *arg)
{
	struct look *look = arg;
	struct foreign_rule rule = parse(message);
	const struct config *config = look->patient->config;

	if (message->nlmsg_type != RTM_NEWRULE)
		return 0;
	look->n_rules++;
	if ((rule.tb[FRA_PROTOCOL] && nla_get_u8(rule.tb[FRA_PROTOCOL]) == RTPROT_MWAN) ||
	    (rule.pref == 0 && rule.table == RT_TABLE_LOCAL) || rule.pref > look->last_mark)
		return 0;
	if (takes_forwarded(config, &rule))
		return diagnosis_tell(look->diagnosis, FINDING_WRONG,
				      "`ip%s rule %s` stands ahead of mwan's, and takes packets "
				      "away from their WAN: `ip%s rule del %s`; whoever needs it "
				      "can add it after %u",
				      rule.family == IPV6 ? " -6" : "", rule_text(&rule).s,
				      rule.family == IPV6 ? " -6" : "", rule_text(&rule).s,
				      PREF_SOURCE + 254);
	if (look->n_ahead++ == 0)
		memcpy(look->example, rule_text(&rule).s, sizeof(look->example));
	return 0;
}

/* Each rule by mark is one that a packet of a later WAN passes as well: only others are told. */
static int tell_costs(const struct look *look, struct diagnosis *diagnosis)
{
	if (look->n_ahead == 0)
		return 0;
	return diagnosis_tell(diagnosis, FINDING_NOTE,
			      "%zu polic%s not mwan's ahead of its rules cost each packet some "
			      "time, `%s` for one: move %s after %u, where nothing speaks against "
			      "it",
			      look->n_ahead,
			      look->n_ahead == 1 ? "y rule that is" : "y rules that are",
			      look->example, look->n_ahead == 1 ? "it" : "them", PREF_SOURCE + 254);
}

static bool is_rule(const char *line)
{
	return strncmp(line, "ip rule ", 8) == 0 || strncmp(line, "ip -6 rule ", 11) == 0;
}

int doctor_rules(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	struct look look = { .patient = patient, .diagnosis = diagnosis };
	size_t before = diagnosis->n;
	int r = doctor_tell_plan(patient, diagnosis, is_rule, "policy rules", NULL);

	for (size_t i = 0; i < patient->config->n_wans; i++)
		if (patient->config->wans[i].mark + PREF_MARK > look.last_mark)
			look.last_mark = patient->config->wans[i].mark + PREF_MARK;
	for (enum family family = 0; family < N_FAMILIES && r >= 0; family++) {
		struct fib_rule_hdr header = { .family = family_af(family) };

		r = netlink_dump(patient->kernel.sk, RTM_GETRULE, &header, sizeof(header), on_rule,
				 &look);
		if (r == -EAGAIN)
			r = 0;
	}
	if (r >= 0)
		r = tell_costs(&look, diagnosis);
	if (r < 0)
		return fault_set(fault, r, "policy rules: %s", strerror(-r));
	if (diagnosis->n > before || !patient->planned)
		return 0;
	return diagnosis_good(diagnosis, "%zu, in place, nobody else's ahead of mwan's",
			      look.n_rules);
}
