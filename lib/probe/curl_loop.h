// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libcurl on the event loop, loaded when it is first needed.
 */
#pragma once

#include "base/fault.h"
#include "base/library.h"

/* Its checks of arguments are macros that know only the functions' own names. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <systemd/sd-event.h>

#define CURL_FUNCTIONS(f)                                                                          \
	f(curl_global_init) f(curl_easy_init) f(curl_easy_cleanup) f(curl_easy_setopt)             \
		f(curl_easy_getinfo) f(curl_easy_strerror) f(curl_multi_init)                      \
			f(curl_multi_cleanup) f(curl_multi_setopt) f(curl_multi_assign)            \
				f(curl_multi_add_handle) f(curl_multi_remove_handle)               \
					f(curl_multi_socket_action) f(curl_multi_info_read)        \
						f(curl_slist_append) f(curl_slist_free_all)        \
							f(curl_url) f(curl_url_cleanup)            \
								f(curl_url_set) f(curl_url_get)    \
									f(curl_free)

/* A transfer is over; its handle is still curl's. `private` is what CURLOPT_PRIVATE says. */
typedef void (*curl_loop_over)(void *private, CURLcode result);

struct curl_loop {
	struct library library;
	CURL_FUNCTIONS(LIBRARY_DECLARE)
	CURLM *multi;

	/* Its own. */
	sd_event *event;
	sd_event_source *timer;
	curl_loop_over over;
};

/* -ENOENT, -ENOSYS with a fault: libcurl is missing or too old. */
int curl_loop_new(sd_event *event, curl_loop_over over, struct curl_loop **ret,
		  struct fault *fault);
void curl_loop_free(struct curl_loop *curl); /* after its handles */

/*
 * The host of a URL as it is looked up, or that of what a redirect leads to (relative to the URL;
 * NULL: the URL's own). The caller's; NULL: it is no URL, or has none.
 */
char *curl_loop_host(const struct curl_loop *curl, const char *url, const char *redirect);
