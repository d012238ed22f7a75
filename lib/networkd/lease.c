// SPDX-License-Identifier: GPL-2.0-or-later
// What a link has been given, from systemd-networkd's answer to DescribeLink.
// An offered prefix has a rank: that it fits comes first, then that it is preferred, then in use.

#include "networkd/lease.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static bool has(json_t *object, const char *key, const char *value)
{
	const char *its_value = json_string_value(json_object_get(object, key));

	return its_value && strcmp(its_value, value) == 0;
}

static bool parse_address(json_t *bytes, struct addr *ret)
{
	size_t n = json_array_size(bytes);

	if (n != 4 && n != 16)
		return false;
	*ret = (struct addr){ .family = n == 4 ? AF_INET : AF_INET6 };
	for (size_t i = 0; i < n; i++)
		ret->bytes[i] = json_integer_value(json_array_get(bytes, i));
	return true;
}

static void add_address(json_t *entry, struct lease *lease)
{
	size_t len = strlen(lease->addresses);
	struct addr addr;

	if (!parse_address(json_object_get(entry, "Address"), &addr) || addr_is_linklocal(addr) ||
	    has(entry, "ConfigSource", "foreign"))
		return;
	lease->dhcp4 |= has(entry, "ConfigSource", "DHCPv4");
	lease->ipv6 |= has(entry, "ConfigSource", "DHCPv6") || has(entry, "ConfigSource", "NDisc");
	snprintf(lease->addresses + len, sizeof(lease->addresses) - len, "%s%s", len ? ", " : "",
		 addr_str(addr).s);
}

static json_t *offered_prefixes(json_t *root)
{
	return json_object_get(json_object_get(root, "DHCPv6Client"), "Prefixes");
}

bool lease_from_json(const char *json, struct lease *ret)
{
	json_t *root = json_loads(json, 0, NULL), *entry;
	bool known = json_is_object(root);
	struct lease lease = {};
	size_t i;

	lease.managed = has(root, "AdministrativeState", "configuring") ||
			has(root, "AdministrativeState", "configured");
	lease.unmanaged = has(root, "AdministrativeState", "unmanaged");
	lease.refused = lease.unmanaged || has(root, "AdministrativeState", "failed");
	json_array_foreach(json_object_get(root, "Addresses"), i, entry) add_address(entry, &lease);
	lease.ipv6 |= json_array_size(offered_prefixes(root)) > 0;
	lease.bare4 =
		!lease.dhcp4 && json_object_get(json_object_get(root, "DHCPv4Client"), "Lease");
	json_decref(root);
	*ret = lease;
	return known;
}

int lease_say_unmanaged(const char *interface, const struct lease *lease, struct fault *fault)
{
	if (lease->unmanaged) {
		fault_set(fault, -ENODEV,
			  "systemd-networkd leaves %s alone: no .network file matches it",
			  interface);
		return fault_fix(fault, -ENODEV,
				 "write one for it in /etc/systemd/network, then `networkctl "
				 "reload`");
	}
	if (lease->refused) {
		fault_set(fault, -ENODEV, "systemd-networkd has failed to configure %s", interface);
		return fault_fix(fault, -ENODEV,
				 "`journalctl -u systemd-networkd -g %s` says why; then "
				 "`networkctl reconfigure %s`",
				 interface, interface);
	}
	fault_set(fault, -ENODEV, "systemd-networkd says nothing of %s", interface);
	return fault_fix(fault, -ENODEV, "`systemctl status systemd-networkd` says why");
}

static bool parse_prefix(json_t *entry, struct prefix *ret)
{
	json_int_t len = json_integer_value(json_object_get(entry, "PrefixLength"));

	ret->len = len >= 1 && len <= 128 ? len : 0;
	return ret->len > 0 && parse_address(json_object_get(entry, "Prefix"), &ret->addr) &&
	       ret->addr.family == AF_INET6;
}

/* A lifetime is given as the time since boot at which it ends. Without one, it does not end. */
static uint64_t end_us(json_t *entry, const char *key)
{
	json_t *until = json_object_get(entry, key);

	return json_is_integer(until) ? (uint64_t)json_integer_value(until) : UINT64_MAX;
}

/*
 * True while networkd has not asked yet, or has no answer yet. Not so without carrier: the next ISP
 * may be another.
 */
static bool awaits_lease(json_t *root)
{
	return has(root, "CarrierState", "carrier") &&
	       !json_object_get(json_object_get(root, "DHCPv6Client"), "Lease");
}

enum delegation_rank {
	RANK_NONE,
	RANK_TOO_LONG,
	RANK_VALID, /* but no longer preferred */
	RANK_PREFERRED,
	RANK_IN_USE, /* and preferred */
};

static enum delegation_rank rank_of(json_t *entry, struct prefix prefix, uint64_t now_us,
				    struct delegation in_use, unsigned max_len)
{
	if (end_us(entry, "ValidLifetimeUSec") <= now_us)
		return RANK_NONE;
	if (prefix.len > max_len)
		return RANK_TOO_LONG;
	if (end_us(entry, "PreferredLifetimeUSec") <= now_us)
		return RANK_VALID;
	return in_use.state == DELEGATION_FOUND && prefix_cmp(prefix, in_use.prefix) == 0
		       ? RANK_IN_USE
		       : RANK_PREFERRED;
}

struct delegation delegation_from_json(const char *json, uint64_t now_us, struct delegation in_use,
				       unsigned max_len)
{
	json_t *root = json_loads(json, 0, NULL), *entry;
	struct delegation found = { .state = json_is_object(root) ? DELEGATION_NONE
								  : DELEGATION_UNKNOWN };
	enum delegation_rank best = RANK_NONE;
	size_t i;

	json_array_foreach(offered_prefixes(root), i, entry)
	{
		struct prefix prefix;
		enum delegation_rank rank;

		if (!parse_prefix(entry, &prefix))
			continue;
		rank = rank_of(entry, prefix, now_us, in_use, max_len);
		if (rank > best) {
			best = rank;
			found = (struct delegation){ DELEGATION_FOUND, prefix,
						     end_us(entry, "ValidLifetimeUSec") };
		}
	}
	if (found.state == DELEGATION_NONE && in_use.state == DELEGATION_FOUND &&
	    in_use.until_us > now_us && awaits_lease(root))
		found.state = DELEGATION_UNKNOWN;
	found.awaited = found.state == DELEGATION_NONE &&
			!json_object_get(json_object_get(root, "DHCPv6Client"), "Lease");
	json_decref(root);
	return found;
}

uint64_t delegation_next_end(const char *json, uint64_t now_us)
{
	static const char *const keys[] = { "PreferredLifetimeUSec", "ValidLifetimeUSec" };
	json_t *root = json_loads(json, 0, NULL), *entry;
	uint64_t next_us = UINT64_MAX;
	size_t i;

	json_array_foreach(offered_prefixes(root), i, entry)
	{
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
			uint64_t at_us = end_us(entry, keys[k]);

			if (at_us > now_us && at_us < next_us)
				next_us = at_us;
		}
	}
	json_decref(root);
	return next_us;
}
