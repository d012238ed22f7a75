// SPDX-License-Identifier: GPL-2.0-or-later
// The addresses of names that the probes of one WAN and family ask for.
// Look-ups begin with cycles: what is known is used at once, and what comes is used in the next.

#include "probe/names.h"

#include <string.h>

/* Within these, a name is kept as long as its name server says. */
#define SHORTEST_S 1
#define LONGEST_S 3600

struct names {
	struct resolver *resolver;
	const struct names_handlers *handlers;
	void *arg;
	struct name *first; /* owned */
};

/* A little before it expires, so that an address is always a valid one if all is well. */
static uint64_t lifetime_us(uint32_t ttl_s)
{
	uint64_t s = ttl_s < SHORTEST_S ? SHORTEST_S : ttl_s > LONGEST_S ? LONGEST_S : ttl_s;

	return s * 1000000 / 8 * 7;
}

static bool has(const struct name_answer *answer, struct addr addr)
{
	for (size_t i = 0; i < answer->n; i++)
		if (addr_cmp(answer->addrs[i], addr) == 0)
			return true;
	return false;
}

static void take(struct name *name, const struct name_answer *answer)
{
	struct addr in_use = name->n > 0 ? name->addrs[name->turn] : (struct addr){};

	memcpy(name->addrs, answer->addrs, sizeof(name->addrs));
	name->n = answer->n;
	name->turn = 0;
	/* Name servers give them in another order each time. Stay with the one that answers. */
	while (has(answer, in_use) && addr_cmp(name->addrs[name->turn], in_use) != 0)
		name->turn++;
	name->due_us = clock_us(CLOCK_MONOTONIC) + lifetime_us(answer->ttl_s);
	name->why[0] = '\0';
}

static void on_answered(void *query, const struct name_answer *answer)
{
	struct name *name = query;

	name->pending = false;
	if (answer->n > 0) {
		take(name, answer);
	} else {
		name->failure = answer->failure;
		memcpy(name->why, answer->why, sizeof(name->why));
	}
	name->names->handlers->news(name, name->names->arg);
}

static void on_woken(void *arg)
{
	struct names *names = arg;

	names->handlers->woken(names->arg);
}

static const struct resolver_handlers handlers_of_resolver = { on_answered, on_woken };

int names_new(const struct resolver_library *library, const struct probe_group *group,
	      const struct names_handlers *handlers, void *arg, struct names **ret)
{
	struct names *names = calloc(1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	*names = (struct names){ .handlers = handlers, .arg = arg };
	if (resolver_new(library, group, &handlers_of_resolver, names, &names->resolver) < 0) {
		free(names);
		return -ENOMEM;
	}
	*ret = names;
	return 0;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	resolver_free(names->resolver);
	while (names->first) {
		struct name *name = names->first;

		names->first = name->next;
		free(name->host);
		free(name);
	}
	free(names);
}

struct name *names_add(struct names *names, const char *host)
{
	struct name *name = names->first;

	while (name && strcmp(name->host, host) != 0)
		name = name->next;
	if (name)
		return name;
	name = calloc(1, sizeof(*name));
	if (!name)
		return NULL;
	name->names = names;
	name->host = strdup(host);
	if (!name->host) {
		free(name);
		return NULL;
	}
	name->next = names->first;
	names->first = name;
	return name;
}

void name_recall(struct name *name, struct addr address)
{
	if (name->n > 0 || !address.family)
		return;
	name->addrs[0] = address;
	name->n = 1;
}

static void ask(struct name *name)
{
	name->pending = true;
	name->asked_us = clock_us(CLOCK_MONOTONIC);
	resolver_ask(name->names->resolver, name->host, name);
}

void names_renew(struct names *names)
{
	resolver_renew(names->resolver);
	for (struct name *name = names->first; name; name = name->next)
		if (name->pending)
			ask(name);
}

void name_refresh(struct name *name)
{
	if (!name->pending && (name->n == 0 || clock_us(CLOCK_MONOTONIC) >= name->due_us))
		ask(name);
}

void name_doubt(struct name *name, struct addr address)
{
	name->due_us = 0;
	/* Others who have asked it may have said so already. */
	if (name->n > 0 && addr_cmp(name->addrs[name->turn], address) == 0)
		name->turn = (name->turn + 1) % name->n;
}

struct name_answer name_silence(const struct name *name)
{
	return resolver_silence(name->names->resolver);
}
