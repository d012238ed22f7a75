#include "verdicts.h"

#include "fileio.h"
#include "log.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static enum verdict parse_verdict(json_t *wan, const char *family)
{
	const char *state =
		json_string_value(json_object_get(json_object_get(wan, family), "state"));

	if (state && strcmp(state, "down") == 0)
		return VERDICT_DOWN;
	if (state && strcmp(state, "up") == 0)
		return VERDICT_UP;
	return VERDICT_UNKNOWN;
}

static void read_wan(const struct config *config, json_t *wan, struct verdicts *verdicts)
{
	const char *name = json_string_value(json_object_get(wan, "name"));

	for (size_t i = 0; i < config->n_wans; i++) {
		if (!name || strcmp(config->wans[i].name, name) != 0)
			continue;
		verdicts->v[i][IPV4] = parse_verdict(wan, "ipv4");
		verdicts->v[i][IPV6] = parse_verdict(wan, "ipv6");
	}
}

int verdicts_read(const struct config *config, struct verdicts *ret)
{
	_cleanup_(verdicts_done) struct verdicts verdicts = {};
	_cleanup_(freep) char *text = NULL;
	json_error_t error;
	json_t *root, *wan;
	size_t i;
	int r;

	verdicts.v = calloc(config->n_wans, sizeof(*verdicts.v));
	if (!verdicts.v)
		return -ENOMEM;

	r = file_read(HEALTH_PATH, &text);
	if (r == -ENOMEM)
		return r;
	if (r != -ENOENT) {
		root = r == 0 ? json_loads(text, 0, &error) : NULL;
		if (!json_is_array(json_object_get(root, "wans")))
			log_event(LOG_WARNING, "health-file", "%s: %s; every WAN counts as up",
				  HEALTH_PATH,
				  r < 0	 ? strerror(-r)
				  : root ? "no list of wans"
					 : error.text);
		json_array_foreach(json_object_get(root, "wans"), i, wan)
			read_wan(config, wan, &verdicts);
		json_decref(root);
	}

	*ret = TAKE(verdicts);
	return 0;
}
