// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paths that several modules share.
 */
#pragma once

#define CONFIG_PATH "/etc/mwan/mwan.conf"
#define BASE_RULESET_PATH "/etc/mwan/nftables.conf"
/* Rules of the administrator's own. */
#define OWN_RULES_DIR "/etc/mwan/nftables.d"

/* Lasts until the next boot: locks, the state of health, the rules in force. */
#define RUN_DIR "/run/mwan"
/* Survives it. */
#define STATE_DIR "/var/lib/mwan"
