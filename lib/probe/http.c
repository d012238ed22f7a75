// SPDX-License-Identifier: GPL-2.0-or-later
// The kind of probe of `http4` and `http6`: a GET request for a URL.
// Names are looked up over the same WAN, and are kept: a cycle waits for one only if none is known.

#include "base/log.h"
#include "probe/http_get.h"
#include "probe/socket.h"

#include <string.h>

/* What all groups share. */
struct http {
	struct curl_loop *curl;	       /* NULL: it can't be used */
	struct fault without;	       /* and why */
	struct resolver_library *ares; /* NULL: not needed yet, or it can't be used */
	struct fault nameless;	       /* and why */
};

struct http_group {
	struct http_get **gets;
	struct names *names; /* NULL: none, or they can't be looked up */
};

/* The name is known, is being looked up, or could not be. */
static void go(struct http_get *get)
{
	struct name *name = get->name;

	get->waiting = name->n == 0 && name->pending;
	if (get->waiting)
		return;
	if (name->n == 0) {
		probe_failed(get->group->set, get->target, name->failure, "%s", name->why);
		return;
	}
	get->to = name->addrs[name->turn];
	get->addresses++;
	http_get_start(get);
}

static void on_news(struct name *name, void *arg)
{
	struct probe_group *group = arg;
	struct http_group *own = group->own;

	for (size_t i = 0; i < group->n; i++) {
		struct http_get *get = own->gets[i];

		if (get->name != name || !get->waiting)
			continue;
		get->waiting = false;
		/* It was asked in a cycle before this one: that says nothing of now. */
		if (name->n == 0 && name->asked_us < get->begun_us)
			name_refresh(name);
		go(get);
	}
}

static void on_woken(void *arg)
{
	struct probe_group *group = arg;

	probe_woken(group->set);
}

static const struct names_handlers names_handlers = { on_news, on_woken };

static void on_over(void *arg, CURLcode result)
{
	struct http_get *get = arg;

	/* Nobody at one of its addresses: there is time for the next one. */
	if (result == CURLE_COULDNT_CONNECT && get->name && get->addresses < get->name->n) {
		http_get_end(get);
		name_doubt(get->name, get->to);
		go(get);
		return;
	}
	http_get_judge(get, result);
	if (get->name && get->target->result == PROBE_FAILED)
		name_doubt(get->name, get->to);
	probe_woken(get->group->set);
}

static int open_names(struct http *http, struct probe_group *group, struct fault *fault)
{
	struct http_group *own = group->own;

	if (own->names)
		return 0;
	if (!http->ares && http->nameless.text[0])
		return -ENOENT;
	if (!http->ares) {
		int r = resolver_library_open(&http->ares, &http->nameless);

		if (r == -ENOMEM)
			return r;
		/* URLs with names fail then and say so; others still work. */
		if (r < 0)
			log_event(LOG_WARNING, EVENT_NO_NAMES, NULL,
				  "%s: names of URLs can't be looked up", http->nameless.text);
		if (r < 0)
			return -ENOENT;
	}
	return names_new(http->ares, group, &names_handlers, group, &own->names);
}

static int add_get(struct http *http, struct probe_group *group, size_t i, struct fault *fault)
{
	struct http_group *own = group->own;
	struct probe_target *target = &group->targets[i];
	int r = http_get_new(http->curl, group, target, &own->gets[i], fault);

	if (r < 0 || !own->gets[i]->host)
		return r;
	r = open_names(http, group, fault);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	own->gets[i]->name = names_add(own->names, own->gets[i]->host);
	return own->gets[i]->name ? 0 : -ENOMEM;
}

static int http_new(struct probe_group *group, struct fault *fault)
{
	struct http *http = *group->shared;
	struct http_group *own;
	int r = 0;

	if (!http) {
		*group->shared = http = calloc(1, sizeof(*http));
		r = http ? curl_loop_new(group->event, on_over, &http->curl, &http->without)
			 : -ENOMEM;
		/* URLs fail then and say so; targets of other kinds still work. */
		if (r < 0 && r != -ENOMEM)
			log_event(LOG_WARNING, EVENT_NO_HTTP, NULL, "%s: URLs can't be probed",
				  http->without.text);
	}
	if (r == -ENOMEM || !http->curl)
		return r == -ENOMEM ? r : 0;
	group->own = own = calloc(1, sizeof(*own));
	if (!own)
		return -ENOMEM;
	own->gets = calloc(group->n, sizeof(*own->gets));
	r = own->gets ? 0 : -ENOMEM;
	for (size_t i = 0; i < group->n && r == 0; i++)
		r = add_get(http, group, i, fault);
	return r;
}

static void get_begin(struct http_get *get)
{
	const struct http *http = *get->group->shared;

	http_get_end(get);
	get->begun_us = clock_us(CLOCK_MONOTONIC);
	get->waiting = false;
	get->addresses = 0;
	if (!get->host) {
		http_get_start(get);
	} else if (!get->name) {
		probe_failed(get->group->set, get->target, FAILURE_UNSUPPORTED, "%s",
			     http->nameless.text);
	} else {
		/* What a daemon before this one knew, or a configuration before this one. */
		name_recall(get->name, get->target->address);
		name_refresh(get->name);
		go(get);
	}
}

static void http_begin(struct probe_group *group)
{
	struct http_group *own = group->own;
	struct http *http = *group->shared;
	struct fault fault = {};

	if (!own) {
		probe_failed_all(group, FAILURE_UNSUPPORTED, http->without.text);
		return;
	}
	if (own->names && group->renew)
		names_renew(own->names);
	if (probe_try_bind(group->path, group->family, &fault) < 0) {
		for (size_t i = 0; i < group->n; i++)
			http_get_end(own->gets[i]);
		probe_failed_all(group, FAILURE_LOCAL, fault.text);
		return;
	}
	for (size_t i = 0; i < group->n; i++)
		get_begin(own->gets[i]);
}

/* Nobody has confirmed the address that was asked: that may be why. */
static struct probe_miss miss_of_old(struct http_get *get, struct probe_miss miss)
{
	if (get->name->why[0]) {
		snprintf(get->words, sizeof(get->words), "%s (old address %s: %.120s)", miss.what,
			 addr_str(get->to).s, get->name->why);
		miss.what = get->words;
	}
	return miss;
}

static struct probe_miss http_end(struct probe_group *group, size_t target)
{
	struct http_group *own = group->own;
	struct http_get *get = own->gets[target];
	struct name_answer silence;

	if (!get->waiting && !get->name)
		return http_get_end(get);
	if (!get->waiting) {
		name_doubt(get->name, get->to);
		return miss_of_old(get, http_get_end(get));
	}
	get->waiting = false;
	silence = name_silence(get->name);
	snprintf(get->words, sizeof(get->words), "%s", silence.why);
	return (struct probe_miss){ silence.failure, get->words };
}

static void http_free(struct probe_group *group)
{
	struct http_group *own = group->own;

	if (!own)
		return;
	names_free(own->names);
	for (size_t i = 0; own->gets && i < group->n && own->gets[i]; i++)
		http_get_free(own->gets[i]);
	free(own->gets);
	free(own);
}

static void http_free_shared(void *shared)
{
	struct http *http = shared;

	if (http->curl)
		curl_loop_free(http->curl);
	resolver_library_close(http->ares);
	free(http);
}

const struct probe_kind probe_http = {
	.keys = { "http4", "http6" },
	.new = http_new,
	.begin = http_begin,
	.end = http_end,
	.free = http_free,
	.free_shared = http_free_shared,
};
