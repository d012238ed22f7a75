// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A request for one URL, through libcurl. The connection is closed when the headers are there:
 * metered lines pay for what comes after.
 */
#pragma once

#include "probe/curl_loop.h"
#include "probe/names.h"

/* Room for what a redirect leads to; the rest of a longer one is cut off. */
#define HTTP_LOCATION 256

struct http_get {
	struct curl_loop *curl;
	struct probe_group *group;
	struct probe_target *target;

	char *host;	    /* owned; a name that has to be looked up; NULL: an address */
	struct name *name;  /* NULL: it can't be looked up, or is none */
	struct addr to;	    /* of the name, this time */
	bool waiting;	    /* for the name */
	unsigned addresses; /* of the name that were tried in this cycle */
	uint64_t begun_us;

	/* Its own. */
	CURL *easy;
	struct curl_slist *connect_to; /* owned */
	bool busy;		       /* with libcurl */
	int fd;			       /* its latest socket, which is libcurl's; -1: none, */
	struct addr peer;	       /* and where to */
	long status;		       /* once the headers are there */
	char location[HTTP_LOCATION];
	struct fault fault; /* why it got no socket */
	char words[CURL_ERROR_SIZE];
};

/* 0, or a negative errno with a fault; http_get_free() follows in any case where *ret is set. */
int http_get_new(struct curl_loop *curl, struct probe_group *group, struct probe_target *target,
		 struct http_get **ret, struct fault *fault);
void http_get_free(struct http_get *get);

/* Sends it, to `to` if the host is a name. It may have failed already when this returns. */
void http_get_start(struct http_get *get);

/* It is over: says what became of the target. */
void http_get_judge(struct http_get *get, CURLcode result);

/* Ends what is under way, and says what has not come. */
struct probe_miss http_get_end(struct http_get *get);
