#include "probe.h"

#include "log.h"
#include "probe_http.h"
#include "probe_icmp.h"
#include "probe_set.h"
#include "probe_socket.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>

struct probes {
	sd_event *event;
	struct http *http;	   /* NULL until the first URL */
	struct fault without_http; /* why there is none, once it has been tried */
	struct set *sets;
	uint16_t last_id;
};

/* A set with what its owner need not see. */
struct set {
	struct probe_set shown; /* first: a pointer to one is a pointer to the other */
	struct probes *probes;
	struct set *next; /* of all */
	uint16_t id;	  /* of its echoes: no other's */

	const struct health_conf *conf;
	enum family family;
	struct probe_path path;
	probe_done done;
	void *arg;
	bool running; /* done() is due when nothing is pending */

	size_t n_icmp; /* targets with an address; they come first */
	struct icmp *icmp;
	size_t n_gets;
	struct http_get **gets; /* each owned, and the array */
};

int probes_new(sd_event *event, struct probes **ret, struct fault *fault)
{
	_cleanup_(freep) struct probes *probes = calloc(1, sizeof(*probes));

	if (!probes)
		return -ENOMEM;
	/* Anything will do, but not what the daemon before this one had. */
	if (getrandom(&probes->last_id, sizeof(probes->last_id), 0) < 0)
		return fault_set(fault, -errno, "no random numbers: %s", strerror(errno));
	probes->event = sd_event_ref(event);
	*ret = TAKE(probes);
	return 0;
}

void probes_free(struct probes *probes)
{
	if (!probes)
		return;
	http_free(probes->http);
	sd_event_unref(probes->event);
	free(probes);
}

static uint16_t new_id(struct probes *probes)
{
	const struct set *other;

	do {
		probes->last_id++;
		for (other = probes->sets; other && other->id != probes->last_id;)
			other = other->next;
	} while (other);
	return probes->last_id;
}

static int new_targets(struct set *set)
{
	const struct addr_list *ping = &set->conf->ping[set->family];
	const struct string_list *http = &set->conf->http[set->family];
	struct probe_set *shown = &set->shown;

	shown->targets = calloc(ping->n + http->n + 1, sizeof(*shown->targets));
	if (!shown->targets)
		return -ENOMEM;
	for (size_t i = 0; i < ping->n + http->n; i++) {
		struct probe_target *target = &shown->targets[i];

		if (i < ping->n) {
			target->addr = ping->v[i];
			target->name = strdup(addr_str(ping->v[i]).s);
		} else {
			target->name = strdup(http->v[i - ping->n]);
		}
		if (!target->name)
			return -ENOMEM;
		target->result = PROBE_FAILED;
		snprintf(target->why, sizeof(target->why), "not probed yet");
		shown->n_targets++;
	}
	set->n_icmp = ping->n;
	return 0;
}

/* Without libcurl the URLs fail, and say so; the addresses are still good for something. */
static int new_gets(struct set *set, struct fault *fault)
{
	struct probes *probes = set->probes;
	size_t n = set->shown.n_targets - set->n_icmp;
	int r;

	if (n == 0)
		return 0;
	if (!probes->http && !probes->without_http.text[0]) {
		r = http_new(probes->event, &probes->http, &probes->without_http);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			log_event(LOG_WARNING, "no-http", "%s: URLs can't be probed",
				  probes->without_http.text);
	}
	if (!probes->http)
		return 0;

	set->gets = calloc(n, sizeof(struct http_get *));
	if (!set->gets)
		return -ENOMEM;
	for (; set->n_gets < n; set->n_gets++) {
		r = http_get_new(probes->http, &set->shown,
				 &set->shown.targets[set->n_icmp + set->n_gets], set->family,
				 &set->path, &set->gets[set->n_gets], fault);
		if (r < 0)
			return r;
	}
	return 0;
}

static void set_freep(struct set **set)
{
	if (*set)
		probe_set_free(&(*set)->shown);
}

