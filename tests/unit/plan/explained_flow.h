// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A flow that is asked about, and what is decided for it: for the tests of --explain.
 */
#pragma once

#include "plan/explain.h"
#include "plan/hairpin.h"
#include "scene.h"

#include <check.h>
#include <string.h>

static struct scene scene;
static struct explanation got;

static inline void explain_begin(void)
{
	scene_make(&scene, "contract");
}

static inline void explain_end(void)
{
	explanation_done(&got);
	scene_done(&scene);
}

static inline struct flow_query query_of(const char *source, const char *destination)
{
	struct flow_query query = { .flow = { .source = an_addr(source),
					      .destination = an_addr(destination) } };

	query.flow.family = query.flow.source.family == AF_INET ? IPV4 : IPV6;
	return query;
}

static inline struct flow_query flow_of(const char *source, const char *destination,
					uint8_t protocol, uint16_t sport, uint16_t dport)
{
	struct flow_query query = query_of(source, destination);

	query.flow.protocol = protocol;
	query.flow.sport = sport;
	query.flow.dport = dport;
	query.has_protocol = query.has_sport = true;
	query.has_dport = dport != 0;
	return query;
}

/* Decides with the scene as it is now; "att", "att webpass" or "" are the WANs. */
static inline void expect(struct flow_query query, enum explain_kind kind, const char *wans)
{
	char names[100] = "";

	explanation_done(&got);
	ck_assert_int_eq(selections_make(&scene.site), 0);
	ck_assert_int_eq(hairpins_make(&scene.site), 0);
	ck_assert_int_eq(explain(&scene.site, &query, &got), 0);
	for (size_t i = 0; i < got.n_ways; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? " " : "",
			 scene.config.wans[got.ways[i].wan].name);
	ck_assert_str_eq(explain_kind_name(got.kind), explain_kind_name(kind));
	ck_assert_str_eq(names, wans);
	ck_assert_uint_gt(got.why.n, 0);
}

static inline void expect_source(const char *source)
{
	ck_assert_uint_eq(got.n_ways, 1);
	ck_assert_str_eq(addr_str(got.ways[0].source).s, source);
}

static inline void expect_why(const char *words)
{
	for (size_t i = 0; i < got.why.n; i++)
		if (strstr(got.why.v[i], words))
			return;
	ck_abort_msg("nothing says \"%s\", but: %s", words, got.why.n ? got.why.v[0] : "");
}

static inline void expect_rule(const char *name)
{
	ck_assert_str_eq(got.rule ? got.rule->name : "none", name);
}
