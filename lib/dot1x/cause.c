// SPDX-License-Identifier: GPL-2.0-or-later
// Why an 802.1X port is not authenticated, and what to do about it.
// What is wrong with our own files comes first, then who did not answer, then who refused whom.

#include "dot1x/cause.h"

#include <string.h>

#define LEVEL0 "DEFAULT@SECLEVEL=0"

static void say_silent(const char *port, struct fault *fault)
{
	fault_set(fault, 0, "%s: nobody answers 802.1X (EAPOL)", port);
	fault_fix(fault, 0,
		  "check the ONT's link, and whether the card lets EAPOL through (a VF needs "
		  "`trust on` and `spoof off`; `check-host` on the Proxmox host checks it)");
}

/* OpenSSL's words for why we refuse the authenticator's certificate say whose fault it is. */
static void say_untrusted(const char *port, const struct attempt *attempt,
			  const struct certificates *certificates, struct fault *fault)
{
	const char *ca = certificates && *certificates->ca.path ? certificates->ca.path : "ca_cert";
	const char *why = attempt->detail;

	if (strstr(why, "too weak") || strstr(why, "too small")) {
		fault_set(fault, 0, "%s: OpenSSL refuses the authenticator's certificate (%s)",
			  port, why);
		fault_fix(fault, 0,
			  "write openssl_ciphers=\"" LEVEL0 "\" into the network block "
			  "of " WPA_CONFIG ", then `systemctl restart wpa_supplicant-mwan`");
	} else if (strstr(why, "expired") || strstr(why, "not yet valid")) {
		fault_set(fault, 0, "%s: the authenticator's certificate is not valid now (%s)",
			  port, why);
		fault_fix(fault, 0, "check the clock (`timedatectl`) and %s, or ask the ISP", ca);
	} else {
		fault_set(fault, 0, "%s: %s has not signed the authenticator's certificate (%s)",
			  port, ca, why);
		fault_fix(fault, 0, "copy the CA certificates that belong to this ISP there");
	}
}

static void say_unusable(const char *port, const struct certificates *certificates,
			 struct fault *fault)
{
	const struct certificate *client = certificates ? &certificates->client : NULL;

	if (client && client->digest && !certificates->level0) {
		fault_set(fault, 0, "%s is signed with %s, which is too weak for OpenSSL",
			  client->path, client->digest);
		fault_fix(fault, 0,
			  "write openssl_ciphers=" LEVEL0 " above network={ in " WPA_CONFIG
			  ", then `systemctl restart wpa_supplicant-mwan`");
		return;
	}
	fault_set(fault, 0, "%s: wpa_supplicant can't use the certificate or its key", port);
	fault_fix(fault, 0, "`journalctl -u wpa_supplicant-mwan`");
}

/* seen: NULL: the port is held, which it is after three questions without an answer, too. */
static void say_refused(const char *port, const struct attempt *seen, struct fault *fault)
{
	if (seen)
		fault_set(fault, 0, "%s: the authenticator refuses us (%s)", port,
			  *seen->detail ? seen->detail : "EAP failure");
	else
		fault_set(fault, 0, "%s: the authenticator refuses us, or does not answer", port);
	fault_fix(fault, 0,
		  "identity and certificate in " WPA_CONFIG " have to be those of the ISP's "
		  "gateway; else ask the ISP");
}

static void say_idle(const char *port, const struct wpa_port *status, struct fault *fault)
{
	fault_set(fault, 0, "%s: wpa_supplicant does not try (wpa_state %s)", port, status->state);
	fault_fix(fault, 0, "`wpa_cli reassociate`, or `systemctl restart wpa_supplicant-mwan`");
}

/* Nobody has seen an attempt fail: the port's state is what is known. */
static enum attempt_outcome guess(const struct wpa_port *status)
{
	static const struct {
		const char *pae;
		enum attempt_outcome outcome;
	} states[] = {
		{ "HELD", ATTEMPT_REFUSED },
		{ "CONNECTING", ATTEMPT_SILENT },
		{ "AUTHENTICATING", ATTEMPT_UNDER_WAY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (strcmp(status->pae, states[i].pae) == 0)
			return states[i].outcome;
	return ATTEMPT_UNKNOWN;
}

void dot1x_say_cause(const char *port, const struct wpa_port *status, const struct attempt *attempt,
		     const struct certificates *certificates, time_t now, struct fault *fault)
{
	enum attempt_outcome state = guess(status), outcome = attempt->outcome;

	/* It does not try now, or something has begun since. */
	if (state == ATTEMPT_UNKNOWN || outcome == ATTEMPT_UNKNOWN || outcome == ATTEMPT_ACCEPTED) {
		outcome = state;
		attempt = NULL;
	}
	if (certificates && !certificates_are_usable(certificates, fault))
		return;
	if (outcome != ATTEMPT_SILENT && outcome != ATTEMPT_UNTRUSTED && certificates &&
	    !certificates_are_valid(certificates, now, fault))
		return;
	switch (outcome) {
	case ATTEMPT_SILENT:
		say_silent(port, fault);
		break;
	case ATTEMPT_UNTRUSTED:
		say_untrusted(port, attempt, certificates, fault);
		break;
	case ATTEMPT_UNUSABLE:
		say_unusable(port, certificates, fault);
		break;
	case ATTEMPT_REFUSED:
		say_refused(port, attempt, fault);
		break;
	case ATTEMPT_UNDER_WAY:
		fault_set(fault, 0, "%s: authentication is under way (EAP state %s)", port,
			  status->eap);
		fault_fix(fault, 0, "look again in some seconds");
		break;
	case ATTEMPT_UNKNOWN:
	case ATTEMPT_ACCEPTED:
	case N_ATTEMPT_OUTCOMES:
		say_idle(port, status, fault);
	}
}
