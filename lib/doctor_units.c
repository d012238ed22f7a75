/*
 * Units: those that the router is made of, and those of others that would take it apart.
 */
#include "doctor.h"
#include "dot1x.h"
#include "units.h"
#include "wpa.h"

#include <errno.h>
#include <string.h>

#define LOADER "/load-ruleset"

enum state {
	ACTIVE,	 /* all the time */
	ONCE,	 /* runs and ends; is not to have failed */
	FOLLOWS, /* the same, once the port is authenticated; before, it may have failed for that */
};

struct expected {
	const char *name;
	enum state state;
	bool enabled;	     /* also at the next boot */
	bool dot1x;	     /* only with 802.1X */
	bool spare;	     /* something else does its work as well */
	const char *purpose; /* what is not done without it */
};

static const struct expected ours[] = {
	{ "nftables.service", ACTIVE, false, false, false, "the base ruleset" },
	{ "systemd-networkd.service", ACTIVE, true, false, false, "addresses and leases" },
	{ "networkd-dispatcher.service", ACTIVE, true, false, true, "hooks" },
	{ "mwan-trace-boot.service", ACTIVE, true, false, true, "the trace id of a boot" },
	{ "mwan-health.service", ACTIVE, true, false, false, "probes, and what follows" },
	{ "mwan-update-routes.service", ONCE, true, false, true, "a safety net at boot" },
	{ "mwan-update-npt.service", ONCE, true, false, true, "a safety net at boot" },
	{ "wpa_supplicant-mwan.service", ACTIVE, true, true, false, "802.1X" },
	{ "wpa-cli-action.service", ACTIVE, true, true, true, "the authenticated flag, at once" },
	{ "wpa-action-sync.timer", ACTIVE, true, true, false, "the authenticated flag" },
	{ "wpa-action-sync.service", ONCE, false, true, false, "the authenticated flag" },
	{ "wpa-authenticated.path", ACTIVE, true, true, false, "DHCP after authentication" },
	{ "wpa-authenticated.service", FOLLOWS, false, true, false, "DHCP after authentication" },
	{ "bringup-att-vlan.service", FOLLOWS, false, true, false, "DHCP after authentication" },
};

/* What it configures may be the link by which somebody is logged in. */
#define OWN_FILE                                                                                   \
	"give each link that it configures, that of management as well, a .network file; then "

static const struct foreign {
	const char *name, *why;
	enum finding_kind kind;
	const char *first; /* what is to be done before it is switched off */
} foreign[] = {
	{ "NetworkManager.service", "it configures links beside systemd-networkd", FINDING_WRONG,
	  OWN_FILE },
	{ "dhcpcd.service", "it asks for leases beside systemd-networkd", FINDING_WRONG, OWN_FILE },
	{ "connman.service", "it configures links beside systemd-networkd", FINDING_WRONG,
	  OWN_FILE },
	{ "ufw.service", "its rules drop what mwan forwards", FINDING_WRONG },
	{ "firewalld.service", "its rules drop what mwan forwards", FINDING_WRONG },
	{ "netfilter-persistent.service", "it loads rules of before", FINDING_WRONG },
	{ "docker.service",
	  "its rules drop what mwan forwards, unless \"iptables\" is false in its daemon.json",
	  FINDING_NOTE },
};

#define N_OURS ARRAY_SIZE(ours)
#define N_FOREIGN ARRAY_SIZE(foreign)

struct look {
	struct diagnosis *diagnosis;
	struct unit units[N_OURS + N_FOREIGN + 3];
	bool dot1x;
};

static bool is(const char *word, const char *other)
{
	return strcmp(word, other) == 0;
}

/* ---- one of ours ---- */

struct words {
	char s[256];
};

static struct words fix_of(const struct expected *expected, const struct unit *unit)
{
	const char *name = unit->name;
	bool enabled = !expected->enabled || strncmp(unit->file, "enabled", 7) == 0;
	struct words fix = { "" };

