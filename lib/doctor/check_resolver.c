// SPDX-License-Identifier: GPL-2.0-or-later
// Whether this machine can look names up: apt, its clock and targets with names need it.
// It looks one up as any program does, over the router's own default. If that fails, it says why.

#include "doctor/check.h"

#include "probe/lookup.h"
#include "probe/resolv_conf.h"

#include <limits.h>
#include <string.h>

#define CONF "/etc/resolv.conf"
/* Every Debian looks it up. */
#define NAME "deb.debian.org"
#define TIMEOUT_US 2000000

/* True for a URL whose host is no address. */
static bool has_name(const struct target_conf *target)
{
	const char *host = strstr(target->name, "://");
	char name[256];
	struct addr ignored;

	if (!host)
		return false;
	host += strlen("://");
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(host, ":/?#"), host);
	return *host != '[' && addr_parse(name, AF_INET, &ignored) < 0;
}

/* WANs are judged by them. */
static bool has_target_with_name(const struct config *config)
{
	for (size_t i = 0; config && i < config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			for (size_t k = 0; k < config->wans[i].health.targets[family].n; k++)
				if (has_name(&config->wans[i].health.targets[family].v[k]))
					return true;
	return false;
}

/* Why there is nobody to ask; the answer says it otherwise. */
static void find_reason(const char *root, const struct name_answer *answer, char *ret, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), "%s" CONF, root);
	length = readlink(path, target, sizeof(target) - 1);
	if (length > 0)
		target[length] = '\0';
	if (access(path, F_OK) < 0 && length > 0)
		snprintf(ret, size, CONF " leads to %.160s, which is not there", target);
	else if (access(path, F_OK) < 0)
		snprintf(ret, size, "there is no " CONF);
	else if (resolv_conf_count(path) == 0)
		snprintf(ret, size, CONF " names no name server");
	else
		snprintf(ret, size, "%s", answer->why);
}

/* Without one, no server can answer, and other checks say why. */
static bool has_way_out(const struct patient *patient)
{
	bool way = !patient->site;

	for (enum family family = 0; family < N_FAMILIES && !way; family++)
		for (size_t i = 0; i < patient->config->n_wans && !way; i++)
			way = site_selection(patient->site, family)->usable[i];
	return way;
}

/* systemd-resolved writes the file anew. */
static bool is_resolveds(const char *root)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), "%s" CONF, root);
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	return strstr(target, "/run/systemd/resolve/");
}

void doctor_judge_resolver(const struct patient *patient, const struct name_answer *answer)
{
	bool needed = has_target_with_name(patient->config);
	char reason[PROBE_WHY], path[PATH_MAX];
	const char *fix;
	bool named;

	if (answer->n > 0 || answer->denied) {
		diagnosis_good(patient->diagnosis, "names are looked up");
		return;
	}
	snprintf(path, sizeof(path), "%s" CONF, patient->root);
	named = resolv_conf_count(path) > 0;
	if (named && !has_way_out(patient))
		return;
	find_reason(patient->root, answer, reason, sizeof(reason));
	if (!named)
		fix = "`rm -f " CONF "; echo nameserver 1.1.1.1 >" CONF
		      "`; or, where it is installed, `systemctl enable --now systemd-resolved`";
	else if (is_resolveds(patient->root))
		fix = "write DNS=1.1.1.1, or another server, below [Resolve] in "
		      "/etc/systemd/resolved.conf, then `systemctl restart systemd-resolved`";
	else
		fix = "name another server in " CONF ": nameserver 1.1.1.1";
	diagnosis_add(patient->diagnosis, needed ? FINDING_WRONG : FINDING_NOTE,
		      named ? "resolver-dead" : "resolver-none",
		      "this machine can't look names up: %s; so %s fail\n%s", reason,
		      needed ? "apt, the clock and the probes of targets with names"
			     : "apt and the clock",
		      fix);
}

int doctor_resolver(struct patient *patient, struct fault *fault)
{
	struct name_answer answer;
	int r = look_up(NAME, TIMEOUT_US, &answer, fault);

	if (r == 0)
		doctor_judge_resolver(patient, &answer);
	return r;
}
