// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wpa_supplicant's control socket, and what it says there about an 802.1X port. The socket has the
 * state at any time; wpa_cli reports only events that happen while it listens.
 */
#pragma once

#include "base/fault.h"

#include <stdbool.h>

#define WPA_SOCKETS "/run/wpa_supplicant"
#define WPA_CONFIG "/etc/wpa_supplicant/mwan.conf"

/* The answer to STATUS; a value that is missing there is "". */
struct wpa_port {
	bool authorized;   /* suppPortStatus: wpa_state is COMPLETED also after a failure */
	char state[32];	   /* wpa_state */
	char pae[32];	   /* Supplicant PAE state */
	char eap[32];	   /* EAP state */
	char session[160]; /* eap_session_id: another one with each authentication */
};

/*
 * Sends one command and receives its answer, a string of at most size - 1 bytes. 0 or a negative
 * errno: -ENOENT or -ECONNREFUSED when wpa_supplicant does not run on that port, -EAGAIN when it
 * does not answer within 2 s.
 */
int wpa_ask(const char *port, const char *command, char *answer, size_t size);

/*
 * Asks for its events from now on: each is one message to the socket that is returned, the
 * caller's. Or a negative errno, as wpa_ask(), or -EPROTO if it refuses.
 */
int wpa_attach(const char *port);

/* Reads the answer to STATUS; false if it is none. Pure. */
bool wpa_port_parse(const char *answer, struct wpa_port *ret);

/* Asks for STATUS and reads it. As wpa_ask(), or -EPROTO if the answer makes no sense. */
int wpa_port_look(const char *port, struct wpa_port *ret);

/*
 * Checks that a configuration of wpa_supplicant can be read, and each certificate and key that it
 * names. 0, or a negative errno with a fault that names the first that can't.
 */
int wpa_files_check(const char *path, struct fault *fault);

/*
 * Copies the value of a line KEY="VALUE" of a configuration, without its quotation marks. False,
 * and nothing is copied, if the line is another one. Pure.
 */
bool wpa_quoted(const char *line, const char *key, char *ret, size_t size);

/*
 * Finds the next KEY="FILE" of a certificate or key in the text of a configuration, from *at, which
 * starts at 0. False if there is no more. Pure.
 */
struct wpa_file {
	char key[32], path[256];
};
bool wpa_next_file(const char *text, size_t *at, struct wpa_file *ret);
