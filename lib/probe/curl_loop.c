// SPDX-License-Identifier: GPL-2.0-or-later
// libcurl on the event loop.
// libcurl says which descriptors and until when to wait; we wake it, and collect what is over.

#include "probe/curl_loop.h"

#include <string.h>
#include <sys/epoll.h>

static int wake(struct curl_loop *curl, curl_socket_t fd, int events)
{
	int ignored;

	curl->curl_multi_socket_action(curl->multi, fd, events, &ignored);
	for (CURLMsg *message; (message = curl->curl_multi_info_read(curl->multi, &ignored));) {
		CURLcode result = message->data.result;
		void *private = NULL;

		curl->curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		curl->over(private, result);
	}
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	return wake(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	return wake(arg, fd,
		    (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
			    (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
			    (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
}

static int on_wait(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
	uint32_t events =
		(what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	sd_event_source *source = of_socket;
	struct curl_loop *curl = arg;

	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(source);
		return 0;
	}
	if (source)
		return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
	if (sd_event_add_io(curl->event, &source, fd, events, on_io, curl) < 0)
		return -1;
	curl->curl_multi_assign(curl->multi, fd, source);
	return 0;
}

static int on_wait_until(CURLM *multi, long timeout_ms, void *arg)
{
	struct curl_loop *curl = arg;
	int enabled = timeout_ms < 0 ? SD_EVENT_OFF : SD_EVENT_ONESHOT;

	if (timeout_ms >= 0 &&
	    sd_event_source_set_time_relative(curl->timer, timeout_ms * 1000ULL) < 0)
		return -1;
	return sd_event_source_set_enabled(curl->timer, enabled) < 0 ? -1 : 0;
}

static int load(struct curl_loop *curl, struct fault *fault)
{
	if (library_open(&curl->library, "libcurl.so.4") < 0)
		return fault_set(fault, -ENOENT, "libcurl.so.4 is missing");
#define RESOLVE(name) LIBRARY_RESOLVE(curl, name)
	CURL_FUNCTIONS(RESOLVE)
	return 0;
}

static int start(struct curl_loop *curl, struct fault *fault)
{
	int r = sd_event_add_time(curl->event, &curl->timer, CLOCK_MONOTONIC, UINT64_MAX, 1000,
				  on_timer, curl);

	if (r < 0)
		return fault_set(fault, r, "no timer for libcurl: %s", strerror(-r));
	if (curl->curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return fault_set(fault, -EIO, "libcurl does not start");
	curl->multi = curl->curl_multi_init();
	if (!curl->multi)
		return -ENOMEM;
	curl->curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, on_wait);
	curl->curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
	curl->curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, on_wait_until);
	curl->curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
	return 0;
}

int curl_loop_new(sd_event *event, curl_loop_over over, struct curl_loop **ret, struct fault *fault)
{
	struct curl_loop *curl = calloc(1, sizeof(*curl));
	int r;

	if (!curl)
		return -ENOMEM;
	curl->event = sd_event_ref(event);
	curl->over = over;
	r = load(curl, fault);
	if (r < 0)
		fault_set(fault, r, "libcurl.so.4 is too old");
	if (r == 0)
		r = start(curl, fault);
	if (r < 0) {
		curl_loop_free(curl);
		return r;
	}
	*ret = curl;
	return 0;
}

void curl_loop_free(struct curl_loop *curl)
{
	if (curl->multi)
		curl->curl_multi_cleanup(curl->multi);
	sd_event_source_disable_unref(curl->timer);
	sd_event_unref(curl->event);
	free(curl);
}

char *curl_loop_host(const struct curl_loop *curl, const char *url, const char *redirect)
{
	CURLU *parts = curl->curl_url();
	char *host = NULL, *ret = NULL;

	if (parts && curl->curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    (!redirect || curl->curl_url_set(parts, CURLUPART_URL, redirect, 0) == CURLUE_OK) &&
	    curl->curl_url_get(parts, CURLUPART_HOST, &host, CURLU_PUNYCODE) == CURLUE_OK) {
		ret = strdup(host);
		curl->curl_free(host);
	}
	curl->curl_url_cleanup(parts);
	return ret;
}
