/*
 * GET requests through libcurl, which is loaded with the first of them.
 */
#pragma once

#include "probe.h"

/* libcurl on the loop; all requests share it. */
struct http;

/* -ENOENT, -ENOSYS: libcurl is missing or too old. */
int http_new(sd_event *event, struct http **ret, struct fault *fault);
void http_free(struct http *http); /* after its requests */

static inline void http_freep(struct http **http)
{
	http_free(*http);
}

/*
 * The requests for one target, a URL. path is where the set keeps it: it is looked at
 * when a connection is made.
 */
struct http_get;

int http_get_new(struct http *http, struct probe_set *set, struct probe_target *target,
		 enum family family, const struct probe_path *path, struct http_get **ret,
		 struct fault *fault);
void http_get_free(struct http_get *get);

/*
 * A request over a connection of its own; the one before must have ended. Any answer from 200 to
 * 399 will do: a redirect is not followed, it proves the path as well. The body is not wanted, and
 * metered lines are paid for: the connection is closed when the headers are there.
 *
 * The deadline is the caller's. A name's first address may take all of it without answering.
 */
void http_get_begin(struct http_get *get);

/* Ends what is under way; returns what it was that did not come. */
const char *http_get_end(struct http_get *get);
