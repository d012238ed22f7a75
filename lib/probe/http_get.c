// SPDX-License-Identifier: GPL-2.0-or-later
// A request for one URL, through libcurl.
// libcurl never looks a name up: it is told the address to connect to.

#include "probe/http_get.h"

#include "probe/socket.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* Network Authentication Required: what a portal should say, by RFC 6585. */
#define STATUS_PORTAL 511

/* In microseconds, to the first byte. */
static uint64_t elapsed_us(const struct http_get *get)
{
	uint64_t elapsed = clock_us(CLOCK_MONOTONIC) - get->begun_us;
	curl_off_t first_byte = 0;

	/* Without the look-up of a name: it is no part of the way to the target. */
	get->curl->curl_easy_getinfo(get->easy, CURLINFO_STARTTRANSFER_TIME_T, &first_byte);
	return first_byte > 0 && (uint64_t)first_byte < elapsed ? (uint64_t)first_byte : elapsed;
}

/* What proves a reply is listed: much else can go wrong. */
static enum probe_failure failure_of(const struct http_get *get, CURLcode result, int error)
{
	static const enum probe_failure failures[] = {
		[CURLE_COULDNT_RESOLVE_HOST] = FAILURE_MALFORMED, /* an address of no such kind */
		[CURLE_OPERATION_TIMEDOUT] = FAILURE_SILENT,
		[CURLE_SEND_ERROR] = FAILURE_REFUSED,
		[CURLE_RECV_ERROR] = FAILURE_REFUSED,
		[CURLE_GOT_NOTHING] = FAILURE_REFUSED,
		[CURLE_FAILED_INIT] = FAILURE_UNSUPPORTED,
		[CURLE_OUT_OF_MEMORY] = FAILURE_UNSUPPORTED,
		[CURLE_SSL_CACERT_BADFILE] = FAILURE_UNSUPPORTED,
		[CURLE_URL_MALFORMAT] = FAILURE_MALFORMED,
		[CURLE_UNSUPPORTED_PROTOCOL] = FAILURE_MALFORMED,
		[CURLE_WEIRD_SERVER_REPLY] = FAILURE_WRONG,
		[CURLE_SSL_CONNECT_ERROR] = FAILURE_WRONG,
		[CURLE_PEER_FAILED_VERIFICATION] = FAILURE_WRONG,
	};

	if (result == CURLE_COULDNT_CONNECT)
		return probe_failure_of(error);
	/* An answer that is not HTTP/1, not the URL. */
	if (result == CURLE_UNSUPPORTED_PROTOCOL && get->fd >= 0)
		return FAILURE_WRONG;
	return result < ARRAY_SIZE(failures) ? failures[result] : FAILURE_UNKNOWN;
}

static void fail(struct http_get *get, CURLcode result)
{
	struct probe_set *set = get->group->set;
	enum probe_failure failure;
	long error = 0;

	get->curl->curl_easy_getinfo(get->easy, CURLINFO_OS_ERRNO, &error);
	failure = failure_of(get, result, (int)error);
	if (get->fault.text[0])
		probe_failed(set, get->target, FAILURE_LOCAL, "%s", get->fault.text);
	else if (result == CURLE_OK)
		probe_failed(set, get->target, FAILURE_WRONG, "answered without headers");
	else if (result == CURLE_COULDNT_CONNECT && error != 0)
		probe_failed(set, get->target, failure, "cannot connect: %s%s",
			     strerror((int)error), probe_refusal_of((int)error).words);
	else
		probe_failed(set, get->target, failure, "%s",
			     get->words[0] ? get->words : get->curl->curl_easy_strerror(result));
}

/* Leads elsewhere than to the URL's own host: what a portal does, and a server seldom. */
static bool leads_away(const struct http_get *get)
{
	_cleanup_(freep) char *own = curl_loop_host(get->curl, get->target->name, NULL);
	_cleanup_(freep) char *next = curl_loop_host(get->curl, get->target->name, get->location);

	return own && next && strcasecmp(own, next) != 0;
}

static void refuse_answer(struct http_get *get)
{
	struct probe_set *set = get->group->set;
	bool redirect = get->status >= 300 && get->status < 400 && get->location[0];
	bool portal = redirect ? leads_away(get) : get->status == STATUS_PORTAL;

	/* Where nothing but an empty answer is right, a page is somebody else's. */
	if (get->status == 200)
		portal = true;
	probe_failed(set, get->target, portal ? FAILURE_PORTAL : FAILURE_STATUS,
		     "%sanswered %ld%s%s", portal ? "looks like a captive portal: " : "",
		     get->status, redirect ? ", leads to " : "", redirect ? get->location : "");
}

void http_get_judge(struct http_get *get, CURLcode result)
{
	const struct status_range *good = &get->target->status;

	get->curl->curl_multi_remove_handle(get->curl->multi, get->easy);
	get->busy = false;
	if (get->status == 0) {
		fail(get, result);
	} else if (get->status >= good->first && get->status <= good->last) {
		get->target->address = get->to;
		probe_answered(get->group->set, get->target, elapsed_us(get));
	} else {
		refuse_answer(get);
	}
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	_cleanup_(closep) int fd = -1;
	struct http_get *get = arg;

	fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	if (fd < 0 || probe_bind(fd, get->group->path, get->group->family, &get->fault) < 0)
		return CURL_SOCKET_BAD;
	get->peer = address_addr((const union address *)&to->addr);
	get->fd = take_fd(&fd);
	return get->fd;
}

