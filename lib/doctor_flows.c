#include "doctor.h"

#include "config.h"
#include "conntrack.h"
#include "fileio.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define SYSCTLS "/proc/sys/net/netfilter/"

/* -1: there is no such. */
static long long read_sysctl(const char *root, const char *name)
{
	_cleanup_(freep) char *text = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s" SYSCTLS "%s", root, name);
	return file_read(path, &text) == 0 ? strtoll(text, NULL, 10) : -1;
}

int doctor_room(const char *root, struct diagnosis *diagnosis)
{
	long long count = read_sysctl(root, "nf_conntrack_count");
	long long max = read_sysctl(root, "nf_conntrack_max");

	if (count < 0 || max <= 0 || count < max / 10 * 9)
		return 0;
	return diagnosis_tell(diagnosis, FINDING_WRONG,
			      "%lld flows of at most %lld: new ones are about to be dropped: "
			      "`sysctl net.netfilter.nf_conntrack_max=%lld`, and in a file of "
			      "/etc/sysctl.d; `conntrack -L` shows whose they are",
			      count, max, max * 2);
}

/* Flows that can't get anywhere, as they are. */
static int tell_misplaced(const struct patient *patient, const struct flow_census *census,
			  struct diagnosis *diagnosis)
{
	const struct config *config = patient->config;
	bool is6 = census->source.family == AF_INET6;
	struct prefix from = is6 ? config->lan.prefix6 : config->lan.prefix4;

	if (census->n_misplaced == 0)
		return 0;
	if (census->mark == 0)
		return diagnosis_tell(
			diagnosis, FINDING_WRONG,
			"%zu flows from inside have no WAN, or one that lost their address, such "
			"as of %s: they are older than mwan's rules: `conntrack -D -f %s -m 0 -s "
			"%s`",
			census->n_misplaced, addr_str(census->source).s, is6 ? "ipv6" : "ipv4",
			prefix_str(prefix_contains(from, census->source)
					   ? from
					   : prefix_host(census->source))
				.s);
	return diagnosis_tell(diagnosis, FINDING_WRONG,
			      "%zu flows are translated to an address that their WAN does not "
			      "have, such as of mark %u to %s: `conntrack -D -f %s -m %u -q %s`",
			      census->n_misplaced, census->mark, addr_str(census->outside).s,
			      is6 ? "ipv6" : "ipv4", census->mark, addr_str(census->outside).s);
}

/* True when new flows of the family have somewhere else to go than to that WAN. */
static bool is_left(const struct patient *patient, size_t wan, enum family family)
{
	const struct selection *selection = &patient->outcome.selections[family];

	return !selection->eligible[wan] && selection->best;
}

/* What stays on a WAN that new flows avoid has to be ended by somebody, or to end by itself. */
static int tell_left(const struct patient *patient, const struct flow_census *census,
		     struct diagnosis *diagnosis)
{
	const struct config *config = patient->config;
	int r = 0;

	for (size_t i = 0; i < config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES && r == 0; family++)
			if (census->of[i][family] > 0 && is_left(patient, i, family))
				r = diagnosis_tell(
					diagnosis, FINDING_NOTE,
					"%zu flows of %s stay on %s, which is not usable: "
					"`conntrack "
					"-D -f %s -m %u` has them begin anew on another WAN; "
					"down_flows = flush in [wan %s] always does",
					census->of[i][family], family == IPV4 ? "IPv4" : "IPv6",
					config->wans[i].name, family_word(family),
					config->wans[i].mark, config->wans[i].name);
	return r;
}

static int say_good(const struct patient *patient, const struct flow_census *census,
		    struct diagnosis *diagnosis)
{
	char text[512] = "";
	size_t at = 0;

	for (size_t i = 0; i < patient->config->n_wans && at < sizeof(text); i++)
		at += snprintf(text + at, sizeof(text) - at, "%s%s has %zu", at ? ", " : "",
			       patient->config->wans[i].name,
			       census->of[i][IPV4] + census->of[i][IPV6]);
	return diagnosis_good(diagnosis, "%s", text);
}

int doctor_flows(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	_cleanup_(flow_census_done) struct flow_census census = {};
	size_t before = diagnosis->n;
	int r;

	r = conntrack_count(patient->kernel.nfnl, patient->config, &patient->outcome.facts,
			    &patient->outcome.npt, &census, fault);
	if (r == 0)
		r = doctor_room(patient->root, diagnosis);
	if (r == 0)
		r = tell_misplaced(patient, &census, diagnosis);
	if (r == 0)
		r = tell_left(patient, &census, diagnosis);
	if (r < 0 || diagnosis->n > before)
		return r;
	return say_good(patient, &census, diagnosis);
}