	if (is(unit->load, "masked"))
		snprintf(fix.s, sizeof(fix.s),
			 expected->enabled ? "`systemctl unmask %s && systemctl enable --now %s`"
					   : "`systemctl unmask %s`",
			 name, name);
	else if (is(unit->load, "not-found"))
		snprintf(fix.s, sizeof(fix.s), "install the package it comes with again");
	else if (!is(unit->load, "loaded"))
		snprintf(fix.s, sizeof(fix.s), "`systemctl status %s` names the line", name);
	else if (is(unit->result, "start-limit-hit"))
		snprintf(fix.s, sizeof(fix.s), "`systemctl reset-failed %s && systemctl start %s`",
			 name, name);
	else if (is(unit->active, "failed"))
		snprintf(fix.s, sizeof(fix.s),
			 "`journalctl -b -u %s` says why; then `systemctl restart %s`", name, name);
	else if (!enabled)
		snprintf(fix.s, sizeof(fix.s), "`systemctl enable --now %s`", name);
	else
		snprintf(fix.s, sizeof(fix.s), "`systemctl start %s`", name);
	return fix;
}

/* What it is, if that is not what it should be; "" if it is. */
static struct words state_of(const struct expected *expected, const struct unit *unit)
{
	struct words words = { "" };

	if (is(unit->load, "not-found"))
		snprintf(words.s, sizeof(words.s), "is not there");
	else if (!is(unit->load, "loaded"))
		snprintf(words.s, sizeof(words.s), "is %s",
			 is(unit->load, "masked") ? "masked" : "not loaded: its file is wrong");
	else if (is(unit->active, "failed"))
		snprintf(words.s, sizeof(words.s), "has failed (%s)", unit->result);
	else if (expected->state == ACTIVE && !is(unit->active, "active") &&
		 !is(unit->active, "reloading") && !is(unit->active, "activating"))
		snprintf(words.s, sizeof(words.s), "is %s%s", unit->active,
			 unit->met ? "" : ": a condition of it was not met");
	else if (expected->enabled && strncmp(unit->file, "enabled", 7) != 0)
		snprintf(words.s, sizeof(words.s), "is not started at boot (%s)",
			 *unit->file ? unit->file : "no file");
	return words;
}

static int tell_ours(struct look *look, const struct expected *expected, const struct unit *unit)
{
	struct words state = state_of(expected, unit);
	bool failed = is(unit->active, "failed");

	if (!state.s[0])
		return 0;
	return diagnosis_add(
		look->diagnosis, expected->spare && !failed ? FINDING_NOTE : FINDING_WRONG,
		fix_of(expected, unit).s, "%s %s: %s", unit->name, state.s, expected->purpose);
}

/* Without mwan's drop-in, it loads Debian's ruleset, and flushes everything when it stops. */
static int tell_loader(struct look *look, const struct unit *nftables)
{
	const char *end = nftables->start + strlen(nftables->start);

	if (!is(nftables->load, "loaded") ||
	    (strlen(nftables->start) > strlen(LOADER) && is(end - strlen(LOADER), LOADER)))
		return 0;
	return diagnosis_add(
		look->diagnosis, FINDING_WRONG,
		nftables->reload
			? "`systemctl daemon-reload && systemctl restart nftables`"
			: "`systemctl cat nftables` shows what counts instead of "
			  "nftables.service.d/mwan.conf: take that away, or install mwan again; "
			  "then `systemctl daemon-reload && systemctl restart nftables`",
		"nftables.service runs %s, not mwan's load-ruleset: the rules are not brought back",
		*nftables->start ? nftables->start : "nothing");
}

