#include "probe_http.h"

#include "library.h"
#include "probe_set.h"
#include "probe_socket.h"

/* Its checks of arguments are macros that know only the functions' own names. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Name servers are asked over whatever WAN carries the router's traffic: seldom. */
#define NAMES_KEPT_S 300

#define FUNCTIONS(f)                                                                               \
	f(curl_global_init) f(curl_easy_init) f(curl_easy_cleanup) f(curl_easy_setopt)             \
		f(curl_easy_getinfo) f(curl_easy_strerror) f(curl_multi_init)                      \
			f(curl_multi_cleanup) f(curl_multi_setopt) f(curl_multi_assign)            \
				f(curl_multi_add_handle) f(curl_multi_remove_handle)               \
					f(curl_multi_socket_action) f(curl_multi_info_read)        \
						f(curl_share_init) f(curl_share_setopt)            \
							f(curl_share_cleanup)

struct http {
	struct library library;
	sd_event *event;
	sd_event_source *timer;
	CURLM *multi;
	/* The names, by family: libcurl would forget those of the other one. */
	CURLSH *names[N_FAMILIES];
	struct http_get *orphans; /* their sets are gone, their names still being looked up */
	FUNCTIONS(LIBRARY_DECLARE)
};

/*
 * A name that is looked up can't be let go of: getaddrinfo() has a thread, and libcurl waits
 * until it ends (4 s, measured with one silent name server). So a request that is given up
 * meanwhile stays in the background. The next cycle takes it up again, so that there is no
 * more than one for each target; and if the name comes in between, no connection is opened.
 */
struct http_get {
	struct http *http;
	struct probe_set *set; /* NULL: an orphan */
	struct probe_target *target;
	enum family family;
	const struct probe_path *path;
	struct http_get *next; /* orphan */

	CURL *easy;
	bool busy;   /* with libcurl */
	bool wanted; /* and of this cycle */
	bool named;  /* the name is known: a connection has been tried */
	long status; /* once the headers are there */
	uint64_t begun_us;
	struct fault fault;
	char words[CURL_ERROR_SIZE];
};

static int load(struct http *http, struct fault *fault)
{
	if (library_open(&http->library, "libcurl.so.4") < 0)
		return fault_set(fault, -ENOENT, "libcurl.so.4 is missing");
#define RESOLVE(name) LIBRARY_RESOLVE(http, name)
	FUNCTIONS(RESOLVE)
	return 0;
}

static void get_destroy(struct http_get *get)
{
	if (get->busy)
		get->http->curl_multi_remove_handle(get->http->multi, get->easy);
	if (get->easy)
		get->http->curl_easy_cleanup(get->easy);
	free(get);
}

static void judge(struct http_get *get, CURLcode result)
{
	struct http *http = get->http;
	long error = 0;

	if (get->status >= 400)
		return probe_failed(get->set, get->target, "answered %ld", get->status);
	if (get->status > 0) {
		uint64_t elapsed = clock_us(CLOCK_MONOTONIC) - get->begun_us;
		curl_off_t first_byte = 0;

		/* The transfer may be older than the cycle, if its name took long. */
		http->curl_easy_getinfo(get->easy, CURLINFO_STARTTRANSFER_TIME_T, &first_byte);
		if (first_byte > 0 && (uint64_t)first_byte < elapsed)
			elapsed = first_byte;
		return probe_answered(get->set, get->target, elapsed);
	}
	if (get->fault.text[0])
		return probe_failed(get->set, get->target, "%s", get->fault.text);
	if (result == CURLE_OK)
		return probe_failed(get->set, get->target, "answered without headers");

	http->curl_easy_getinfo(get->easy, CURLINFO_OS_ERRNO, &error);
	if (result == CURLE_COULDNT_CONNECT && error != 0)
		return probe_failed(get->set, get->target, "cannot connect: %s",
				    strerror((int)error));
	probe_failed(get->set, get->target, "%s",
		     get->words[0] ? get->words : http->curl_easy_strerror(result));
}

static void finish(struct http_get *get, CURLcode result)
{
	struct http *http = get->http;
	struct http_get **orphan;

	http->curl_multi_remove_handle(http->multi, get->easy);
	get->busy = false;
	if (get->set && get->wanted) {
		get->wanted = false;
		judge(get, result);
		probe_woken(get->set);
	} else if (!get->set) {
		for (orphan = &http->orphans; *orphan != get;)
			orphan = &(*orphan)->next;
		*orphan = get->next;
		get_destroy(get);
	}
}

