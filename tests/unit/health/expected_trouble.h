// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the report says of att in the scene of probed_scene.h, word for word.
 */
#pragma once

#include "probed_scene.h"

#include <check.h>
#include <string.h>

static inline const struct family_report *att(enum family family)
{
	report_done(&report);
	probed_report(&probed, &report);
	return &report.wans[ATT].family[family];
}

static inline void expect(enum family family, const char *expected)
{
	_cleanup_(freep) char *line = trouble_line(&att(family)->trouble);

	if (expected)
		ck_assert_str_eq(line ? line : "(none)", expected);
	else
		ck_assert_msg(!line, "%s", line);
}
