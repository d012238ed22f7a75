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

/* resolv.conf, below the root of the machine that is looked at. */
struct conf_path {
	char path[PATH_MAX];
	char link[PATH_MAX]; /* where it leads; "" if it is no link */
};

static void find_conf(const char *root, struct conf_path *ret)
{
	ssize_t length;

	snprintf(ret->path, sizeof(ret->path), "%s" CONF, root);
	length = readlink(ret->path, ret->link, sizeof(ret->link) - 1);
	ret->link[length > 0 ? length : 0] = '\0';
}

/* Why it names nobody to ask. */
static void say_unnamed(const struct conf_path *conf, char *ret, size_t size)
{
	if (access(conf->path, F_OK) == 0)
		snprintf(ret, size, CONF " names no name server");
	else if (*conf->link)
		snprintf(ret, size, CONF " leads to %.160s, which is not there", conf->link);
	else
		snprintf(ret, size, "there is no " CONF);
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

void doctor_judge_resolver(const struct patient *patient, const struct name_answer *answer)
{
	bool needed = has_target_with_name(patient->config);
	struct conf_path conf;
	char reason[PROBE_WHY];
	const char *fix;
	bool named;

	if (answer->n > 0 || answer->denied) {
		diagnosis_good(patient->diagnosis, "names are looked up");
		return;
	}
	find_conf(patient->root, &conf);
	named = resolv_conf_count(conf.path) > 0;
	if (named && !has_way_out(patient))
		return;
	if (named)
		snprintf(reason, sizeof(reason), "%s", answer->why);
	else
		say_unnamed(&conf, reason, sizeof(reason));
	if (!named)
		fix = "`rm -f " CONF "; echo nameserver 1.1.1.1 >" CONF
		      "`; or, where it is installed, `systemctl enable --now systemd-resolved`";
	else if (strstr(conf.link, "/run/systemd/resolve/")) /* it writes the file anew */
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
