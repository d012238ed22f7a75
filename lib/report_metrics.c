#include "report_show.h"

#include <inttypes.h>
#include <string.h>

/* The series of one WAN and family. */
struct series {
	const struct wan_report *wan;
	const struct family_report *family;
	const struct traffic_family *traffic; /* NULL: none could be read */
	char digit;
};

static void print_value(const char *text, FILE *f)
{
	for (; *text; text++)
		switch (*text) {
		case '\\':
			fputs("\\\\", f);
			break;
		case '"':
			fputs("\\\"", f);
			break;
		case '\n':
			fputs("\\n", f);
			break;
		default:
			fputc(*text, f);
			break;
		}
}

/* The sample up to its value; more: labels that come after the common ones. */
static void print_labels(const struct series *series, const char *name, const char *more, FILE *f)
{
	fprintf(f, "%s{wan=\"", name);
	print_value(series->wan->name, f);
	fputs("\",interface=\"", f);
	print_value(series->wan->interface, f);
	fprintf(f, "\",family=\"ipv%c\"%s} ", series->digit, more);
}

/* Each of these prints the samples of one metric. */

static void print_state(const struct series *series, const char *name, FILE *f)
{
	for (enum verdict verdict = VERDICT_UNKNOWN; verdict <= VERDICT_DOWN; verdict++) {
		char label[32];

		snprintf(label, sizeof(label), ",state=\"%s\"", verdict_name(verdict));
		print_labels(series, name, label, f);
		fprintf(f, "%d\n", series->family->health.state == verdict);
	}
}

static void print_eligible(const struct series *series, const char *name, FILE *f)
{
	print_labels(series, name, "", f);
	fprintf(f, "%d\n", series->family->eligible);
}

static void print_share(const struct series *series, const char *name, FILE *f)
{
	print_labels(series, name, "", f);
	fprintf(f, "%.4g\n", series->family->share);
}

/* Without any probe there is no loss, not one of 0. */
static void print_loss(const struct series *series, const char *name, FILE *f)
{
	if (!report_is_probed(series->family))
		return;
	print_labels(series, name, "", f);
	fprintf(f, "%.4g\n", series->family->loss);
}

static void print_rtt(const struct series *series, const char *name, FILE *f)
{
	if (series->family->rtt_us <= 0)
		return;
	print_labels(series, name, "", f);
	fprintf(f, "%.6g\n", series->family->rtt_us / 1000000);
}

static void print_transitions(const struct series *series, const char *name, FILE *f)
{
	print_labels(series, name, "", f);
	fprintf(f, "%u\n", series->family->health.transitions);
}

static void print_flows(const struct series *series, const char *name, FILE *f)
{
	print_labels(series, name, "", f);
	fprintf(f, "%" PRIu64 "\n", series->traffic->flows);
}

static void print_both(const struct series *series, const char *name, uint64_t in, uint64_t out,
		       FILE *f)
{
	print_labels(series, name, ",direction=\"in\"", f);
	fprintf(f, "%" PRIu64 "\n", in);
	print_labels(series, name, ",direction=\"out\"", f);
	fprintf(f, "%" PRIu64 "\n", out);
}

static void print_packets(const struct series *series, const char *name, FILE *f)
{
	print_both(series, name, series->traffic->packets_in, series->traffic->packets_out, f);
}

static void print_bytes(const struct series *series, const char *name, FILE *f)
{
	print_both(series, name, series->traffic->bytes_in, series->traffic->bytes_out, f);
}

static const struct metric {
	const char *name, *type, *help;
	void (*print)(const struct series *series, const char *name, FILE *f);
	bool of_traffic;
} metrics[] = {
	{ "mwan_wan_state", "gauge", "What the probes say: 1 for the state the WAN is in.",
	  print_state },
	{ "mwan_wan_eligible", "gauge", "1 if new flows may choose the WAN.", print_eligible },
	{ "mwan_wan_share_ratio", "gauge", "The WAN's part of new flows.", print_share },
	{ "mwan_wan_loss_ratio", "gauge", "Lost probes over each target's latest.", print_loss },
	{ "mwan_wan_rtt_seconds", "gauge", "Mean round trip of the same that were answered.",
	  print_rtt },
	{ "mwan_wan_transitions_total", "counter", "Changes of state.", print_transitions },
	{ "mwan_wan_flows", "gauge", "Flows in conntrack.", print_flows, true },
	{ "mwan_wan_forwarded_packets_total", "counter", "Packets forwarded; out: to the WAN.",
	  print_packets, true },
	{ "mwan_wan_forwarded_bytes_total", "counter", "Bytes forwarded; out: to the WAN.",
	  print_bytes, true },
};

static void print_head(const char *name, const char *type, const char *help, FILE *f)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_metric(const struct metric *metric, const struct report *report,
			 const struct traffic *traffic, FILE *f)
{
	print_head(metric->name, metric->type, metric->help, f);
	for (size_t i = 0; i < report->n_wans; i++)
		for (enum family which = 0; which < N_FAMILIES; which++) {
			struct series series = {
				.wan = &report->wans[i],
				.family = &report->wans[i].family[which],
				.traffic = traffic ? &traffic->wans[i][which] : NULL,
				.digit = which == IPV4 ? '4' : '6',
			};

			if (series.family->present)
				metric->print(&series, metric->name, f);
		}
}

static void print_carrier(const struct report *report, FILE *f)
{
	print_head("mwan_wan_carrier", "gauge", "1 if the WAN's interface has carrier.", f);
	for (size_t i = 0; i < report->n_wans; i++) {
		fputs("mwan_wan_carrier{wan=\"", f);
		print_value(report->wans[i].name, f);
		fputs("\",interface=\"", f);
		print_value(report->wans[i].interface, f);
		fprintf(f, "\"} %d\n", report->wans[i].carrier);
	}
}

void report_print_metrics(const struct report *report, const struct traffic *traffic, FILE *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
		if (traffic || !metrics[i].of_traffic)
			print_metric(&metrics[i], report, traffic, f);
	print_carrier(report, f);
	print_head("mwan_in_force", "gauge", "1 if the kernel is as the site wants it.", f);
	fprintf(f, "mwan_in_force %d\n", !report->trouble);
	print_head("mwan_health_last_cycle_timestamp_seconds", "gauge",
		   "When the health daemon last wrote its state.", f);
	fprintf(f, "mwan_health_last_cycle_timestamp_seconds %.3f\n",
		(double)report->time_us / 1000000);
}
