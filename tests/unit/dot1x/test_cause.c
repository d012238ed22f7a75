// SPDX-License-Identifier: GPL-2.0-or-later
// Why a port is not authenticated: what wpa_supplicant's events and the certificates say.
// Events are as wpa_supplicant 2.10 sends them; certificates are values.

#include "base/util.h"
#include "dot1x/cause.h"
#include "root.h"
#include "suite.h"

#include <limits.h>
#include <string.h>

#define NOW 1796000000
#define DAY 86400
#define STATUS_EVENT(status, parameter)                                                            \
	"<3>CTRL-EVENT-EAP-STATUS status='" status "' parameter='" parameter "'"
#define BEGIN STATUS_EVENT("started", ""), STATUS_EVENT("accept proposed method", "TLS")
#define TRUSTED STATUS_EVENT("remote certificate verification", "success")
#define FAILURE STATUS_EVENT("completion", "failure"), "<3>CTRL-EVENT-EAP-FAILURE EAP"

static struct attempt listen_to(const char *const *events)
{
	struct attempt attempt = { ATTEMPT_SILENT };

	for (; *events; events++)
		attempt_note(&attempt, *events);
	return attempt;
}

#define AFTER(...) listen_to((const char *const[]){ __VA_ARGS__, NULL })

static struct certificates sound(void)
{
	return (struct certificates){
		.ca = { .path = "/e/ca.pem", .until = NOW + 900 * DAY },
		.client = { .path = "/e/client.pem", .from = NOW - DAY, .until = NOW + 90 * DAY },
		.private_key = "/e/private.pem",
		.key = KEY_FITS,
	};
}

static void expect(struct attempt attempt, const char *pae, struct certificates certificates,
		   const char *says, const char *fix)
{
	struct wpa_port port = { .state = "ASSOCIATED", .eap = "IDLE" };
	struct fault fault = {};

	snprintf(port.pae, sizeof(port.pae), "%s", pae);
	dot1x_say_cause("enatt0", &port, &attempt, &certificates, NOW, &fault);
	ck_assert_msg(strstr(fault.text, says) && fault.fix > 0 &&
			      strstr(fault.text + fault.fix, fix),
		      "%s / %s: %s", says, fix, fault.text);
}

START_TEST(attempts_that_nobody_has_seen_are_known_by_the_state)
{
	const struct attempt unseen = {};

	expect(unseen, "HELD", sound(), "refuses us, or does not answer", "ask the ISP");
	expect(unseen, "CONNECTING", sound(), "nobody answers 802.1X", "trust on");
	expect(unseen, "AUTHENTICATING", sound(), "under way (EAP state IDLE)", "look again");
	expect(unseen, "LOGOFF", sound(), "does not try (wpa_state ASSOCIATED)", "reassociate");
	expect(unseen, "", sound(), "does not try", "systemctl restart");
	/* What failed before it was stopped is not why. */
	expect(AFTER(BEGIN, FAILURE), "LOGOFF", sound(), "does not try", "reassociate");
}
END_TEST

START_TEST(silence_is_nobodys_refusal)
{
	struct certificates expired = sound();

	expired.client.until = NOW - DAY;
	expect(AFTER("<3>CTRL-EVENT-EAP-STARTED EAP authentication started"), "CONNECTING", expired,
	       "nobody answers", "ONT");
}
END_TEST

START_TEST(authenticators_certificate_that_we_refuse)
{
#define UNTRUSTED(why)                                                                             \
	AFTER(BEGIN, STATUS_EVENT("remote certificate verification", why),                         \
	      STATUS_EVENT("local TLS alert", "unknown CA"), FAILURE)
	expect(UNTRUSTED("self-signed certificate in certificate chain"), "HELD", sound(),
	       "/e/ca.pem has not signed the authenticator's certificate", "copy the CA");
	expect(UNTRUSTED("certificate has expired"), "HELD", sound(), "is not valid now",
	       "timedatectl");
	expect(UNTRUSTED("CA signature digest algorithm too weak"), "HELD", sound(),
	       "OpenSSL refuses the authenticator's certificate", "into the network block");
}
END_TEST

START_TEST(refusal_is_the_certificates_if_that_is_not_valid)
{
	struct attempt refused = AFTER(BEGIN, TRUSTED, FAILURE);
	struct certificates certificates = sound();

	expect(refused, "HELD", certificates, "the authenticator refuses us (EAP failure)",
	       "identity");
	expect(AFTER(BEGIN, TRUSTED, STATUS_EVENT("remote TLS alert", "unknown CA"), FAILURE),
	       "HELD", certificates, "refuses us (unknown CA)", "identity");
	certificates.client.until = NOW - 3 * DAY;
	expect(refused, "HELD", certificates, "/e/client.pem has expired on 2026-11-27, 3 days ago",
	       "timedatectl");
	certificates.client.until = NOW + 90 * DAY;
	certificates.client.from = NOW + 2 * DAY;
	expect(refused, "HELD", certificates,
	       "is valid from 2026-12-02 on, and the clock says 2026-11-30", "timedatectl");
}
END_TEST

