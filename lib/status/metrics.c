// SPDX-License-Identifier: GPL-2.0-or-later
// Prints a report as Prometheus text.
// A table has each metric with the function that reads a sample of it.

#include "status/show.h"

#include <math.h>
#include <string.h>

/* The series of one WAN and family. */
struct metrics_series {
	const struct wan_report *wan;
	const struct family_report *family;
	const struct traffic_family *traffic; /* NULL: none could be read */
	enum family which;
};

static long double read_state(const struct metrics_series *series, size_t i)
{
	return series->family->health.state == i;
}

static long double read_eligible(const struct metrics_series *series, size_t i)
{
	return series->family->eligible;
}

static long double read_degraded(const struct metrics_series *series, size_t i)
{
	return series->family->degraded;
}

static long double read_share(const struct metrics_series *series, size_t i)
{
	return series->family->share;
}

static long double read_loss(const struct metrics_series *series, size_t i)
{
	return report_is_probed(series->family) ? series->family->loss : NAN;
}

static long double read_rtt(const struct metrics_series *series, size_t i)
{
	return series->family->rtt_us > 0 ? series->family->rtt_us / 1000000 : NAN;
}

static long double read_transitions(const struct metrics_series *series, size_t i)
{
	return series->family->health.transitions;
}

static long double read_flows(const struct metrics_series *series, size_t i)
{
	return series->traffic->flows;
}

static long double read_packets(const struct metrics_series *series, size_t i)
{
	return series->traffic->count[i ? OUTBOUND : INBOUND].packets;
}

static long double read_bytes(const struct metrics_series *series, size_t i)
{
	return series->traffic->count[i ? OUTBOUND : INBOUND].bytes;
}

/* The labels of each sample that a metric has of a WAN and family. */
static const char *const one[] = { "", NULL };
static const char *const states[] = { ",state=\"unknown\"", ",state=\"up\"", ",state=\"down\"",
				      NULL };
static const char *const directions[] = { ",direction=\"in\"", ",direction=\"out\"", NULL };

static const struct metrics_row {
	const char *name, *type, *help;
	const char *const *labels;
	/* The value of sample i; NAN: there is none, which is not 0. */
	long double (*read)(const struct metrics_series *series, size_t i);
	int digits; /* at most; 20: all of a counter */
	bool of_traffic;
} metrics[] = {
	{ "mwan_wan_state", "gauge", "What the probes say: 1 for the state the WAN is in.", states,
	  read_state, 20 },
	{ "mwan_wan_eligible", "gauge", "1 if new flows may choose the WAN.", one, read_eligible,
	  20 },
	{ "mwan_wan_degraded", "gauge", "1 if IPv6 is masqueraded for want of a prefix.", one,
	  read_degraded, 20 },
	{ "mwan_wan_share_ratio", "gauge", "The WAN's part of new flows.", one, read_share, 4 },
	{ "mwan_wan_loss_ratio", "gauge", "Lost probes over each target's latest.", one, read_loss,
	  4 },
	{ "mwan_wan_rtt_seconds", "gauge", "Mean round trip of the same that were answered.", one,
	  read_rtt, 6 },
	{ "mwan_wan_transitions_total", "counter", "Changes of state.", one, read_transitions, 20 },
	{ "mwan_wan_flows", "gauge", "Flows in conntrack.", one, read_flows, 20, true },
	{ "mwan_wan_forwarded_packets_total", "counter", "Packets forwarded; out: to the WAN.",
	  directions, read_packets, 20, true },
	{ "mwan_wan_forwarded_bytes_total", "counter", "Bytes forwarded; out: to the WAN.",
	  directions, read_bytes, 20, true },
};

static void print_value(const char *text, FILE *f)
{
	for (; *text; text++) {
		if (strchr("\\\"\n", *text))
			fputc('\\', f);
		fputc(*text == '\n' ? 'n' : *text, f);
	}
}

/* The name and the labels that all samples of a WAN have. */
static void print_labels(const char *name, const struct wan_report *wan, FILE *f)
{
	fprintf(f, "%s{wan=\"", name);
	print_value(wan->name, f);
	fputs("\",interface=\"", f);
	print_value(wan->interface, f);
	fputc('"', f);
}

static void print_family_labels(const char *name, const struct wan_report *wan, enum family family,
				FILE *f)
{
	print_labels(name, wan, f);
	fprintf(f, ",family=\"%s\"", family_word(family));
}

static void print_samples(const struct metrics_row *metric, const struct metrics_series *series,
			  FILE *f)
{
	for (size_t i = 0; metric->labels[i]; i++) {
		long double value = metric->read(series, i);

		if (isnan(value))
			continue;
		print_family_labels(metric->name, series->wan, series->which, f);
		fprintf(f, "%s} %.*Lg\n", metric->labels[i], metric->digits, value);
	}
}

