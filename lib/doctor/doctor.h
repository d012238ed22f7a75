// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * health-check --doctor: what is missing or wrong on this machine, causes first, each with its fix.
 * It changes nothing, and asks nobody to change anything.
 */
#pragma once

#include <stdbool.h>

/*
 * Examines this machine and prints what it finds on stdout, as diagnosis_print() does. An exit
 * status: EXIT_DONE if nothing is wrong, EXIT_FAILED if something is, EXIT_USAGE if the
 * configuration can't be read (all that can be said without it is said). -ENOMEM.
 */
int doctor_examine(const char *config_path, bool verbose);
