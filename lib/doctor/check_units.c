// SPDX-License-Identifier: GPL-2.0-or-later
// Units: those that the router is made of, and others' that would take it apart.
// One `systemctl show` asks about all; tables below say what each should be.

#include "doctor/check.h"

#include "doctor/units.h"
#include "dot1x/dot1x.h"
#include "dot1x/wpa.h"

#include <string.h>

#define WAIT_ONLINE "systemd-networkd-wait-online"
#define LOADER "/load-ruleset"

enum expected_state {
	ACTIVE,	 /* all the time */
	ONCE,	 /* runs and ends; must not have failed */
	FOLLOWS, /* the same, once the port is authenticated; before, it may have failed */
};

struct expected_unit {
	const char *name;
	enum expected_state state;
	bool enabled;	     /* also at the next boot */
	bool dot1x;	     /* only with 802.1X */
	bool spare;	     /* something else does its work as well */
	const char *purpose; /* what is not done without it */
	const char *kind;    /* of the finding; NULL: "unit", which explains nothing */
};

enum { NFTABLES, NETWORKD };
static const struct expected_unit ours[] = {
	[NFTABLES] = { "nftables.service", ACTIVE, false, false, false, "the base ruleset",
		       "unit-nftables" },
	[NETWORKD] = { "systemd-networkd.service", ACTIVE, true, false, false,
		       "addresses and leases", "unit-networkd" },
	{ "networkd-dispatcher.service", ACTIVE, true, false, true, "hooks" },
	{ "mwan-trace-boot.service", ACTIVE, true, false, true, "the trace id of a boot" },
	{ "mwan-health.service", ACTIVE, true, false, false, "probes, and what follows",
	  "unit-daemon" },
	{ "mwan-update-routes.service", ONCE, true, false, true, "a safety net at boot" },
	{ "mwan-update-npt.service", ONCE, true, false, true, "a safety net at boot" },
	{ "wpa_supplicant-mwan.service", ACTIVE, true, true, false, "802.1X", "unit-wpa" },
	{ "wpa-cli-action.service", ACTIVE, true, true, true, "the authenticated flag, at once" },
	{ "wpa-action-sync.timer", ACTIVE, true, true, false, "the authenticated flag" },
	{ "wpa-action-sync.service", ONCE, false, true, false, "the authenticated flag" },
	{ "wpa-authenticated.path", ACTIVE, true, true, false, "DHCP after authentication" },
	{ "wpa-authenticated.service", FOLLOWS, false, true, false, "DHCP after authentication" },
	{ "bringup-att-vlan.service", FOLLOWS, false, true, false, "DHCP after authentication" },
};

#define RIVAL "two supplicants on the port spoil each other's authentication"
/* It may configure the link by which somebody is logged in. */
#define OWN_FILE                                                                                   \
	"give each link that it configures, the management link too, a .network file; then "

static const struct foreign_unit {
	const char *name, *why; /* without ".service"; after @, the port of 802.1X follows */
	const char *kind;	/* of the finding */
	const char *first;	/* what to do before it is switched off; NULL: nothing */
} foreign[] = {
	{ "connman", "it configures links beside systemd-networkd", "unit-foreign", OWN_FILE },
	{ "netfilter-persistent", "it loads rules that it has saved", "unit-rules" },
	{ "wpa_supplicant@", RIVAL, "unit-rival" },
	{ "wpa_supplicant-wired@", RIVAL, "unit-rival" },
};

#define N_OURS ARRAY_SIZE(ours)
#define N_FOREIGN ARRAY_SIZE(foreign)

struct units_seen {
	struct diagnosis *diagnosis;
	struct unit v[N_OURS + N_FOREIGN + 1];
	bool dot1x;
	bool others; /* configure the WANs in networkd's place */
};

static bool is(const char *text, const char *other)
{
	return strcmp(text, other) == 0;
}

static void look_at_unit(struct diagnosis *diagnosis, const struct expected_unit *expected,
			 const struct unit *unit)
{
	bool failed = is(unit->active, "failed"), enabled = strncmp(unit->file, "enabled", 7) == 0;
	const char *name = unit->name, *purpose = expected->purpose;
	const char *kind = expected->kind ?: "unit";
	enum severity severity = expected->spare && !failed ? FINDING_NOTE : FINDING_WRONG;
	const char *also = expected->enabled ? " && systemctl enable --now " : "";

	if (is(unit->load, "not-found"))
		diagnosis_add(diagnosis, severity, kind,
			      "%s is not there: %s\ninstall the package it comes with again", name,
			      purpose);
	else if (is(unit->load, "masked"))
		diagnosis_add(diagnosis, severity, kind,
			      "%s is masked: %s\n`systemctl unmask %s%s%s`", name, purpose, name,
			      also, *also ? name : "");
	else if (!is(unit->load, "loaded"))
		diagnosis_add(diagnosis, severity, kind,
			      "%s is not loaded: its file is wrong: %s\n"
			      "`systemctl status %s` names the line",
			      name, purpose, name);
	else if (failed && is(unit->result, "start-limit-hit"))
		diagnosis_add(diagnosis, severity, kind,
			      "%s has failed (%s): %s\n"
			      "`systemctl reset-failed %s && systemctl start %s`",
			      name, unit->result, purpose, name, name);
	else if (failed)
		diagnosis_add(diagnosis, severity, kind,
			      "%s has failed (%s): %s\n"
			      "`journalctl -b -u %s` says why; then `systemctl restart %s`",
			      name, unit->result, purpose, name, name);
	else if (expected->state == ACTIVE && !is(unit->active, "active") &&
		 !is(unit->active, "reloading") && !is(unit->active, "activating"))
		diagnosis_add(diagnosis, severity, kind, "%s is %s%s: %s\n`systemctl %s %s`", name,
			      unit->active, unit->met ? "" : ": a condition of it was not met",
			      purpose, expected->enabled && !enabled ? "enable --now" : "start",
			      name);
	else if (expected->enabled && !enabled)
		diagnosis_add(diagnosis, severity, kind,
			      "%s is not started at boot (%s): %s\n`systemctl enable --now %s`",
			      name, *unit->file ? unit->file : "no file", purpose, name);
}