static int look_at_ours(struct look *look)
{
	const char *stale = NULL;
	int r = 0;

	for (size_t i = 0; i < N_OURS && r == 0; i++) {
		const struct unit *unit = &look->units[i];

		if ((ours[i].dot1x && !look->dot1x) ||
		    (ours[i].state == FOLLOWS && access(DOT1X_FLAG, F_OK) < 0))
			continue;
		r = tell_ours(look, &ours[i], unit);
		if (unit->reload && !stale)
			stale = unit->name;
	}
	if (r == 0)
		r = tell_loader(look, &look->units[0]);
	if (r == 0 && stale)
		r = diagnosis_add(look->diagnosis, FINDING_NOTE, "`systemctl daemon-reload`",
				  "%s is another on disk than systemd has read", stale);
	return r;
}

/* ---- others' ---- */

static int tell_foreign(struct look *look, const struct unit *unit, const struct foreign *other)
{
	_cleanup_(freep) char *fix = NULL;

	if (!is(unit->active, "active") && !is(unit->active, "activating"))
		return 0;
	if (asprintf(&fix, "%s`systemctl disable --now %s`", other->first ?: "", unit->name) < 0)
		return -ENOMEM;
	return diagnosis_add(look->diagnosis, other->kind, fix, "%s is active: %s", unit->name,
			     other->why);
}

static int look_at_foreign(struct look *look)
{
	static const struct foreign rival = {
		.why = "two supplicants on the port spoil each other's authentication",
		.kind = FINDING_WRONG,
	};
	const struct unit *unit = &look->units[N_OURS];
	int r = 0;

	for (size_t i = 0; i < N_FOREIGN && r == 0; i++, unit++)
		r = tell_foreign(look, unit, &foreign[i]);
	for (size_t i = 0; i < 2 && r == 0 && look->dot1x; i++, unit++)
		r = tell_foreign(look, unit, &rival);
	return r;
}

/* Each .network file of ours says that nothing is to wait for it. */
static int tell_waiting(struct look *look, const struct unit *unit)
{
	if (!is(unit->active, "failed"))
		return 0;
	return diagnosis_add(look->diagnosis, FINDING_NOTE,
			     "RequiredForOnline=no in [Link] of each .network file, or `systemctl "
			     "disable --now systemd-networkd-wait-online && systemctl reset-failed "
			     "systemd-networkd-wait-online`",
			     "%s has failed: the boot waited for a link in vain", unit->name);
}

/* ---- the check ---- */

int doctor_units(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	struct look look = { .diagnosis = diagnosis, .dot1x = access(WPA_CONFIG, F_OK) == 0 };
	char port[IFNAMSIZ], rivals[2][64];
	struct fault unknown = {};
	size_t before = diagnosis->n;
	int r;

	if (!units_are_there())
		return diagnosis_add(diagnosis, FINDING_NOTE, NULL,
				     "systemd does not run here: units are not looked at");
	if (dot1x_port(NULL, port, &unknown) < 0)
		memcpy(port, "enatt0", 7);
	snprintf(rivals[0], sizeof(rivals[0]), "wpa_supplicant@%s.service", port);
	snprintf(rivals[1], sizeof(rivals[1]), "wpa_supplicant-wired@%s.service", port);
	for (size_t i = 0; i < N_OURS; i++)
		look.units[i].name = ours[i].name;
	for (size_t i = 0; i < N_FOREIGN; i++)
		look.units[N_OURS + i].name = foreign[i].name;
	for (size_t i = 0; i < 2; i++)
		look.units[N_OURS + N_FOREIGN + i].name = rivals[i];

	look.units[N_OURS + N_FOREIGN + 2].name = "systemd-networkd-wait-online.service";
	r = units_look(look.units, ARRAY_SIZE(look.units), fault);
	if (r == 0)
		r = look_at_ours(&look);
	if (r == 0)
		r = look_at_foreign(&look);
	if (r == 0)
		r = tell_waiting(&look, &look.units[N_OURS + N_FOREIGN + 2]);
	if (r < 0 || diagnosis->n > before)
		return r;
	return diagnosis_good(diagnosis, "all are enabled, and run; nobody is in their way");
}
