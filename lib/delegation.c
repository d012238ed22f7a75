#include "networkd.h"

#include <jansson.h>
#include <string.h>

static bool parse_entry(json_t *entry, struct prefix *ret)
{
	json_t *bytes = json_object_get(entry, "Prefix");
	json_int_t len = json_integer_value(json_object_get(entry, "PrefixLength"));
	struct prefix prefix = { .addr.family = AF_INET6 };

	if (json_array_size(bytes) != 16 || len < 1 || len > 128)
		return false;
	for (size_t i = 0; i < 16; i++)
		prefix.addr.bytes[i] = json_integer_value(json_array_get(bytes, i));
	prefix.len = len;
	*ret = prefix;
	return true;
}

/* A lifetime is the time of boot at which it ends; without one it does not. */
static bool is_over(json_t *entry, const char *key, uint64_t now_us)
{
	json_t *until = json_object_get(entry, key);

	return json_is_integer(until) && (uint64_t)json_integer_value(until) <= now_us;
}

static uint64_t valid_until(json_t *entry)
{
	json_t *until = json_object_get(entry, "ValidLifetimeUSec");

	return json_is_integer(until) ? (uint64_t)json_integer_value(until) : UINT64_MAX;
}

/* It has yet to ask, or to be answered. Without carrier, there is nobody to answer, and who
 * comes after may be another. */
static bool awaits_lease(json_t *root)
{
	const char *carrier = json_string_value(json_object_get(root, "CarrierState"));

	return carrier && strcmp(carrier, "carrier") == 0 &&
	       !json_object_get(json_object_get(root, "DHCPv6Client"), "Lease");
}

static bool is_in_use(struct delegation_word in_use, struct prefix prefix)
{
	return in_use.said == DELEGATION_FOUND && prefix_cmp(prefix, in_use.prefix) == 0;
}

struct delegation_word delegation_from_json(const char *json, uint64_t now_us,
					    struct delegation_word in_use, unsigned max_len)
{
	json_t *root = json_loads(json, 0, NULL), *entry;
	struct delegation_word word = { .said = json_is_object(root) ? DELEGATION_NONE
								     : DELEGATION_UNKNOWN };
	int best = 0;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(root, "DHCPv6Client"), "Prefixes"), i,
			   entry)
	{
		bool preferred = !is_over(entry, "PreferredLifetimeUSec", now_us);
		struct prefix prefix;
		int rank;

		if (!parse_entry(entry, &prefix) || is_over(entry, "ValidLifetimeUSec", now_us))
			continue;
		rank = prefix.len > max_len	   ? 1
		       : !preferred		   ? 2
		       : is_in_use(in_use, prefix) ? 4
						   : 3;
		if (rank > best) {
			best = rank;
			word = (struct delegation_word){ DELEGATION_FOUND, prefix,
							 valid_until(entry) };
		}
	}
	if (word.said == DELEGATION_NONE && in_use.said == DELEGATION_FOUND &&
	    in_use.until_us > now_us && awaits_lease(root))
		word.said = DELEGATION_UNKNOWN;
	json_decref(root);
	return word;
}

static void see_end(json_t *entry, const char *key, uint64_t now_us, uint64_t *end_us)
{
	json_t *until = json_object_get(entry, key);
	uint64_t at = json_is_integer(until) ? (uint64_t)json_integer_value(until) : UINT64_MAX;

	if (at > now_us && at < *end_us)
		*end_us = at;
}

uint64_t delegation_next_end(const char *json, uint64_t now_us)
{
	json_t *root = json_loads(json, 0, NULL), *entry;
	uint64_t end_us = UINT64_MAX;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(root, "DHCPv6Client"), "Prefixes"), i,
			   entry)
	{
		see_end(entry, "PreferredLifetimeUSec", now_us, &end_us);
		see_end(entry, "ValidLifetimeUSec", now_us, &end_us);
	}
	json_decref(root);
	return end_us;
}
