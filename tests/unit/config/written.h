// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Configurations as a person writes them, loaded.
 */
#pragma once

#include "config/load.h"

#define FILE_NAME "site.conf"

#define LAN                                                                                        \
	"[lan]\n"                                                                                  \
	"interface = lan0\n"                                                                       \
	"prefix4 = 10.250.250.0/29\n"                                                              \
	"router4 = 10.250.250.2\n"
#define ATT                                                                                        \
	"[wan att]\n"                                                                              \
	"interface = wan0\n"                                                                       \
	"mark = 1\n"                                                                               \
	"table = 100\n"
#define MAP "[map4]\n10.250.250.2 = att 192.0.2.1\n"

/* The fixture: each test has a folder of its own. */
void enter_folder(void);
void leave_folder(void);

/* Writes the bytes to FILE_NAME, and loads it as config_load() does. */
int load_bytes(const char *bytes, size_t n, struct config *ret, struct fault *fault);
/* The configuration of a text that has to be accepted: config_done(). */
struct config load_text(const char *text);
/* The bytes have to be refused with that message. */
void refuse(const char *bytes, size_t n, const char *message);

/* The path of a file in tests/golden, the caller's. */
char *golden_path(const char *name);
