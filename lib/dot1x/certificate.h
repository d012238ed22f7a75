// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The certificates and the key that wpa_supplicant's configuration names, looked at with libcrypto,
 * which is loaded for this alone. Not for the daemon.
 */
#pragma once

#include "base/fault.h"

#include <stdbool.h>
#include <time.h>

enum certificate_key {
	KEY_UNKNOWN, /* none is named, or nobody could look */
	KEY_FITS,
	KEY_OTHER,  /* of another certificate */
	KEY_BROKEN, /* no key, or private_key_passwd does not open it */
};

struct certificate {
	char path[256];	    /* "": none is named, or it is no file */
	bool broken;	    /* no certificate in it */
	time_t from, until; /* when all in the file are valid, from 1970; until is 0: unknown */
	const char
		*digest; /* NULL, or a weak one that signs: "SHA1"; a root's own does not count */
};

struct certificates {
	struct certificate ca; /* until: the longest that one of them is valid */
	struct certificate client;
	char private_key[256];
	enum certificate_key key;
	bool level0; /* the file's top part sets OpenSSL's security level to 0 */
};

/*
 * Reads what the configuration at the path names. False: nothing can be said, as it can't be read,
 * or there is no libcrypto. Files that can't be read are left out.
 */
bool certificates_read(const char *path, struct certificates *ret);

/*
 * False, and the fault says what and what to do: a certificate or the key can't be used, whoever
 * the authenticator is.
 */
bool certificates_are_usable(const struct certificates *certificates, struct fault *fault);

/* The same of the client's certificate, now: it has expired, or is not valid yet. */
bool certificates_are_valid(const struct certificates *certificates, time_t now,
			    struct fault *fault);

struct date_text {
	char s[16];
};
/* "2026-11-28", in UTC. */
struct date_text date_text(time_t time);
