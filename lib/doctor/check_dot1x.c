// SPDX-License-Identifier: GPL-2.0-or-later
// The 802.1X port of a WAN: its certificates, whether it is authorized, and its flag.
// It asks wpa_supplicant. Other checks skip the WANs behind a port that is not authorized.

#include "doctor/check.h"

#include "base/fileio.h"
#include "dot1x/certificate.h"
#include "dot1x/dot1x.h"
#include "dot1x/wpa.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

struct looked_at {
	const struct patient *patient;
	char name[IFNAMSIZ]; /* of the port */
	size_t wan;	     /* the last one behind it */
};

static struct diagnosis *about(const struct looked_at *port)
{
	return about_wan(port->patient->diagnosis, port->wan, N_FAMILIES);
}

/*
 * True when there is a WAN behind the port whose link has nothing wrong. One that has an address
 * without wpa_supplicant ever having been configured is a VLAN without 802.1X.
 */
static bool is_of_interest(const struct patient *patient, const char *port)
{
	bool configured = access(WPA_CONFIG, F_OK) == 0;

	for (size_t i = 0; i < patient->config->n_wans; i++)
		if (dot1x_is_behind(patient->config->wans[i].interface, port) &&
		    !patient->explained[i][IPV4] &&
		    (configured || patient->site->facts.wans[i].link.n_addresses == 0))
			return true;
	return false;
}

static void look_at_owner(const struct looked_at *port, const struct wpa_file *file)
{
	bool secret = strcmp(file->key, "private_key") == 0;
	struct stat st;

	if (stat(file->path, &st) < 0 || (st.st_uid == 0 && !(secret && (st.st_mode & 077))))
		return;
	diagnosis_wrong(about(port), "dot1x-file-open",
			"%s (%s in %s): others than root can %s it\n"
			"`chown root %s && chmod 0600 %s`",
			file->path, file->key, WPA_CONFIG, secret ? "read" : "change", file->path,
			file->path);
}

/* Certificates and key. False: wpa_supplicant can't read them. */
static bool look_at_files(const struct looked_at *port)
{
	_cleanup_(freep) char *text = NULL;
	struct fault fault = {};
	struct wpa_file file;
	size_t at = 0;

	if (wpa_files_check(WPA_CONFIG, &fault) < 0) {
		fault_fix(
			&fault, 0,
			"copy it there (`scp ... root@HERE:/etc/wpa_supplicant/`), then `systemctl "
			"restart wpa_supplicant-mwan`");
		diagnosis_fault(about(port), "dot1x-file-missing", NULL, &fault);
		return false;
	}
	if (file_read(WPA_CONFIG, &text) == 0)
		while (wpa_next_file(text, &at, &file))
			look_at_owner(port, &file);
	return true;
}

static void look_at_flag(const struct looked_at *port, bool authorized)
{
	bool flag = access(DOT1X_FLAG, F_OK) == 0;

	if (flag == authorized)
		return;
	diagnosis_wrong(about(port), "dot1x-flag",
			"%s is%s there, though %s is %sauthorized\n"
			"`wpa-action --sync %s`, as wpa-action-sync.timer does every 30 s "
			"(`systemctl enable --now wpa-action-sync.timer`)",
			DOT1X_FLAG, flag ? "" : " not", port->name, authorized ? "" : "not ",
			port->name);
}

/* From then on, an end is near enough to do something about it. */
#define SOON_DAYS 30

/* What the next authentication will meet. Until then, the port stays authorized. */
static void look_at_certificates(const struct looked_at *port)
{
	struct diagnosis *diagnosis = port->patient->diagnosis;
	struct certificates certificates = {};
	const struct certificate *client = &certificates.client;
	bool known = certificates_read(WPA_CONFIG, &certificates);
	struct fault why = {};
	time_t now = time(NULL);
	long long days = (long long)(client->until - now) / 86400;

	if (known && !certificates_are_usable(&certificates, &why))
		diagnosis_fault(about(port), "dot1x-certificate-unusable", NULL, &why);
	else if (known && !certificates_are_valid(&certificates, now, &why))
		diagnosis_fault(about(port),
				now < client->from ? "dot1x-certificate-early"
						   : "dot1x-certificate-end",
				NULL, &why);
	else if (client->until > 0 && days < SOON_DAYS)
		diagnosis_note(about(port), "dot1x-certificate-end",
			       "%s expires in %lld days, on %s\n"
			       "copy one there that is valid for longer; wpa_supplicant reads it "
			       "at the next authentication",
			       client->path, days, date_text(client->until).s);
	if (client->until > 0)
		diagnosis_good(diagnosis, "%s is authorized, %s is valid for %lld days", port->name,
			       client->path, days);
	else
		diagnosis_good(diagnosis, "%s is authorized", port->name);
}

int doctor_dot1x(struct patient *patient, struct fault *fault)
{
	struct looked_at port = { .patient = patient };
	struct dot1x_carrier carrier;
	struct wpa_port status = {};
	struct fault why = {};
	int r;

	if (dot1x_port(NULL, port.name, &why) < 0) {
		diagnosis_wrong(patient->diagnosis, "dot1x-port-name",
				"%s\n`DOT1X_INTERFACE=` in " DOT1X_DEFAULTS, why.text);
		return 0;
	}
	if (!is_of_interest(patient, port.name))
		return 0;
	if (geteuid() != 0)
		return fault_set(fault, -EPERM, "only root can ask wpa_supplicant");
	r = dot1x_check(port.name, &carrier, &status, NULL, &why);
	if (r < 0 && r != -ENETDOWN)
		return fault_set(fault, r, "%s", why.text);
	for (size_t i = 0; i < patient->config->n_wans; i++) {
		if (!dot1x_is_behind(patient->config->wans[i].interface, port.name))
			continue;
		port.wan = i;
		if (r < 0)
			patient_explain(patient, i);
	}
	/* Certificates that can't be read are why. */
	if (look_at_files(&port) && r < 0)
		diagnosis_fault(about(&port), "dot1x-unauthorized", NULL, &why);
	/* While wpa_supplicant does not answer, nobody knows what the flag should be. */
	if (r == 0 || *status.state)
		look_at_flag(&port, r == 0);
	if (r == 0)
		look_at_certificates(&port);
	return 0;
}
