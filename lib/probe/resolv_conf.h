// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which file names the name servers: /etc/resolv.conf. If it has nothing but systemd-resolved, it
 * is the file of those that systemd-resolved asks: it would ask them over one WAN for all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct resolv_conf {
	const char *path;
	struct stat seen[2]; /* of both files; zero: there is none */
};

/* How many name servers the file names; 0: none, or it can't be read. */
size_t resolv_conf_count(const char *path);

void resolv_conf_look(struct resolv_conf *ret);
bool resolv_conf_has_changed(const struct resolv_conf *conf);