int probe_set_new(struct probes *probes, const struct health_conf *conf, enum family family,
		  probe_done done, void *arg, struct probe_set **ret, struct fault *fault)
{
	_cleanup_(set_freep) struct set *set = calloc(1, sizeof(*set));
	int r;

	if (!set)
		return -ENOMEM;
	set->id = new_id(probes);
	set->probes = probes;
	set->conf = conf;
	set->family = family;
	set->done = done;
	set->arg = arg;
	set->next = probes->sets;
	probes->sets = set;

	r = new_targets(set);
	if (r < 0)
		return r;
	if (set->n_icmp > 0) {
		r = icmp_new(probes->event, &set->shown, set->n_icmp, family, set->id, &set->icmp,
			     fault);
		if (r < 0)
			return r;
	}
	r = new_gets(set, fault);
	if (r < 0)
		return r;
	*ret = &TAKE(set)->shown;
	return 0;
}

void probe_set_free(struct probe_set *shown)
{
	struct set *set = (struct set *)shown, **link;

	if (!set)
		return;
	for (link = &set->probes->sets; *link != set;)
		link = &(*link)->next;
	*link = set->next;

	for (size_t i = 0; i < set->n_gets; i++)
		http_get_free(set->gets[i]);
	free(set->gets);
	icmp_free(set->icmp);
	for (size_t i = 0; i < shown->n_targets; i++)
		free((char *)shown->targets[i].name);
	free(shown->targets);
	free(set);
}

static bool same_path(const struct probe_path *a, const struct probe_path *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->sources); i++)
		if (addr_cmp(a->sources[i], b->sources[i]) != 0)
			return false;
	return a->mark == b->mark && strcmp(a->interface, b->interface) == 0;
}

void probe_set_path(struct probe_set *shown, const struct probe_path *path, bool renew)
{
	struct set *set = (struct set *)shown;

	if (!renew && same_path(&set->path, path))
		return;
	set->path = *path;
	if (set->icmp)
		icmp_renew(set->icmp);
}

static void begin_urls(struct set *set)
{
	struct probe_target *urls = set->shown.targets + set->n_icmp;
	size_t n = set->shown.n_targets - set->n_icmp;
	struct fault fault = {};

	if (n == 0)
		return;
	if (!set->gets || probe_try_bind(&set->path, set->family, &fault) < 0) {
		for (size_t i = 0; i < n; i++)
			probe_failed(&set->shown, &urls[i], "%s",
				     set->gets ? fault.text : set->probes->without_http.text);
		return;
	}
	for (size_t i = 0; i < n; i++)
		http_get_begin(set->gets[i]);
}

void probe_begin(struct probe_set *shown)
{
	struct set *set = (struct set *)shown;

	set->running = false;
	for (size_t i = 0; i < set->n_gets; i++)
		http_get_end(set->gets[i]);
	for (size_t i = 0; i < shown->n_targets; i++) {
		struct probe_target *target = &shown->targets[i];

		target->result = PROBE_PENDING;
		target->rtt_us = 0;
		target->why[0] = '\0';
	}
	shown->n_pending = shown->n_targets;

	if (set->icmp)
		icmp_begin(set->icmp, &set->path);
	begin_urls(set);
	set->running = shown->n_pending > 0;
}

void probe_end(struct probe_set *shown)
{
	struct set *set = (struct set *)shown;
	uint64_t timeout = set->conf->timeout_us;
	bool seconds = timeout % 1000000 == 0;

	for (size_t i = 0; i < shown->n_targets; i++) {
		const char *missed = "no answer";

		if (i >= set->n_icmp && i - set->n_icmp < set->n_gets)
			missed = http_get_end(set->gets[i - set->n_icmp]);
		probe_failed(shown, &shown->targets[i], "%s within %llu%s", missed,
			     (unsigned long long)timeout / (seconds ? 1000000 : 1000),
			     seconds ? "s" : "ms");
	}
	set->running = false;
}

static bool resolve(struct probe_set *set, struct probe_target *target, enum probe_result result)
{
	if (target->result != PROBE_PENDING)
		return false;
	target->result = result;
	set->n_pending--;
	return true;
}

void probe_answered(struct probe_set *set, struct probe_target *target, uint32_t rtt_us)
{
	if (resolve(set, target, PROBE_ANSWERED))
		target->rtt_us = rtt_us;
}

void probe_failed(struct probe_set *set, struct probe_target *target, const char *format, ...)
{
	va_list args;

	if (!resolve(set, target, PROBE_FAILED))
		return;
	va_start(args, format);
	vsnprintf(target->why, sizeof(target->why), format, args);
	va_end(args);
}

void probe_woken(struct probe_set *shown)
{
	struct set *set = (struct set *)shown;

	if (!set->running || shown->n_pending > 0)
		return;
	set->running = false;
	set->done(shown, set->arg);
}
