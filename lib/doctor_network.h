/*
 * What networkd's files say of one link.
 */
#pragma once

#include "doctor.h"

#include <time.h>

struct network_look {
	struct patient *patient;
	struct diagnosis *diagnosis;
	size_t n_files;	  /* looked at */
	uint64_t read_us; /* when networkd has last read its files, on CLOCK_REALTIME; 0: not known
			   */
};

/* True when networkd has not read that version of the file. */
bool network_is_newer(const struct network_look *look, const char *path);

/* The settings of a WAN's .network file; wan: its index, or -1 for the LAN. 0 or -ENOMEM. */
int network_look_at(struct network_look *look, int wan);
