/*
 * The kernel's settings: those in force, and those that the next boot brings.
 */
#include "conf_files.h"
#include "doctor.h"
#include "fileio.h"

#include <errno.h>
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
	size_t seen;
};

struct setting {
	const char *key; /* with slashes: interfaces have dots in their names; @: the interface */
	int want;
	bool inet6;
	enum finding_kind kind;
	const char *why;
};

#define ANSWERS "what the kernel answers by itself leaves on the wrong WAN"

static const struct setting settings[] = {
	{ "net/ipv4/ip_forward", 1, false, FINDING_WRONG, "no IPv4 is forwarded" },
	{ "net/ipv6/conf/all/forwarding", 1, true, FINDING_WRONG, "no IPv6 is forwarded" },
	{ "net/ipv4/fwmark_reflect", 1, false, FINDING_WRONG, ANSWERS },
	{ "net/ipv6/fwmark_reflect", 1, true, FINDING_WRONG, ANSWERS },
	{ "net/ipv4/conf/all/src_valid_mark", 0, false, FINDING_NOTE,
	  "on every interface, whatever its own is" },
	{},
};

static const struct setting of_interfaces[] = {
	{ "net/ipv4/conf/@/forwarding", 1, false, FINDING_WRONG,
	  "what comes in there is not forwarded" },
	{ "net/ipv6/conf/@/disable_ipv6", 0, true, FINDING_WRONG, "there is no IPv6 on it" },
	{ "net/ipv6/conf/@/forwarding", 1, true, FINDING_WRONG, "this is no router there" },
	{},
};

static const struct setting rp_filter = {
	"net/ipv4/conf/@/rp_filter", 2, false, FINDING_WRONG,
	"strict: what comes in on another WAN than the best is dropped"
};
/* 2: also as a router. networkd listens by itself, and on the LAN nobody should. */
static const struct setting lan_accept_ra = {
	"net/ipv6/conf/@/accept_ra", 0, true, FINDING_WRONG,
	"the router believes who advertises itself on the LAN"
};

struct key {
	char s[128];
};

static struct key key_of(const struct setting *setting, const char *interface)
{
	size_t head = strcspn(setting->key, "@");
	struct key key;

	snprintf(key.s, sizeof(key.s), "%.*s%s%s", (int)head, setting->key,
		 setting->key[head] ? interface : "",
		 setting->key[head] ? setting->key + head + 1 : "");
	return key;
}

/* ---- the kernel ---- */

/* -1: there is no such setting. */
static int read_sysctl(const char *key)
{
	_cleanup_(freep) char *text = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/sys/%s", key);
	return file_read(path, &text) == 0 ? (int)strtol(text, NULL, 10) : -1;
}

/* ---- files ---- */

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
struct line {
	const char *path; /* NULL: none sets it */
	int value;
};

/* One file's: a key counts more than a pattern, and a key without a value is out of patterns. */
static void see_line(char *text, const char *path, const char *key, struct line *exact,
		     struct line *pattern)
{
	char *equals = strchr(text, '=');
	struct line line = { .path = path };

	if (equals)
		*equals = '\0';
	text = conf_line_trim(text);
	text += *text == '-';
	with_slashes(text);
	if (equals)
		line.value = (int)strtol(conf_line_trim(equals + 1), NULL, 10);
	if (strcmp(text, key) == 0)
		*exact = equals ? line : (struct line){ .value = -1 };
	else if (equals && strpbrk(text, "*?[") && fnmatch(text, key, FNM_PATHNAME) == 0)
		*pattern = line;
}

static struct line line_of(const struct sysctls *s, const char *key)
{
	struct line exact = {}, pattern = {};

	for (size_t i = 0; i < s->files.n; i++) {
		_cleanup_(freep) char *text = NULL;
		char *rest, *line;

		if (file_read(s->files.v[i], &text) < 0)
			continue;
		for (rest = text; (line = strsep(&rest, "\n"));) {
			line = conf_line_trim(line);
			if (*line)
				see_line(line, s->files.v[i], key, &exact, &pattern);
		}
	}
	return exact.path || exact.value < 0 ? exact : pattern;
}

/* ---- findings ---- */

static bool has_ours(const struct string_list *files)
{
	for (size_t i = 0; i < files->n; i++)
		if (strcmp(strrchr(files->v[i], '/') + 1, OURS) == 0)
			return true;
	return false;
}

static int tell(struct sysctls *s, const struct setting *setting, const char *key, int value,
		struct line line)
{
	_cleanup_(freep) char *fix = NULL;
	int r;

	if (line.path && line.value != setting->want)
		r = asprintf(&fix, "take it out of %s, and `sysctl -w %s=%d`", line.path, key,
			     setting->want);
	else
		r = asprintf(&fix, "`sysctl -w %s=%d`", key, setting->want);
	if (r < 0)
		return -ENOMEM;
	if (value == setting->want)
		return diagnosis_add(s->diagnosis, setting->kind, fix,
				     "%s is %d, and %s makes it %d at the next boot: %s", key,
				     value, line.path, line.value, setting->why);
	return diagnosis_add(s->diagnosis, setting->kind, fix, "%s is %d: %s", key, value,
			     setting->why);
}

