#include "doctor.h"

#include "config.h"
#include "links.h"
#include "trouble.h"
#include "vlan.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

/* ---- there, up, with carrier ---- */

/* The port of a VLAN that is named after it; "" of any other interface. */
struct port_name {
	char s[IFNAMSIZ];
};
static struct port_name port_of(const char *interface)
{
	struct port_name port = {};
	const char *dot = strrchr(interface, '.');

	if (dot)
		memcpy(port.s, interface, dot - interface);
	return port;
}

static int say_missing(const struct patient *patient, const struct links *links, const char *who,
		       const char *interface, struct diagnosis *diagnosis)
{
	struct port_name port = port_of(interface);
	struct fault fault = {};

	if (!*port.s)
		return diagnosis_tell(diagnosis, FINDING_WRONG,
				      "%s: there is no interface %s: `ip link` shows what there "
				      "is, `lspci` which cards this machine has been given; a "
				      ".link file in /etc/systemd/network names it",
				      who, interface);
	if (!links_find(links, port.s))
		return diagnosis_tell(diagnosis, FINDING_WRONG,
				      "%s: there is no interface %s, and so no %s on it: `ip "
				      "link`; `lspci` shows whether the card is there, a .link "
				      "file in /etc/systemd/network names it",
				      who, port.s, interface);
	vlan_say_missing(patient->root, interface, port.s, &fault);
	return diagnosis_tell(diagnosis, FINDING_WRONG, "%s: %s", who, fault.text);
}

/* 1: something is wrong with it, and has been said. */
static int look_at_link(const struct patient *patient, const struct links *links, const char *who,
			const char *interface, struct diagnosis *diagnosis)
{
	const struct link_seen *link = links_find(links, interface);
	const struct link_seen *port = link ? links_parent(links, link) : NULL;
	int r;

	if (!link)
		r = say_missing(patient, links, who, interface, diagnosis);
	else if (port && !port->up)
		r = diagnosis_tell(diagnosis, FINDING_WRONG,
				   "%s: %s, the port of %s, is switched off: `ip link set %s up`",
				   who, port->name, interface, port->name);
	else if (!link->up)
		r = diagnosis_tell(diagnosis, FINDING_WRONG,
				   "%s: %s is switched off: `ip link set %s up`", who, interface,
				   interface);
	else if (!link->carrier)
		r = diagnosis_tell(diagnosis, FINDING_WRONG, "%s: %s has no carrier: %s", who,
				   port && !port->carrier ? port->name : interface,
				   "its cable, and what is at the other end");
	else
		return 0;
	return r < 0 ? r : 1;
}

static int look_at_all(struct patient *patient, const struct links *links,
		       struct diagnosis *diagnosis)
{
	const struct config *config = patient->config;
	int r = look_at_link(patient, links, "LAN", config->lan.interface, diagnosis);

	for (size_t i = 0; i < config->n_wans && r >= 0; i++) {
		const struct wan_conf *wan = &config->wans[i];

		r = look_at_link(patient, links, wan->name, wan->interface, diagnosis);
		if (r > 0)
			doctor_explain(patient, i);
	}
	return r < 0 ? r : 0;
}

/* ---- addresses on them ---- */

struct look {
	const struct patient *patient;
	struct diagnosis *diagnosis;
};

static const char *name_of(const struct patient *patient, unsigned index)
{
	const struct facts *facts = &patient->outcome.facts;

	if (facts->lan.link.index == index)
		return facts->lan.link.name;
	for (size_t i = 0; i < facts->n_wans; i++)
		if (facts->wans[i].link.link.index == index)
			return facts->wans[i].link.link.name;
	return NULL;
}

/* Somebody else has the address, and the kernel doesn't use it. */
static int on_address(struct nlmsghdr *message, void *arg)
{
	struct look *look = arg;
	struct ifaddrmsg *info = nlmsg_data(message);
	struct nlattr *address = nlmsg_find_attr(message, sizeof(*info), IFA_ADDRESS);
	const char *interface = name_of(look->patient, info->ifa_index);
	struct prefix at = { netlink_addr(address, info->ifa_family), info->ifa_prefixlen };

	if (!interface || info->ifa_family != AF_INET6 || !(info->ifa_flags & IFA_F_DADFAILED))
		return 0;
	return diagnosis_tell(look->diagnosis, FINDING_WRONG,
			      "%s on %s is another machine's as well, and not used: `ip address "
			      "del %s dev %s`; give one of them another",
			      addr_str(at.addr).s, interface, prefix_str(at).s, interface);
}

static int look_at_lan(const struct patient *patient, struct diagnosis *diagnosis)
{
	const struct config *config = patient->config;
	const struct link_fact *lan = &patient->outcome.facts.lan;
	const char *interface = config->lan.interface;
	struct prefix first = { prefix_nth(config->lan.prefix4, 1), config->lan.prefix4.len };

	if (addr_cmp(first.addr, config->lan.router4) == 0)
		first.addr = prefix_nth(config->lan.prefix4, 2);
	if (!lan->link.index)
		return 0;
	if (link_has_address(lan, config->lan.router4))
		return diagnosis_tell(diagnosis, FINDING_WRONG,
				      "LAN: router4 = %s is this machine's own address, not "
				      "OPNsense's: `ip address del %s/%u dev %s`, and correct "
				      "`Address=` in its .network file, or mwan.conf",
				      addr_str(config->lan.router4).s,
				      addr_str(config->lan.router4).s, config->lan.prefix4.len,
				      interface);
	for (size_t i = 0; i < lan->n_addresses; i++)
		if (prefix_contains(config->lan.prefix4, lan->addresses[i].addr))
			return 0;
	return diagnosis_tell(diagnosis, FINDING_WRONG,
			      "LAN: %s has no address of prefix4, so OPNsense has no gateway: `ip "
			      "address add %s dev %s`, and as `Address=` in its .network file",
			      interface, prefix_str(first).s, interface);
}

/* ---- the whole ---- */

static int say_good(const struct patient *patient, struct diagnosis *diagnosis)
{
	_cleanup_(freep) char *text = NULL;
	const struct config *config = patient->config;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	fprintf(f, "LAN %s up", config->lan.interface);
	for (size_t i = 0; i < config->n_wans; i++)
		fprintf(f, ", %s %s up", config->wans[i].name, config->wans[i].interface);
	if (fclose(f) != 0)
		return -ENOMEM;
	return diagnosis_good(diagnosis, "%s", text);
}

int doctor_links(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	_cleanup_(links_done) struct links links = {};
	struct ifaddrmsg addresses = { .ifa_family = AF_INET6 };
	struct look look = { patient, diagnosis };
	size_t before = diagnosis->n;
	int r;

	r = links_observe(patient->kernel.sk, &links, fault);
	if (r == 0)
		r = look_at_all(patient, &links, diagnosis);
	if (r == 0)
		r = look_at_lan(patient, diagnosis);
	if (r == 0)
		r = links_tell_macs(&links, patient->config, diagnosis);
	if (r == 0)
		r = netlink_dump(patient->kernel.sk, RTM_GETADDR, &addresses, sizeof(addresses),
				 on_address, &look);
	if (r < 0 && r != -EAGAIN)
		return r;
	return diagnosis->n == before ? say_good(patient, diagnosis) : 0;
}
