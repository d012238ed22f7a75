/*
 * What the health of a WAN is judged by: lists of addresses and URLs.
 */
#include "config_source.h"
#include "parse.h"

#include <errno.h>
#include <string.h>

int key_set_ping(const struct key *key, char *text, void *base, struct fault *why)
{
	struct addr_list *list = (void *)((char *)base + key->offset);
	_cleanup_(freep) struct addr *v = NULL;
	size_t n = 0, room = strlen(text) / 2 + 1;

	v = calloc(room, sizeof(*v));
	if (!v)
		return -ENOMEM;

	for (char *item; (item = parse_item(&text, ", \t\n")); n++) {
		if (addr_parse(item, family_af(key->family), &v[n]) < 0 || !addr_is_host(v[n]))
			return fault_set(why, -EINVAL, "%s is not %s", quote(item).s, key->want);
		for (size_t i = 0; i < n; i++) {
			if (addr_cmp(v[i], v[n]) == 0)
				return fault_set(why, -EINVAL, "%s is there twice", quote(item).s);
		}
	}

	free(list->v);
	list->v = n > 0 ? TAKE(v) : NULL;
	list->n = n;
	return 0;
}

static void string_list_done(struct string_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	*list = (struct string_list){};
}

/* A scheme, then a host that can be of the family; curl judges the rest. */
static bool is_url(const char *text, enum family family)
{
	char host[ADDR_TEXT] = {};
	struct addr addr;
	size_t len;

	if (strncmp(text, "http://", 7) == 0)
		text += 7;
	else if (strncmp(text, "https://", 8) == 0)
		text += 8;
	else
		return false;

	len = strcspn(text, "/:?#");
	if (len == 0 || len >= sizeof(host))
		return len > 0;
	memcpy(host, text, len);
	if (family == IPV4)
		return *host != '[';
	return addr_parse(host, AF_INET, &addr) < 0;
}

int key_set_http(const struct key *key, char *text, void *base, struct fault *why)
{
	_cleanup_(string_list_done) struct string_list urls = {};
	struct string_list *list = (void *)((char *)base + key->offset);

	urls.v = calloc(strlen(text) / 2 + 1, sizeof(*urls.v));
	if (!urls.v)
		return -ENOMEM;

	for (char *item; (item = parse_item(&text, ", \t\n")); urls.n++) {
		if (!is_url(item, key->family))
			return fault_set(why, -EINVAL, "%s is not %s", quote(item).s, key->want);
		for (size_t i = 0; i < urls.n; i++) {
			if (strcmp(urls.v[i], item) == 0)
				return fault_set(why, -EINVAL, "%s is there twice", quote(item).s);
		}
		urls.v[urls.n] = strdup(item);
		if (!urls.v[urls.n])
			return -ENOMEM;
	}

	string_list_done(list);
	*list = TAKE(urls);
	return 0;
}

void health_conf_done(struct health_conf *health)
{
	for (int f = 0; f < N_FAMILIES; f++) {
		free(health->ping[f].v);
		health->ping[f] = (struct addr_list){};
		string_list_done(&health->http[f]);
	}
}
