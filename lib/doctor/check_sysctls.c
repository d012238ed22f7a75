// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's settings: those in force, and those that the next boot brings.
// It reads /proc/sys and, where mwan's own file is read at boot, sysctl.d as systemd does.

#include "doctor/check.h"

#include "base/dropins.h"
#include "base/fileio.h"
#include "base/string_list.h"
#include "doctor/units.h"
#include "kernel/forwarding.h"

#include <fnmatch.h>
#include <limits.h>
#include <string.h>

#define OURS "60-mwan.conf"
/* Each WAN may well carry tens of thousands of flows. */
#define FLOWS_MIN 65536

struct sysctls {
	const struct config *config; /* NULL: no interface is known */
	struct diagnosis *diagnosis;
	struct string_list files;
	bool at_boot; /* mwan's own file is among them */
	bool stopped; /* we have switched forwarding off */
	int subject;  /* whose settings these are: ABOUT_… */
	size_t seen;
};

struct sysctls_setting {
	const char *key; /* with slashes: interfaces have dots in their names; @: the interface */
	int value;	 /* as it should be */
	int bad;	 /* the only wrong value; 0: all others are */
	enum severity severity;
	const char *why;
	bool larger;	  /* the kernel uses the larger of the interface's and that of `all` */
	const char *kind; /* of the finding; NULL: "sysctl" */
};

#define ANSWERS "what the kernel answers by itself leaves on the wrong WAN"
#define STOPPED "what comes in there is not forwarded"

static const struct sysctls_setting settings[] = {
	{ "net/ipv4/ip_forward", 1, 0, FINDING_WRONG, "no IPv4 is forwarded" },
	{ "net/ipv6/conf/all/forwarding", 1, 0, FINDING_WRONG, "no IPv6 is forwarded" },
	{ "net/ipv4/fwmark_reflect", 1, 0, FINDING_WRONG, ANSWERS },
	{ "net/ipv6/fwmark_reflect", 1, 0, FINDING_WRONG, ANSWERS },
	{ "net/ipv4/conf/all/src_valid_mark", 0, 0, FINDING_NOTE,
	  "it holds for every interface, whatever its own is" },
	{ "net/ipv4/conf/all/arp_ignore", 0, 2, FINDING_WRONG,
	  "no interface answers ARP for addresses that [map4] has put there" },
	{ "net/ipv4/conf/@/rp_filter", 2, 1, FINDING_WRONG,
	  "strict: what comes in on another WAN than the best is dropped", true, "sysctl-strict" },
	{ "net/ipv4/conf/@/src_valid_mark", 1, 0, FINDING_WRONG,
	  "the kernel checks sources without a packet's mark, so mwan leaves out the rule that "
	  "forwards no IPv4 while the ruleset is lost" },
	{ "net/ipv4/conf/@/arp_ignore", 1, 0, FINDING_WRONG,
	  "with 1, an interface answers ARP for all of its own addresses, and no others", true },
	{ "net/ipv4/conf/@/arp_announce", 2, 0, FINDING_NOTE,
	  "it may ask from an address that is not on this link, and get no answer", true },
	{ "net/ipv4/conf/@/forwarding", 1, 0, FINDING_WRONG, STOPPED },
	{ "net/ipv6/conf/@/disable_ipv6", 0, 0, FINDING_WRONG, "there is no IPv6 on it",
	  .kind = "sysctl-no-ipv6" },
	{ "net/ipv6/conf/@/forwarding", 1, 0, FINDING_WRONG, STOPPED },
};

/* With 2, the kernel listens although it is a router. For WANs networkd does, by itself. */
static const struct sysctls_setting lan_accept_ra = {
	"net/ipv6/conf/@/accept_ra", 0, 0, FINDING_WRONG,
	"the router believes anybody who advertises a router on the LAN"
};

struct sysctl_key {
	char s[128];
};

static struct sysctl_key key_of(const struct sysctls_setting *setting, const char *interface)
{
	int head = (int)strcspn(setting->key, "@");
	const char *tail = setting->key + head;
	struct sysctl_key key;

	snprintf(key.s, sizeof(key.s), "%.*s%s%s", head, setting->key, interface,
		 *tail ? tail + 1 : "");
	return key;
}

long long doctor_sysctl(const char *root, const char *key)
{
	_cleanup_(freep) char *text = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/proc/sys/%s", root, key);
	return file_read(path, &text) == 0 ? strtoll(text, NULL, 10) : -1;
}

/* As systemd does: when the first separator is a dot, dots and slashes change places. */
static void with_slashes(char *key)
{
	char *first = strpbrk(key, "./");

	if (!first || *first == '/')
		return;
	for (char *c = key; (c = strpbrk(c, "./")); c++)
		*c = (char)(*c == '.' ? '/' : '.');
}

/* The line that counts for a key. */
struct sysctl_line {
	const char *path; /* NULL: none sets it */
	int value;
};

/* One line: a key counts more than a pattern, and a key without a value is out of patterns. */
static void read_line(char *text, const char *path, const char *key, struct sysctl_line *exact,
		      struct sysctl_line *pattern)
{
	struct sysctl_line line = { .path = path };
	char *equals = strchr(text, '=');

	if (equals)
		*equals = '\0';
	text = conf_line_trim(text);
	text += *text == '-';
	with_slashes(text);
	if (equals)
		line.value = (int)strtol(conf_line_trim(equals + 1), NULL, 10);
	if (strcmp(text, key) == 0)
		*exact = equals ? line : (struct sysctl_line){ .value = -1 };
	else if (equals && strpbrk(text, "*?[") && fnmatch(text, key, FNM_PATHNAME) == 0)
		*pattern = line;
}

static struct sysctl_line find_line(const struct sysctls *s, const char *key)
{
	struct sysctl_line exact = {}, pattern = {};