/* Where mwan's own file is read at boot, what counts more than it is told of as well. */
static int check(struct sysctls *s, const struct setting *setting, const char *interface)
{
	struct key key = key_of(setting, interface);
	int value = read_sysctl(key.s);
	struct line line = line_of(s, key.s);

	if (value < 0)
		return 0;
	s->seen++;
	if (value == setting->want && (!s->at_boot || !line.path || line.value == setting->want))
		return 0;
	return tell(s, setting, key.s, value, line);
}

/* The larger of `all` and the interface's own is in force. */
static int check_rp_filter(struct sysctls *s, const char *interface)
{
	struct key key = key_of(&rp_filter, interface);
	int all = read_sysctl("net/ipv4/conf/all/rp_filter"), own = read_sysctl(key.s);
	struct line line = line_of(s, key.s);

	if (own < 0)
		return 0;
	s->seen++;
	if (own < all)
		own = all;
	if (own != 1 && (!s->at_boot || !line.path || line.value != 1))
		return 0;
	return tell(s, &rp_filter, key.s, own, line);
}

static int check_list(struct sysctls *s, const struct setting *list, const char *interface,
		      bool inet6)
{
	int r = 0;

	for (; list->key && r == 0; list++)
		if (inet6 || !list->inet6)
			r = check(s, list, interface);
	return r;
}

static int check_all(struct sysctls *s)
{
	const struct config *config = s->config;
	bool inet6 = !config || config->lan.prefix6.len > 0;
	int r = check_list(s, settings, "", inet6);

	for (size_t i = 0; r == 0 && config && i < config->n_wans; i++) {
		r = check_rp_filter(s, config->wans[i].interface);
		if (r == 0)
			r = check_list(s, of_interfaces, config->wans[i].interface,
				       config_has_family(config, i, IPV6));
	}
	if (r == 0 && config)
		r = check_rp_filter(s, config->lan.interface);
	if (r == 0 && config)
		r = check_list(s, of_interfaces, config->lan.interface, inet6);
	if (r == 0 && config && inet6 &&
	    read_sysctl(key_of(&lan_accept_ra, config->lan.interface).s) == 2)
		r = check(s, &lan_accept_ra, config->lan.interface);
	return r;
}

/* Then none of its settings is there to be looked at. */
static int look_at_ipv6(const struct sysctls *s)
{
	if (!s->config || s->config->lan.prefix6.len == 0 ||
	    access("/proc/sys/net/ipv4/conf", F_OK) < 0 ||
	    access("/proc/sys/net/ipv6/conf", F_OK) == 0)
		return 0;
	return diagnosis_add(
		s->diagnosis, FINDING_WRONG,
		"take `ipv6.disable=1` out of the kernel's command line (/etc/default/grub, "
		"then `update-grub`) or of /etc/modprobe.d, and reboot",
		"this kernel has no IPv6, and mwan.conf has lan.prefix6");
}

/* nftables.service applies them with the ruleset, and not before. */
static bool is_no_router_yet(const struct sysctls *s)
{
	return !s->at_boot && access("/run/systemd/system", F_OK) == 0 &&
	       read_sysctl("net/ipv4/ip_forward") != 1;
}

static int check_conntrack(struct sysctls *s)
{
	int max = read_sysctl("net/netfilter/nf_conntrack_max");

	if (max < 0 || max >= FLOWS_MIN)
		return 0;
	return diagnosis_add(s->diagnosis, FINDING_NOTE,
			     "`sysctl -w net/netfilter/nf_conntrack_max=262144`",
			     "net/netfilter/nf_conntrack_max is %d: room for few flows; what "
			     "begins when it is full is dropped",
			     max);
}

int doctor_sysctls(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	struct sysctls s = { .config = patient->config, .diagnosis = diagnosis };
	size_t before = diagnosis->n;
	int r;

	r = conf_files_list(patient->root, "sysctl.d", &s.files);
	if (r < 0)
		return r;
	s.at_boot = has_ours(&s.files);
	r = look_at_ipv6(&s);
	if (r == 0 && is_no_router_yet(&s))
		r = diagnosis_add(diagnosis, FINDING_WRONG, "`systemctl restart nftables`",
				  "mwan's settings are not in force, and nothing is forwarded: no "
				  "/run/sysctl.d/" OURS);
	else if (r == 0)
		r = check_all(&s);
	if (r == 0)
		r = check_conntrack(&s);
	conf_files_done(&s.files);
	if (r < 0 || diagnosis->n > before)
		return r;
	return diagnosis_good(diagnosis, "%zu settings of a router are as they should be", s.seen);
}
