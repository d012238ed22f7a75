#include "doctor.h"

#include "config.h"
#include "dot1x.h"
#include "fileio.h"
#include "wpa.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Explains the WANs behind the port. */
static void explain(struct patient *patient, const char *port)
{
	for (size_t i = 0; i < patient->config->n_wans; i++)
		if (dot1x_is_behind(patient->config->wans[i].interface, port))
			doctor_explain(patient, i);
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
		    (configured || patient->outcome.facts.wans[i].link.n_addresses == 0))
			return true;
	return false;
}

static int look_at_owner(const struct wpa_file *file, struct diagnosis *diagnosis)
{
	bool secret = strcmp(file->key, "private_key") == 0;
	struct stat st;

	if (stat(file->path, &st) < 0 || (st.st_uid == 0 && !(secret && (st.st_mode & 077))))
		return 0;
	return diagnosis_tell(diagnosis, FINDING_WRONG,
			      "%s (%s in %s) can be %s by others than root: `chown root %s && "
			      "chmod 0600 %s`",
			      file->path, file->key, WPA_CONFIG, secret ? "read" : "written",
			      file->path, file->path);
}

/* Certificates and key: 1: something is wrong with them, and has been said. */
static int look_at_files(struct diagnosis *diagnosis)
{
	_cleanup_(freep) char *text = NULL;
	struct fault fault = {};
	struct wpa_file file;
	size_t at = 0, before = diagnosis->n;
	int r = 0;

	if (wpa_files_check(WPA_CONFIG, &fault) < 0) {
		r = diagnosis_add(diagnosis, FINDING_WRONG,
				  "copy it there (`scp … root@HERE:/etc/wpa_supplicant/`), then "
				  "`systemctl restart wpa_supplicant-mwan`",
				  "%s", fault.text);
		return r < 0 ? r : 1;
	}
	r = file_read(WPA_CONFIG, &text);
	while (r == 0 && wpa_next_file(text, &at, &file))
		r = look_at_owner(&file, diagnosis);
	return r < 0 ? r : diagnosis->n != before;
}

static int look_at_flag(const char *port, bool authorized, struct diagnosis *diagnosis)
{
	bool flag = access(DOT1X_FLAG, F_OK) == 0;

	if (flag == authorized)
		return 0;
	return diagnosis_tell(
		diagnosis, FINDING_WRONG,
		"%s is%s there, though %s is %sauthorized: `wpa-action --sync %s`, as "
		"wpa-action-sync.timer does each minute (`systemctl enable --now "
		"wpa-action-sync.timer`)",
		DOT1X_FLAG, flag ? "" : " not", port, authorized ? "" : "not ", port);
}

int doctor_dot1x(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	struct dot1x_carrier carrier;
	struct wpa_port status = {};
	struct fault why = {};
	char port[IFNAMSIZ];
	size_t before = diagnosis->n;
	int files, r;

	r = dot1x_port(NULL, port, &why);
	if (r < 0)
		return diagnosis_add(diagnosis, FINDING_WRONG,
				     "`DOT1X_INTERFACE=` in " DOT1X_DEFAULTS, "%s", why.text);
	if (!is_of_interest(patient, port))
		return 0;
	if (geteuid() != 0)
		return fault_set(fault, -EPERM, "only root can ask wpa_supplicant");
	files = look_at_files(diagnosis);
	if (files < 0)
		return files;
	r = dot1x_check(port, &carrier, &status, &why);
	if (r < 0 && r != -ENETDOWN)
		return fault_set(fault, r, "%s", why.text);
	/* Certificates that can't be read are why. */
	if (r < 0)
		explain(patient, port);
	if (r < 0 && !files && diagnosis_tell(diagnosis, FINDING_WRONG, "%s", why.text) < 0)
		return -ENOMEM;
	/* While nobody answers, nobody knows what it should be. */
	if ((r == 0 || *status.state) && look_at_flag(port, r == 0, diagnosis) < 0)
		return -ENOMEM;
	return diagnosis->n == before ? diagnosis_good(diagnosis, "%s is authorized", port) : 0;
}
