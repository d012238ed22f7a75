// SPDX-License-Identifier: GPL-2.0-or-later
// Whether large packets come back over each WAN, or a router on the way loses them without a word.
// It asks the targets of ping4 and ping6, over all WANs at once.

#include "doctor/check.h"

#include "base/parse.h"
#include "health/paths.h"

#include <string.h>

/* The targets that can be pinged. False: there is none. */
static bool add_targets(const struct target_list *targets, struct path_mtu *path)
{
	const char *key = path->family == IPV4 ? "ping4" : "ping6";
	size_t n = 0;

	for (size_t i = 0; i < targets->n && n < PATH_MTU_TARGETS; i++)
		if (strcmp(targets->v[i].key, key) == 0 &&
		    addr_parse(targets->v[i].name, family_af(path->family), &path->targets[n]) == 0)
			n++;
	return n > 0;
}

/* The path of the WAN, if it can be asked. Segments fit what is asked for. */
static bool make_path(const struct patient *patient, size_t wan, enum family family,
		      struct path_mtu *ret)
{
	const struct site *site = patient->site;

	*ret = (struct path_mtu){ .family = family };
	ret->mtu = facts_mtu(&site->facts, wan, family);
	if (patient->explained[wan][family] || !site_selection(site, family)->usable[wan] ||
	    ret->mtu <= PATH_MTU_LEAST ||
	    !add_targets(&patient->config->wans[wan].health.targets[family], ret))
		return false;
	ret->path = probe_path_of(site, wan, family);
	return true;
}

/* Both families have one link: what is said of IPv4 covers an IPv6 path of the same size. */
static void diagnose_black_hole(const struct patient *patient, size_t wan,
				const struct path_mtu *path, const char *families, bool link)
{
	const struct wan_conf *conf = &patient->config->wans[wan];
	unsigned size = path->carried;
	bool ours = size >= PATH_MTU_USUAL;
	char now[128], whose[128];

	if (link)
		snprintf(now, sizeof(now), "ip link set %s mtu %u", conf->interface, size);
	else
		snprintf(now, sizeof(now), "sysctl -w net/ipv6/conf/%s/mtu=%u", conf->interface,
			 size);
	if (ours)
		snprintf(whose, sizeof(whose), "the MTU of %s, %u, is too large for this line",
			 conf->interface, path->mtu);
	else
		snprintf(whose, sizeof(whose), "the fault of the ISP or its modem");
	diagnosis_wrong(about_wan(patient->diagnosis, wan, N_FAMILIES), "path-mtu-black-hole",
			"%s: %s packets of more than %u bytes are lost on the way, and no "
			"router says that they are too big: %s; connections begin, then stand "
			"still\n"
			"`%s`, and `%s=%u` in [%s] of its .network file: mwan then fits TCP to "
			"it%s",
			conf->name, families, size, whose, now, link ? "MTUBytes" : "IPv6MTUBytes",
			size, link ? "Link" : "Network", ours ? "" : "; and report it to the ISP");
}

void doctor_judge_path_mtus(const struct patient *patient, const struct path_mtu *paths,
			    const size_t *wan, size_t n)
{
	struct enumeration good = {};

	for (size_t i = 0; i < n; i++) {
		const struct path_mtu *path = &paths[i];
		const struct path_mtu *other =
			i + 1 < n && wan[i + 1] == wan[i] ? &paths[i + 1] : NULL;

		if (other && path_mtu_is_black_hole(path) && path_mtu_is_black_hole(other)) {
			diagnose_black_hole(patient, wan[i],
					    other->carried < path->carried ? other : path,
					    "IPv4 and IPv6", true);
			i++;
		} else if (path_mtu_is_black_hole(path)) {
			diagnose_black_hole(patient, wan[i], path, family_name(path->family),
					    path->family == IPV4);
		} else if (path->carried > 0) {
			enumerate(&good, "%s %s %u", patient->config->wans[wan[i]].name,
				  family_name(path->family), path->told ?: path->carried);
		}
	}
	if (*good.s)
		diagnosis_good(patient->diagnosis, "packets come back up to a size of: %s", good.s);
}

int doctor_path_mtu(struct patient *patient, struct fault *fault)
{
	size_t most = patient->config->n_wans * N_FAMILIES, n = 0;
	_cleanup_(freep) struct path_mtu *paths = calloc(most, sizeof(*paths));
	_cleanup_(freep) size_t *wan = calloc(most, sizeof(*wan));

	if (!paths || !wan)
		return -ENOMEM;
	if (geteuid() != 0)
		return fault_set(fault, -EPERM, "only root can send probes");
	for (size_t i = 0; i < patient->config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (make_path(patient, i, family, &paths[n]))
				wan[n++] = i;
	path_mtus_find(paths, n);
	doctor_judge_path_mtus(patient, paths, wan, n);
	return 0;
}