static void print_head(const char *name, const char *type, const char *help, FILE *f)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Since when, so that whoever reads it can reckon the age at any time. */
static void print_conditions(const struct report *report, FILE *f)
{
	static const char *const names[] = { "mwan_wan_condition_timestamp_seconds",
					     "mwan_wan_outage_timestamp_seconds" };
	static const char *const helps[] = {
		"Since when it is so; obstacle: what keeps new flows away, or none.",
		"Since when there is an obstacle; left out while there is none.",
	};

	for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
		bool headed = false;

		for (size_t i = 0; i < report->n_wans * N_FAMILIES; i++) {
			const struct wan_report *wan = &report->wans[i / N_FAMILIES];
			const struct family_report *family = &wan->family[i % N_FAMILIES];
			const struct condition *condition = &family->condition;
			uint64_t since = k == 0 ? condition->since : condition->out;

			if (!family->present || since == 0)
				continue;
			if (!headed)
				print_head(names[k], "gauge", helps[k], f);
			headed = true;
			print_family_labels(names[k], wan, i % N_FAMILIES, f);
			if (k == 0)
				fprintf(f, ",obstacle=\"%s\"", obstacle_name(condition->obstacle));
			fprintf(f, "} %ju\n", (uintmax_t)since);
		}
	}
}

static void print_metric(const struct metrics_row *metric, const struct report *report,
			 const struct traffic *traffic, FILE *f)
{
	print_head(metric->name, metric->type, metric->help, f);
	for (size_t i = 0; i < report->n_wans; i++)
		for (enum family which = 0; which < N_FAMILIES; which++) {
			struct metrics_series series = {
				.wan = &report->wans[i],
				.family = &report->wans[i].family[which],
				.traffic = traffic ? &traffic->wans[i][which] : NULL,
				.which = which,
			};

			if (series.family->present)
				print_samples(metric, &series, f);
		}
}

static void print_lan_name(const char *name, const struct lan_report *lan, FILE *f)
{
	fprintf(f, "%s{interface=\"", name);
	print_value(lan->interface, f);
	fputc('"', f);
}

static void print_lan(const struct lan_report *lan, FILE *f)
{
	const enum presence routers[N_FAMILIES] = { [IPV4] = lan->router4, [IPV6] = lan->router6 };
	bool headed = false;

	if (!lan->interface[0])
		return;
	print_head("mwan_lan_up", "gauge",
		   "1 if the LAN link has carrier, and OPNsense is not silent on it.", f);
	print_lan_name("mwan_lan_up", lan, f);
	fprintf(f, "} %d\n", report_lan_is_up(lan));
	for (enum family family = 0; family < N_FAMILIES; family++) {
		if (routers[family] == PRESENCE_UNKNOWN)
			continue;
		if (!headed)
			print_head("mwan_lan_router_up", "gauge",
				   "1 if OPNsense has answered lately.", f);
		headed = true;
		print_lan_name("mwan_lan_router_up", lan, f);
		fprintf(f, ",family=\"%s\"} %d\n", family_word(family),
			routers[family] == PRESENCE_SEEN);
	}
}

void report_print_certificate_ends(const struct certificate_end *ends, size_t n, FILE *f)
{
	static const char name[] = "mwan_dot1x_certificate_end_timestamp_seconds";

	if (n > 0)
		print_head(name, "gauge", "When a certificate of the 802.1X port ends.", f);
	for (size_t i = 0; i < n; i++) {
		fprintf(f, "%s{file=\"", name);
		print_value(ends[i].path, f);
		fprintf(f, "\"} %lld\n", ends[i].end_s);
	}
}

void report_print_metrics(const struct report *report, const struct traffic *traffic, FILE *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
		if (traffic || !metrics[i].of_traffic)
			print_metric(&metrics[i], report, traffic, f);
	print_conditions(report, f);
	print_head("mwan_wan_carrier", "gauge", "1 if the WAN's interface has carrier.", f);
	for (size_t i = 0; i < report->n_wans; i++) {
		print_labels("mwan_wan_carrier", &report->wans[i], f);
		fprintf(f, "} %d\n", report->wans[i].carrier);
	}
	print_head("mwan_wan_drained", "gauge", "1 if the WAN is taken out by hand.", f);
	for (size_t i = 0; i < report->n_wans; i++) {
		print_labels("mwan_wan_drained", &report->wans[i], f);
		fprintf(f, "} %d\n", report->wans[i].drained);
	}
	print_lan(&report->lan, f);
	if (report->flows.max > 0) {
		print_head("mwan_conntrack_entries", "gauge", "Flows in the whole table.", f);
		fprintf(f, "mwan_conntrack_entries %ju\n", (uintmax_t)report->flows.entries);
		print_head("mwan_conntrack_max", "gauge", "How many the table can hold.", f);
		fprintf(f, "mwan_conntrack_max %ju\n", (uintmax_t)report->flows.max);
	}
	print_head("mwan_in_force", "gauge", "1 if what mwan.conf asks for is in force.", f);
	fprintf(f, "mwan_in_force %d\n", !report->trouble);
	print_head("mwan_protected", "gauge",
		   "1 if the base ruleset is in force; 0: nothing passes the router.", f);
	fprintf(f, "mwan_protected %d\n", !report->unprotected);
	print_head("mwan_health_last_cycle_timestamp_seconds", "gauge",
		   "When the health daemon last wrote its state.", f);
	fprintf(f, "mwan_health_last_cycle_timestamp_seconds %.3f\n",
		(double)report->time_us / 1000000);
}