	for (size_t i = 0; i < s->files.n; i++) {
		_cleanup_(freep) char *text = NULL;
		char *rest, *line;

		if (file_read(s->files.v[i], &text) < 0)
			continue;
		for (rest = text; (line = strsep(&rest, "\n"));) {
			line = conf_line_trim(line);
			if (*line)
				read_line(line, s->files.v[i], key, &exact, &pattern);
		}
	}
	return exact.path || exact.value < 0 ? exact : pattern;
}

static bool is_wrong(const struct sysctls_setting *setting, int value)
{
	return setting->bad ? value == setting->bad : value != setting->value;
}

static void diagnose(struct sysctls *s, const struct sysctls_setting *setting, const char *key,
		     int value, struct sysctl_line line)
{
	enum family family = strncmp(key, "net/ipv6/", 9) == 0 ? IPV6 : IPV4;
	char boot[PATH_MAX + 64] = "", first[PATH_MAX + 64] = "";

	if (line.path && !is_wrong(setting, value))
		snprintf(boot, sizeof(boot), ", and %s makes it %d at the next boot", line.path,
			 line.value);
	if (line.path && is_wrong(setting, line.value))
		snprintf(first, sizeof(first), "take it out of %s, and ", line.path);
	diagnosis_add(about_subject(s->diagnosis, s->subject, family), setting->severity,
		      *boot ? "sysctl-at-boot" : (setting->kind ?: "sysctl"),
		      "%s is %d%s: %s\n%s`sysctl -w %s=%d`", key, value, boot, setting->why, first,
		      key, setting->value);
}

/* If mwan's own file is read at boot, report a later file that overrides it, too. */
static void check(struct sysctls *s, const struct sysctls_setting *setting, const char *interface)
{
	struct sysctl_key key = key_of(setting, interface);
	struct sysctl_line line = find_line(s, key.s);
	int all = setting->larger ? (int)doctor_sysctl("", key_of(setting, "all").s) : -1;
	int value = (int)doctor_sysctl("", key.s);

	/* Switched off for a reason that has a finding of its own. */
	if (value < 0 || (s->stopped && strstr(key.s, "forward")))
		return;
	s->seen++;
	value = all > value ? all : value;
	if (is_wrong(setting, value) || (s->at_boot && line.path && is_wrong(setting, line.value)))
		diagnose(s, setting, key.s, value, line);
}

/* The settings of an interface; "": those of the whole machine. */
static void check_interface(struct sysctls *s, const char *interface, bool inet6)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (!strchr(settings[i].key, '@') == !*interface &&
		    (inet6 || strncmp(settings[i].key, "net/ipv6/", 9) != 0))
			check(s, &settings[i], interface);
}

static void check_all(struct sysctls *s)
{
	const struct config *config = s->config;
	bool inet6 = !config || config->lan.prefix6.len > 0;

	check_interface(s, "", inet6);
	if (!config)
		return;
	for (size_t i = 0; i < config->n_wans; i++) {
		s->subject = ABOUT_WAN + (int)i;
		check_interface(s, config->wans[i].interface, config_has_family(config, i, IPV6));
	}
	s->subject = ABOUT_LAN;
	check_interface(s, config->lan.interface, inet6);
	if (inet6 && doctor_sysctl("", key_of(&lan_accept_ra, config->lan.interface).s) == 2)
		check(s, &lan_accept_ra, config->lan.interface);
}

/* A kernel without IPv6 has none of its settings. */
static void check_ipv6(const struct sysctls *s)
{
	if (!s->config || s->config->lan.prefix6.len == 0 ||
	    access("/proc/sys/net/ipv4/conf", F_OK) < 0 ||
	    access("/proc/sys/net/ipv6/conf", F_OK) == 0)
		return;
	diagnosis_wrong(
		about_subject(s->diagnosis, ABOUT_MACHINE, IPV6), "kernel-without-ipv6",
		"this kernel has no IPv6, and mwan.conf has lan.prefix6\n"
		"take `ipv6.disable=1` out of the kernel's command line (/etc/default/grub, then "
		"`update-grub`) or of /etc/modprobe.d, and reboot");
}

int doctor_sysctls(struct patient *patient, struct fault *fault)
{
	struct sysctls s = { .config = patient->config, .diagnosis = patient->diagnosis };
	int max = (int)doctor_sysctl("", "net/netfilter/nf_conntrack_max");
	int r = conf_files_list(patient->root, "sysctl.d", &s.files);

	if (r < 0)
		return r;
	for (size_t i = 0; i < s.files.n; i++)
		s.at_boot |= strcmp(strrchr(s.files.v[i], '/') + 1, OURS) == 0;
	s.stopped = access(UNPROTECTED_PATH, F_OK) == 0;
	check_ipv6(&s);
	/* nftables.service makes a router of the machine, after it has loaded the ruleset. */
	if (!s.at_boot && units_are_there() && doctor_sysctl("", "net/ipv4/ip_forward") != 1)
		diagnosis_wrong(s.diagnosis, "sysctl-not-applied",
				"mwan's settings are not in force, and nothing is forwarded: no "
				"/run/sysctl.d/" OURS "\n`systemctl restart nftables`");
	else
		check_all(&s);
	if (max >= 0 && max < FLOWS_MIN)
		diagnosis_note(s.diagnosis, "sysctl-conntrack",
			       "net/netfilter/nf_conntrack_max is %d: room for few flows; when it "
			       "is full, new ones are dropped\n"
			       "`sysctl -w net/netfilter/nf_conntrack_max=262144`",
			       max);
	diagnosis_good(s.diagnosis, "%zu settings of a router are as they should be", s.seen);
	string_list_done(&s.files);
	return 0;
}
