#include "lease.h"

#include "prefix.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static bool is_word(json_t *object, const char *key, const char *const *words)
{
	const char *word = json_string_value(json_object_get(object, key));

	for (; word && *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static bool parse_address(json_t *entry, struct addr *ret)
{
	json_t *bytes = json_object_get(entry, "Address");
	size_t n = json_array_size(bytes);

	if (n != 4 && n != 16)
		return false;
	*ret = (struct addr){ .family = n == 4 ? AF_INET : AF_INET6 };
	for (size_t i = 0; i < n; i++)
		ret->bytes[i] = json_integer_value(json_array_get(bytes, i));
	return true;
}

static bool is_link_local(struct addr addr)
{
	return addr.family == AF_INET ? addr.bytes[0] == 169 && addr.bytes[1] == 254
				      : addr.bytes[0] == 0xfe && (addr.bytes[1] & 0xc0) == 0x80;
}

static void see_address(json_t *entry, struct lease *lease)
{
	static const char *const foreign[] = { "foreign", NULL };
	static const char *const dhcp4[] = { "DHCPv4", NULL };
	static const char *const ipv6[] = { "DHCPv6", "NDisc", NULL };
	size_t len = strlen(lease->addresses);
	struct addr addr;

	if (!parse_address(entry, &addr) || is_link_local(addr) ||
	    is_word(entry, "ConfigSource", foreign))
		return;
	lease->dhcp4 |= is_word(entry, "ConfigSource", dhcp4);
	lease->ipv6 |= is_word(entry, "ConfigSource", ipv6);
	snprintf(lease->addresses + len, sizeof(lease->addresses) - len, "%s%s", len ? ", " : "",
		 addr_str(addr).s);
}

bool lease_from_json(const char *json, struct lease *ret)
{
	static const char *const ready[] = { "configuring", "configured", NULL };
	static const char *const unmanaged[] = { "unmanaged", NULL };
	static const char *const failed[] = { "failed", NULL };
	json_t *root = json_loads(json, 0, NULL), *entry;
	bool known = json_is_object(root);
	struct lease lease = {};
	size_t i;

	lease.managed = is_word(root, "AdministrativeState", ready);
	lease.unmanaged = is_word(root, "AdministrativeState", unmanaged);
	lease.refused = lease.unmanaged || is_word(root, "AdministrativeState", failed);
	json_array_foreach(json_object_get(root, "Addresses"), i, entry) see_address(entry, &lease);
	lease.ipv6 |= json_array_size(json_object_get(json_object_get(root, "DHCPv6Client"),
						      "Prefixes")) > 0;
	lease.bare4 =
		!lease.dhcp4 && json_object_get(json_object_get(root, "DHCPv4Client"), "Lease");
	json_decref(root);
	*ret = lease;
	return known;
}

int lease_say_unmanaged(const char *interface, const struct lease *lease, struct fault *fault)
{
	if (lease->refused)
		return fault_set(
			fault, -ENODEV,
			"systemd-networkd leaves %s alone: no .network file in "
			"/etc/systemd/network matches, or it failed; `networkctl status %s`",
			interface, interface);
	return fault_set(fault, -ENODEV,
			 "systemd-networkd tells nothing of %s: `systemctl status "
			 "systemd-networkd`, `networkctl status %s`",
			 interface, interface);
}