/* The rest of the line, up to what is no part of an address: somebody else has written it. */
static void keep_location(struct http_get *get, const char *line, size_t n)
{
	static const char name[] = "location:";
	size_t end = 0;

	if (n < strlen(name) || strncasecmp(line, name, strlen(name)) != 0)
		return;
	line += strlen(name);
	n -= strlen(name);
	for (; n > 0 && (*line == ' ' || *line == '\t'); n--)
		line++;
	while (end < n && end < sizeof(get->location) - 1 && line[end] > ' ' && line[end] <= '~')
		end++;
	memcpy(get->location, line, end);
	get->location[end] = '\0';
}

/* One line of the headers; the empty one ends them. */
static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct http_get *get = arg;
	long status = 0;

	keep_location(get, line, size * n);
	if (*line != '\r' && *line != '\n')
		return size * n;
	get->curl->curl_easy_getinfo(get->easy, CURLINFO_RESPONSE_CODE, &status);
	/* Those below only say that there is more to come. */
	if (status < 200)
		return size * n;
	get->status = status;
	return 0;
}

static bool set_options(struct http_get *get)
{
	struct curl_loop *curl = get->curl;
	enum family family = get->group->family;
	bool ok = true;

#define SET(option, value) ok = ok && curl->curl_easy_setopt(get->easy, option, value) == CURLE_OK
	SET(CURLOPT_PRIVATE, get);
	SET(CURLOPT_URL, get->target->name);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_USERAGENT, "mwan/" MWAN_VERSION);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_ERRORBUFFER, get->words);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, get);

	SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
	SET(CURLOPT_OPENSOCKETDATA, get);
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	/* With the folder besides the bundle, all certificates are read for each request: 35 ms. */
	SET(CURLOPT_CAPATH, NULL);
	/* A resumed session's certificate is not looked at again. */
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
	SET(CURLOPT_IPRESOLVE, family == IPV4 ? (long)CURL_IPRESOLVE_V4 : (long)CURL_IPRESOLVE_V6);
#undef SET
	return ok;
}

static bool is_name(const char *host)
{
	struct in_addr ignored;

	return *host != '[' && inet_pton(AF_INET, host, &ignored) != 1;
}

int http_get_new(struct curl_loop *curl, struct probe_group *group, struct probe_target *target,
		 struct http_get **ret, struct fault *fault)
{
	struct http_get *get = calloc(1, sizeof(*get));

	if (!get)
		return -ENOMEM;
	*ret = get;
	*get = (struct http_get){ .curl = curl, .group = group, .target = target, .fd = -1 };
	get->host = curl_loop_host(curl, target->name, NULL);
	/* A URL that is none fails in libcurl, in its own words. */
	if (get->host && !is_name(get->host)) {
		free(get->host);
		get->host = NULL;
	}
	get->easy = curl->curl_easy_init();
	if (!get->easy)
		return -ENOMEM;
	return set_options(get) ? 0 : fault_set(fault, -ENOSYS, "libcurl.so.4 is too old");
}

void http_get_free(struct http_get *get)
{
	struct curl_loop *curl = get->curl;

	if (get->busy)
		curl->curl_multi_remove_handle(curl->multi, get->easy);
	if (get->easy)
		curl->curl_easy_cleanup(get->easy);
	curl->curl_slist_free_all(get->connect_to);
	free(get->host);
	free(get);
}

/* Instead of any host and port: this address, and the URL's port. */
static bool set_address(struct http_get *get)
{
	bool six = get->to.family == AF_INET6;
	struct curl_slist *list;
	char text[ADDR_TEXT + 8];

	snprintf(text, sizeof(text), "::%s%s%s:", six ? "[" : "", addr_str(get->to).s,
		 six ? "]" : "");
	list = get->curl->curl_slist_append(NULL, text);
	if (!list || get->curl->curl_easy_setopt(get->easy, CURLOPT_CONNECT_TO, list) != CURLE_OK) {
		get->curl->curl_slist_free_all(list);
		return false;
	}
	get->curl->curl_slist_free_all(get->connect_to);
	get->connect_to = list;
	return true;
}

void http_get_start(struct http_get *get)
{
	struct curl_loop *curl = get->curl;

	get->fd = -1;
	get->status = 0;
	get->words[0] = get->location[0] = get->fault.text[0] = '\0';
	get->busy = (!get->to.family || set_address(get)) &&
		    curl->curl_multi_add_handle(curl->multi, get->easy) == CURLM_OK;
	if (!get->busy)
		probe_failed(get->group->set, get->target, FAILURE_UNSUPPORTED,
			     "libcurl does not take the request");
}

static struct probe_miss no_connection(const struct http_get *get)
{
	if (probe_finds_no_room(get->group->path, get->group->family, get->peer))
		return (struct probe_miss){ FAILURE_FULL, "conntrack table full, no connection" };
	return (struct probe_miss){ FAILURE_SILENT, "no connection" };
}

struct probe_miss http_get_end(struct http_get *get)
{
	struct probe_miss miss = { FAILURE_SLOW, "no answer" };
	struct curl_loop *curl = get->curl;
	socklen_t len = sizeof(union address);
	curl_off_t secured = 0;
	union address peer;

	if (!get->busy)
		return miss;
	curl->curl_easy_getinfo(get->easy, CURLINFO_APPCONNECT_TIME_T, &secured);
	/* CURLINFO_CONNECT_TIME_T includes TLS in libcurl 7.88. */
	if (getpeername(get->fd, &peer.any, &len) < 0)
		miss = no_connection(get);
	else if (secured == 0 && strncmp(get->target->name, "https", 5) == 0)
		miss.what = "no TLS";
	curl->curl_multi_remove_handle(curl->multi, get->easy);
	get->busy = false;
	return miss;
}