/* Without mwan's drop-in, it loads Debian's ruleset, and flushes everything when it stops. */
static void look_at_loader(struct diagnosis *diagnosis, const struct unit *nftables)
{
	const char *end = nftables->start + strlen(nftables->start);

	if (!is(nftables->load, "loaded") ||
	    (strlen(nftables->start) > strlen(LOADER) && is(end - strlen(LOADER), LOADER)))
		return;
	diagnosis_wrong(
		diagnosis, "unit-loader",
		"nftables.service runs %s, not mwan's load-ruleset: it does not bring "
		"mwan's rules back\n%s",
		*nftables->start ? nftables->start : "nothing",
		nftables->reload
			? "`systemctl daemon-reload && systemctl restart nftables`"
			: "`systemctl cat nftables` shows what counts instead of "
			  "nftables.service.d/mwan.conf: remove that, or install mwan again; "
			  "then `systemctl daemon-reload && systemctl restart nftables`");
}

static void look_at_ours(const struct units_seen *units)
{
	const char *stale = NULL;

	for (size_t i = 0; i < N_OURS; i++) {
		const struct unit *unit = &units->v[i];

		if ((ours[i].dot1x && !units->dot1x) || (i == NETWORKD && units->others) ||
		    (ours[i].state == FOLLOWS && access(DOT1X_FLAG, F_OK) < 0))
			continue;
		look_at_unit(units->diagnosis, &ours[i], unit);
		if (unit->reload && !stale)
			stale = unit->name;
	}
	look_at_loader(units->diagnosis, &units->v[NFTABLES]);
	if (stale)
		diagnosis_note(
			units->diagnosis, "unit-unread",
			"%s has changed since systemd last read it\n`systemctl daemon-reload`",
			stale);
}

static void look_at_foreign(const struct units_seen *units)
{
	for (size_t i = 0; i < N_FOREIGN; i++) {
		const struct foreign_unit *other = &foreign[i];
		const struct unit *unit = &units->v[N_OURS + i];

		if ((strchr(other->name, '@') && !units->dot1x) ||
		    (!is(unit->active, "active") && !is(unit->active, "activating")))
			continue;
		diagnosis_wrong(units->diagnosis, other->kind,
				"%s is active: %s\n%s`systemctl disable --now %s`", unit->name,
				other->why, other->first ?: "", unit->name);
	}
}

int doctor_units(struct patient *patient, struct fault *fault)
{
	struct units_seen units = { .diagnosis = patient->diagnosis,
				    .dot1x = access(WPA_CONFIG, F_OK) == 0,
				    .others = patient->site && managers_have_wans(patient) };
	char port[IFNAMSIZ], names[N_FOREIGN][64];
	struct fault ignored = {};
	int r;

	if (!units_are_there()) {
		diagnosis_note(units.diagnosis, "no-systemd",
			       "systemd does not run here: units are not looked at");
		return 0;
	}
	if (dot1x_port(NULL, port, &ignored) < 0)
		memcpy(port, "enatt0", 7);
	for (size_t i = 0; i < N_OURS; i++)
		units.v[i].name = ours[i].name;
	for (size_t i = 0; i < N_FOREIGN; i++) {
		snprintf(names[i], sizeof(names[i]), "%s%s.service", foreign[i].name,
			 strchr(foreign[i].name, '@') ? port : "");
		units.v[N_OURS + i].name = names[i];
	}
	units.v[N_OURS + N_FOREIGN].name = WAIT_ONLINE ".service";
	r = units_look(units.v, ARRAY_SIZE(units.v), fault);
	if (r < 0)
		return r;
	look_at_ours(&units);
	look_at_foreign(&units);
	if (is(units.v[N_OURS + N_FOREIGN].active, "failed"))
		diagnosis_note(
			units.diagnosis, "unit-wait-online",
			WAIT_ONLINE
			".service has failed: the boot waited 2 min for a link in vain\n"
			"in [Link] of the .network files, RequiredForOnline=no-carrier:routable "
			"for management and LAN, =no for all others; then `networkctl reload && "
			"systemctl restart " WAIT_ONLINE "`");
	diagnosis_good(units.diagnosis, "all are enabled, and run; no other is in their way");
	return 0;
}
