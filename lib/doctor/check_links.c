// SPDX-License-Identifier: GPL-2.0-or-later
// The links of the site: there, up, with carrier, and with the addresses that they need.
// It dumps all links and IPv6 addresses. Other checks skip a WAN whose link is down.

#include "doctor/check.h"

#include "doctor/links.h"
#include "health/trouble.h"
#include "networkd/vlan.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

static void diagnose_missing(const struct patient *patient, const struct links *links,
			     const char *who, const char *interface)
{
	const char *dot = strrchr(interface, '.');
	struct enumeration others = {};
	char port[IFNAMSIZ] = ""; /* of a VLAN that is named after it */
	struct fault fault = {};

	if (dot)
		memcpy(port, interface, dot - interface);
	if (*port && links_find(links, port)) {
		vlan_say_missing(patient->root, interface, port, &fault);
		diagnosis_fault(patient->diagnosis, "vlan-missing", who, &fault);
		return;
	}
	if (trouble_advise_ppp(interface)) {
		diagnosis_wrong(patient->diagnosis, "link-missing",
				"%s: there is no interface %s\n%s", who, interface,
				trouble_advise_ppp(interface));
		return;
	}
	for (size_t i = 0; i < links->n; i++)
		if (!links->v[i].parent && !link_is_of_site(patient->config, links->v[i].name))
			enumerate(&others, "%s", links->v[i].name);
	diagnosis_wrong(patient->diagnosis, "link-missing",
			"%s: there is no interface %s%s%s%s; not of this site are: %s\n"
			"correct `interface` in mwan.conf, or give the card its name in a .link "
			"file in /etc/systemd/network; if the card is not listed, `lspci` shows "
			"whether this machine has it",
			who, *port ? port : interface, *port ? ", and so no " : "",
			*port ? interface : "", *port ? " on it" : "",
			*others.s ? others.s : "none");
}

/* subject: ABOUT_LAN, or a WAN. False: something is wrong with its link. */
static bool look_at_link(const struct patient *patient, const struct links *links, int subject)
{
	const struct config *config = patient->config;
	const struct wan_conf *wan =
		subject < ABOUT_WAN ? NULL : &config->wans[subject - ABOUT_WAN];
	const char *interface = wan ? wan->interface : config->lan.interface;
	const char *who = wan ? wan->name : "LAN";
	const struct link_seen *link = links_find(links, interface);
	const struct link_seen *port = link ? links_parent(links, link) : NULL;
	struct diagnosis *diagnosis = patient->diagnosis;

	if (link && link->up && link->carrier && (!port || port->up))
		return true;
	diagnosis = about_subject(diagnosis, subject, N_FAMILIES);
	if (!link) {
		diagnose_missing(patient, links, who, interface);
	} else if (port && !port->up) {
		diagnosis_wrong(diagnosis, "link-down",
				"%s: %s, the port of %s, is switched off\n`ip link set %s up`", who,
				port->name, interface, port->name);
	} else if (!link->up) {
		diagnosis_wrong(diagnosis, "link-down",
				"%s: %s is switched off\n`ip link set %s up`", who, interface,
				interface);
	} else {
		diagnosis_wrong(diagnosis, "link-carrier",
				"%s: %s has no carrier\n"
				"check its cable, and what is at the other end",
				who, port && !port->carrier ? port->name : interface);
	}
	return false;
}

