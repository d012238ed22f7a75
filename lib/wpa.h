/*
 * wpa_supplicant's control socket, and what it says there of an 802.1X port. The socket tells the
 * truth at any time; wpa_cli's events only what happens while it listens.
 */
#pragma once

#include "fault.h"

#include <stdbool.h>

#define WPA_SOCKETS "/run/wpa_supplicant"
#define WPA_CONFIG "/etc/wpa_supplicant/mwan.conf"

/* What STATUS says. Words that it does not say are empty. */
struct wpa_port {
	bool authorized;   /* suppPortStatus; wpa_state=COMPLETED is also said after a failure */
	char state[32];	   /* wpa_state */
	char pae[32];	   /* Supplicant PAE state */
	char eap[32];	   /* EAP state */
	char session[160]; /* eap_session_id: another one with each authentication */
};

/*
 * One command and its answer, a string of at most size - 1 bytes. 0; -ENOENT or -ECONNREFUSED:
 * wpa_supplicant does not run on that port; -EAGAIN: it does not answer in time.
 */
int wpa_ask(const char *port, const char *command, char *answer, size_t size);

/* The answer to STATUS; false when it is none. Pure. */
bool wpa_port_parse(const char *answer, struct wpa_port *ret);

/* STATUS, asked and read. 0, or a negative errno; -EPROTO: the answer makes no sense. */
int wpa_port_look(const char *port, struct wpa_port *ret);

/* Why the port is not authorized, and what to do; "" when it is. Pure. */
struct wpa_words {
	char s[320];
};
struct wpa_words wpa_port_trouble(const struct wpa_port *port);

/*
 * Whether each file that a configuration of wpa_supplicant names as certificate or key can be
 * read, and the configuration itself. 0, or a negative errno and a fault that names the first
 * that can't.
 */
int wpa_files_check(const char *path, struct fault *fault);

/*
 * The next file that the text of a configuration names after *at, which starts at 0, as
 * KEY="FILE". False: there is no more. Pure.
 */
struct wpa_file {
	char key[32], path[256];
};
bool wpa_next_file(const char *text, size_t *at, struct wpa_file *ret);
