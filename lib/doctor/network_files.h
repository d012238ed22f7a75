// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What networkd's files say of the site's links.
 */
#pragma once

#include "base/string_list.h"
#include "doctor/check.h"

struct network_files {
	struct patient *patient;
	size_t n;	  /* looked at */
	uint64_t read_us; /* when networkd last read its files, on CLOCK_REALTIME; 0: not known */
	const char *interface;	 /* the link's that is looked at */
	int subject;		 /* and what it is: ABOUT_… */
	struct string_list list; /* its .network file and drop-ins, as networkd says */
	bool awaited;		 /* one of the links is required for the boot to be online */
	int r;			 /* -ENOMEM: a value could not be read */
};

/* True when networkd has not read that version of the file. */
bool network_files_are_newer(const struct network_files *files, const char *path);

/* Findings about the .network files of the LAN, the WANs and a management link. 0 or -ENOMEM. */
int network_files_check(struct network_files *files);