/* Another machine has the address as well: the kernel does not use it. */
static int on_address(struct nlmsghdr *message, void *arg)
{
	const struct patient *patient = arg;
	struct ifaddrmsg *info = nlmsg_data(message);
	struct nlattr *address = nlmsg_find_attr(message, sizeof(*info), IFA_ADDRESS);
	char interface[IFNAMSIZ], fix[256];
	size_t wan = patient_wan(patient, info->ifa_index);
	int subject = wan < patient->config->n_wans ? ABOUT_WAN + (int)wan : ABOUT_LAN;
	struct addr_text addr;
	struct prefix at = { netlink_addr(address, info->ifa_family), info->ifa_prefixlen };

	if (info->ifa_family != AF_INET6 || !(info->ifa_flags & IFA_F_DADFAILED) ||
	    !if_indextoname(info->ifa_index, interface) ||
	    !link_is_of_site(patient->config, interface))
		return 0;
	addr = addr_str(at.addr);
	/* The LAN's own address is needed: only OPNsense's has to go from here. */
	if (addr_cmp(at.addr, patient->config->lan.router6) == 0)
		snprintf(fix, sizeof(fix), "`ip address del %s dev %s`: it is router6, OPNsense's",
			 prefix_str(at).s, interface);
	else
		snprintf(fix, sizeof(fix),
			 "give the other machine another address; then `ip address del %s dev %s "
			 "&& ip address add %s dev %s` tries this one again",
			 prefix_str(at).s, interface, prefix_str(at).s, interface);
	diagnosis_wrong(about_subject(patient->diagnosis, subject, IPV6), "address-duplicate",
			"%s on %s is another machine's as well, and not used\n%s", addr.s,
			interface, fix);
	return 0;
}

/* own: the LAN's address, or the one that it could have. */
static void diagnose_opnsenses(const struct patient *patient, struct prefix router4,
			       struct prefix own)
{
	const char *interface = patient->config->lan.interface;
	struct prefix_text text = prefix_str(router4);

	/* The kernel may delete the other address of the network along with the first one. */
	diagnosis_wrong(about_lan(patient->diagnosis), "lan-address-opnsenses",
			"LAN: router4 = %s is this machine's own address, not OPNsense's\n"
			"set router4 in mwan.conf to OPNsense's; or, if it is right there, `ip "
			"address del %s dev %s && ip address replace %s dev %s`, and correct "
			"`Address=` in its .network file",
			addr_str(router4.addr).s, text.s, interface, prefix_str(own).s, interface);
}

static void look_at_lan(const struct patient *patient)
{
	const struct config *config = patient->config;
	const struct link_fact *lan = &patient->site->facts.lan;
	const char *interface = config->lan.interface;
	struct prefix own = { prefix_nth(config->lan.prefix4, 1), config->lan.prefix4.len };
	bool router = config->lan.router4.family, found = false;
	struct prefix router4 = {};

	if (router && addr_cmp(own.addr, config->lan.router4) == 0)
		own.addr = prefix_nth(config->lan.prefix4, 2);
	for (size_t i = 0; i < lan->n_addresses; i++) {
		struct prefix address = lan->addresses[i];

		if (router && addr_cmp(address.addr, config->lan.router4) == 0) {
			router4 = address;
		} else if (!found && prefix_contains(config->lan.prefix4, address.addr)) {
			own = address;
			found = true;
		}
	}
	if (router4.addr.family)
		diagnose_opnsenses(patient, router4, own);
	else if (lan->link.index && !found)
		diagnosis_wrong(about_lan(patient->diagnosis), "lan-address-missing",
				"LAN: %s has no address of prefix4, so %s no gateway\n"
				"`ip address add %s dev %s`, and as `Address=` in its .network "
				"file",
				interface, router ? "OPNsense has" : "the hosts on it have",
				prefix_str(own).s, interface);
}

int doctor_links(struct patient *patient, struct fault *fault)
{
	const struct config *config = patient->config;
	_cleanup_(links_done) struct links links = {};
	struct ifaddrmsg addresses = { .ifa_family = AF_INET6 };
	struct enumeration good = {};
	int r;

	r = links_observe(patient->kernel.sk, &links, fault);
	if (r < 0)
		return r;
	look_at_link(patient, &links, ABOUT_LAN);
	enumerate(&good, "LAN %s up", config->lan.interface);
	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_conf *wan = &config->wans[i];

		if (!look_at_link(patient, &links, ABOUT_WAN + (int)i))
			patient_explain(patient, i);
		enumerate(&good, "%s %s up", wan->name, wan->interface);
	}
	look_at_lan(patient);
	links_compare_macs(&links, config, patient->diagnosis);
	r = netlink_dump(patient->kernel.sk, RTM_GETADDR, &addresses, sizeof(addresses), on_address,
			 patient);
	if (r < 0 && r != -EAGAIN)
		return fault_set(fault, r, "addresses: %s", strerror(-r));
	diagnosis_good(patient->diagnosis, "%s", good.s);
	return 0;
}