START_TEST(certificate_that_can_not_be_used)
{
	struct attempt unusable =
		AFTER(BEGIN, "<3>EAP: Failed to initialize EAP method: vendor 0 method 13 (TLS)");
	struct certificates certificates = sound();

	expect(unusable, "AUTHENTICATING", certificates, "can't use the certificate or its key",
	       "journalctl");
	certificates.client.digest = "SHA1";
	expect(unusable, "AUTHENTICATING", certificates,
	       "/e/client.pem is signed with SHA1, which is too weak", "above network={");
	certificates.level0 = true;
	expect(unusable, "AUTHENTICATING", certificates, "can't use the certificate", "journalctl");
	certificates.key = KEY_OTHER;
	expect(unusable, "AUTHENTICATING", certificates,
	       "/e/private.pem is not the key of /e/client.pem", "belong together");
	certificates.key = KEY_BROKEN;
	expect(unusable, "AUTHENTICATING", certificates, "/e/private.pem can't be read",
	       "private_key_passwd");
	certificates.ca.broken = true;
	expect(unusable, "AUTHENTICATING", certificates, "/e/ca.pem is no certificate", "copy");
}
END_TEST

/* OpenSSL refuses a list with quotation marks; in the network, it comes too late. */
START_TEST(security_level_counts_above_the_network_and_without_quotation_marks)
{
	static const struct {
		const char *text;
		bool level0;
	} cases[] = {
		{ "openssl_ciphers=DEFAULT@SECLEVEL=0\nnetwork={\n}\n", true },
		{ "openssl_ciphers=\"DEFAULT@SECLEVEL=0\"\nnetwork={\n}\n", false },
		{ "openssl_ciphers=DEFAULT\nx=@SECLEVEL=0\nnetwork={\n}\n", false },
		{ "#openssl_ciphers=DEFAULT@SECLEVEL=0\nnetwork={\n}\n", false },
		{ "x=1\nnetwork={\nopenssl_ciphers=DEFAULT@SECLEVEL=0\n}\n", false },
		{ "", false },
	};
	char path[PATH_MAX];

	root_begin();
	snprintf(path, sizeof(path), "%s/mwan.conf", root);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct certificates certificates;

		root_put("/mwan.conf", cases[i].text);
		ck_assert(certificates_read(path, &certificates));
		ck_assert_msg(certificates.level0 == cases[i].level0, "%s", cases[i].text);
	}
	root_end();
}
END_TEST

START_TEST(refusal_outlasts_the_silence_after_it)
{
	struct attempt refused = AFTER(BEGIN, TRUSTED, FAILURE), silent = { ATTEMPT_SILENT };
	struct dot1x_record record = {};

	dot1x_record_attempt(&record, "enatt0", &refused, 1000);
	dot1x_record_attempt(&record, "enatt0", &silent, 1060);
	ck_assert_int_eq(record.attempt.outcome, ATTEMPT_REFUSED);
	dot1x_record_attempt(&record, "enatt0", &silent, 1200);
	ck_assert_int_eq(record.attempt.outcome, ATTEMPT_SILENT);
	dot1x_record_attempt(&record, "enatt0", &refused, 1300);
	dot1x_record_attempt(&record, "enatt1", &silent, 1310);
	ck_assert_int_eq(record.attempt.outcome, ATTEMPT_SILENT);
	ck_assert_str_eq(record.port, "enatt1");
}
END_TEST

START_TEST(nonsense_is_no_event)
{
	struct attempt attempt = AFTER("", "<3>", "OK\n", "<3>CTRL-EVENT-EAP-STATUS ",
				       "<3>CTRL-EVENT-EAP-STATUS status=''",
				       "<3>CTRL-EVENT-EAP-PEER-CERT depth=0 subject='/CN=a'");

	ck_assert_int_eq(attempt.outcome, ATTEMPT_SILENT);
	ck_assert_int_eq(AFTER(BEGIN).outcome, ATTEMPT_UNDER_WAY);
	ck_assert_int_eq(AFTER(BEGIN, TRUSTED, STATUS_EVENT("completion", "success")).outcome,
			 ATTEMPT_ACCEPTED);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("cause");

	tcase_add_test(tcase, attempts_that_nobody_has_seen_are_known_by_the_state);
	tcase_add_test(tcase, silence_is_nobodys_refusal);
	tcase_add_test(tcase, authenticators_certificate_that_we_refuse);
	tcase_add_test(tcase, refusal_is_the_certificates_if_that_is_not_valid);
	tcase_add_test(tcase, certificate_that_can_not_be_used);
	tcase_add_test(tcase, security_level_counts_above_the_network_and_without_quotation_marks);
	tcase_add_test(tcase, refusal_outlasts_the_silence_after_it);
	tcase_add_test(tcase, nonsense_is_no_event);
	return run_case(tcase, "cause");
}