static int act(struct http *http, curl_socket_t fd, int events)
{
	int ignored;

	http->curl_multi_socket_action(http->multi, fd, events, &ignored);
	for (CURLMsg *message; (message = http->curl_multi_info_read(http->multi, &ignored));) {
		CURLcode result = message->data.result;
		struct http_get *get = NULL;

		http->curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &get);
		finish(get, result);
	}
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	return act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	return act(arg, fd,
		   (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
			   (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
			   (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
}

/* libcurl says what it wants to wait for. */
static int on_wait(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
	uint32_t events =
		(what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	sd_event_source *source = of_socket;
	struct http *http = arg;

	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(source);
		return 0;
	}
	if (source)
		return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
	if (sd_event_add_io(http->event, &source, fd, events, on_io, http) < 0)
		return -1;
	http->curl_multi_assign(http->multi, fd, source);
	return 0;
}

static int on_wait_until(CURLM *multi, long timeout_ms, void *arg)
{
	struct http *http = arg;

	if (timeout_ms < 0)
		return sd_event_source_set_enabled(http->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
	if (sd_event_source_set_time_relative(http->timer, timeout_ms * 1000ULL) < 0 ||
	    sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT) < 0)
		return -1;
	return 0;
}

int http_new(sd_event *event, struct http **ret, struct fault *fault)
{
	_cleanup_(http_freep) struct http *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return -ENOMEM;
	http->event = sd_event_ref(event);
	r = load(http, fault);
	if (r < 0)
		return fault_set(fault, r, "libcurl.so.4 is too old");
	r = sd_event_add_time(event, &http->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, http);
	if (r >= 0)
		r = sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
	if (r < 0)
		return fault_set(fault, r, "no timer for libcurl: %s", strerror(-r));

	if (http->curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return fault_set(fault, -EIO, "libcurl does not start");
	http->multi = http->curl_multi_init();
	if (!http->multi)
		return -ENOMEM;
	for (int family = 0; family < N_FAMILIES; family++) {
		http->names[family] = http->curl_share_init();
		if (!http->names[family] ||
		    http->curl_share_setopt(http->names[family], CURLSHOPT_SHARE,
					    CURL_LOCK_DATA_DNS) != CURLSHE_OK)
			return -ENOMEM;
	}
	http->curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_wait);
	http->curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	http->curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_wait_until);
	http->curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	*ret = TAKE(http);
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	for (struct http_get *get; (get = http->orphans);) {
		http->orphans = get->next;
		get_destroy(get);
	}
	if (http->multi)
		http->curl_multi_cleanup(http->multi);
	for (int family = 0; family < N_FAMILIES; family++)
		if (http->names[family])
			http->curl_share_cleanup(http->names[family]);
	sd_event_source_disable_unref(http->timer);
	sd_event_unref(http->event);
	free(http);
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	_cleanup_(closep) int fd = -1;
	struct http_get *get = arg;

	get->named = true;
	if (!get->wanted)
		return CURL_SOCKET_BAD;
	if (to->family != family_af(get->family)) {
		fault_set(&get->fault, -EAFNOSUPPORT, "is no address of this family");
		return CURL_SOCKET_BAD;
	}
	fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	if (fd < 0 || probe_bind(fd, get->path, get->family, &get->fault) < 0)
		return CURL_SOCKET_BAD;
	return take_fd(&fd);
}

/* One line of the headers; the empty one ends them. */
static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct http_get *get = arg;
	long status = 0;

	if (*line != '\r' && *line != '\n')
		return size * n;
	get->http->curl_easy_getinfo(get->easy, CURLINFO_RESPONSE_CODE, &status);
	/* Those below only say that there is more to come. */
	if (status < 200)
		return size * n;
	get->status = status;
	return 0;
}

static bool set_options(struct http_get *get)
{
	struct http *http = get->http;
	bool ok = true;

#define SET(option, value) ok = ok && http->curl_easy_setopt(get->easy, option, value) == CURLE_OK
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

	SET(CURLOPT_IPRESOLVE,
	    get->family == IPV4 ? (long)CURL_IPRESOLVE_V4 : (long)CURL_IPRESOLVE_V6);
	SET(CURLOPT_SHARE, http->names[get->family]);
	SET(CURLOPT_DNS_CACHE_TIMEOUT, (long)NAMES_KEPT_S);
	/* At the end of the program or of a timeout of libcurl's own: the thread ends alone. */
	SET(CURLOPT_QUICK_EXIT, 1L);
#undef SET
	return ok;
}

static void get_freep(struct http_get **get)
{
	if (*get)
		get_destroy(*get);
}

int http_get_new(struct http *http, struct probe_set *set, struct probe_target *target,
		 enum family family, const struct probe_path *path, struct http_get **ret,
		 struct fault *fault)
{
	_cleanup_(get_freep) struct http_get *get = calloc(1, sizeof(*get));

	if (!get)
		return -ENOMEM;
	get->http = http;
	get->set = set;
	get->target = target;
	get->family = family;
	get->path = path;
	get->easy = http->curl_easy_init();
	if (!get->easy)
		return -ENOMEM;
	if (!set_options(get))
		return fault_set(fault, -ENOSYS, "libcurl.so.4 is too old");
	*ret = TAKE(get);
	return 0;
}

void http_get_free(struct http_get *get)
{
	if (!get)
		return;
	http_get_end(get);
	if (!get->busy)
		return get_destroy(get);
	get->set = NULL;
	get->next = get->http->orphans;
	get->http->orphans = get;
}

void http_get_begin(struct http_get *get)
{
	struct http *http = get->http;

	get->begun_us = clock_us(CLOCK_MONOTONIC);
	get->wanted = true;
	if (get->busy)
		return;

	get->named = false;
	get->status = 0;
	get->words[0] = '\0';
	get->fault.text[0] = '\0';
	get->busy = http->curl_multi_add_handle(http->multi, get->easy) == CURLM_OK;
	if (!get->busy)
		probe_failed(get->set, get->target, "libcurl does not take the request");
}

const char *http_get_end(struct http_get *get)
{
	struct http *http = get->http;
	curl_off_t connected = 0, secured = 0;

	get->wanted = false;
	if (!get->busy || !get->named)
		return "no address for its name";

	http->curl_easy_getinfo(get->easy, CURLINFO_CONNECT_TIME_T, &connected);
	http->curl_easy_getinfo(get->easy, CURLINFO_APPCONNECT_TIME_T, &secured);
	http->curl_multi_remove_handle(http->multi, get->easy);
	get->busy = false;
	if (connected == 0)
		return "no connection";
	if (secured == 0 && strncmp(get->target->name, "https", 5) == 0)
		return "no TLS";
	return "no answer";
}
