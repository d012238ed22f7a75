/*
 * A report as people and monitoring read it.
 */
#pragma once

#include "report.h"

/* What has passed through the router, by the WAN's index in the report. */
struct traffic {
	struct traffic_family {
		uint64_t flows; /* in conntrack now */
		uint64_t packets_out, bytes_out, packets_in,
			bytes_in; /* forwarded, since the rules were loaded */
	} (*wans)[N_FAMILIES];	  /* owned */
};

/* Flows from conntrack by mark, packets and bytes from the filter's counters. */
int observe_traffic(const struct report *report, struct traffic *ret, struct fault *fault);
void traffic_done(struct traffic *traffic);

/* The table of --status, `now_us` since 1970. */
void report_print_table(const struct report *report, uint64_t now_us, FILE *f);

/* "1 of 2 WANs up; att: IPv6 down": one line, without its end. */
void report_print_summary(const struct report *report, FILE *f);

/* Prometheus text, version 0.0.4; traffic: NULL: none could be read. */
void report_print_metrics(const struct report *report, const struct traffic *traffic, FILE *f);
