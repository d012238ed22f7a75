// SPDX-License-Identifier: GPL-2.0-or-later
// Who else asks for leases: a second DHCP client on a link of systemd-networkd's.
// It reads the kernel's lists of sockets, and finds out whose those of DHCP's ports are.

#include "doctor/check.h"

#include "base/parse.h"
#include "doctor/processes.h"

#include <arpa/inet.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <string.h>

#define NETWORKD "systemd-network" /* as the kernel cuts it off */
#define COLUMNS 10		   /* of the lists, as far as they are read */

/* Clients that receive beside the kernel's ports. */
static const char *const clients[] = { "dhclient", "dhcpcd", "udhcpc" };

struct dhcp_socket {
	struct process_socket socket;
	struct addr local; /* of a port; AF_UNSPEC: any */
	unsigned ifindex;  /* of a packet socket; 0: it is a port, or any link's */
	bool is_port;
};

struct dhcp_sockets {
	struct dhcp_socket *v; /* owned */
	size_t n;
	int r;
};

static void dhcp_sockets_done(struct dhcp_sockets *sockets)
{
	free(sockets->v);
}

static void add(struct dhcp_sockets *sockets, struct dhcp_socket socket)
{
	if (sockets->r == 0)
		sockets->r = APPEND(sockets->v, sockets->n, socket);
}

/* sl local remote state queues timer retransmits uid timeout inode …: memory in hexadecimal */
static void read_port(char *columns[static COLUMNS], enum family family, struct dhcp_sockets *ret)
{
	struct dhcp_socket socket = { .socket.inode = strtoul(columns[9], NULL, 10),
				      .is_port = true };
	const char *port = strchr(columns[1], ':');

	if (!port || strtoul(port + 1, NULL, 16) != (family == IPV4 ? 68 : 546))
		return;
	if (family == IPV4) {
		socket.local.in.s_addr = (in_addr_t)strtoul(columns[1], NULL, 16);
		socket.local.family = socket.local.in.s_addr ? AF_INET : AF_UNSPEC;
	}
	add(ret, socket);
}

/* sk references type protocol interface running memory uid inode */
static void read_packet(char *columns[static COLUMNS], enum family family, struct dhcp_sockets *ret)
{
	struct dhcp_socket socket = { .socket.inode = strtoul(columns[8], NULL, 10),
				      .ifindex = strtoul(columns[4], NULL, 10) };
	unsigned long protocol = strtoul(columns[3], NULL, 16);

	(void)family;
	if (protocol == ETH_P_ALL || protocol == ETH_P_IP)
		add(ret, socket);
}

static void read_list(const char *root, const char *name, enum family family,
		      void (*read_line)(char * [static COLUMNS], enum family,
					struct dhcp_sockets *),
		      struct dhcp_sockets *ret)
{
	_cleanup_(fclosep) FILE *f = NULL;
	char path[PATH_MAX], line[512];

	snprintf(path, sizeof(path), "%s/proc/net/%s", root, name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *columns[COLUMNS], *rest = line, *column;
		size_t n = 0;

		while (n < COLUMNS && (column = parse_item(&rest, " \n")))
			columns[n++] = column;
		while (n < COLUMNS)
			columns[n++] = "";
		read_line(columns, family, ret);
	}
}

static int find_sockets(const char *root, struct dhcp_sockets *ret)
{
	_cleanup_(freep) struct process_socket *wanted = NULL;

	read_list(root, "udp", IPV4, read_port, ret);
	read_list(root, "udp6", IPV6, read_port, ret);
	read_list(root, "packet", IPV4, read_packet, ret);
	wanted = calloc(ret->n + 1, sizeof(*wanted));
	if (ret->r < 0 || !wanted)
		return -ENOMEM;
	for (size_t i = 0; i < ret->n; i++)
		wanted[i] = ret->v[i].socket;
	processes_find_owners(root, wanted, ret->n);
	for (size_t i = 0; i < ret->n; i++)
		ret->v[i].socket = wanted[i];
	return 0;
}

/* A client by its port, or one that is known by its name. */
static bool is_client(const struct dhcp_socket *socket)
{
	const char *name = socket->socket.owner.name;

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		if (strcmp(name, clients[i]) == 0)
			return true;
	return socket->is_port && socket->socket.owner.pid > 0 && strcmp(name, NETWORKD) != 0;
}

/* What tells that the process asks on that link: its sockets, or its arguments. */
static bool asks_on(const struct patient *patient, const struct dhcp_sockets *sockets, pid_t pid,
		    const struct link_fact *link, const char *interface)
{
	for (size_t i = 0; i < sockets->n; i++) {
		const struct dhcp_socket *socket = &sockets->v[i];

		if (socket->socket.owner.pid != pid)
			continue;
		if (socket->ifindex > 0 && socket->ifindex == link->link.index)
			return true;
		if (socket->local.family && link_has_address(link, socket->local))
			return true;
	}
	return process_has_argument(patient->root, pid, interface);
}

static bool is_first_of_process(const struct dhcp_sockets *sockets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_client(&sockets->v[i]) &&
		    sockets->v[i].socket.owner.pid == sockets->v[n].socket.owner.pid)
			return false;
	return true;
}

static void look_at_client(const struct patient *patient, const struct dhcp_sockets *sockets,
			   const struct process *client)
{
	const struct facts *facts = &patient->site->facts;

	for (size_t i = 0; i <= facts->n_wans; i++) {
		const struct wan_conf *wan = i < facts->n_wans ? &patient->config->wans[i] : NULL;
		const struct link_fact *link = wan ? &facts->wans[i].link : &facts->lan;
		const char *name = wan ? wan->interface : patient->config->lan.interface;

		if (!link->link.index || !asks_on(patient, sockets, client->pid, link, name) ||
		    (patient->networkd && !networkd_has(patient, name)))
			continue;
		diagnosis_wrong(wan ? about_wan(patient->diagnosis, i, N_FAMILIES)
				    : about_lan(patient->diagnosis),
				"dhcp-second-client",
				"%s: %s (PID %d) asks for leases on %s beside systemd-networkd: "
				"addresses and gateways change hands between them\n"
				"take %s out of its configuration (ifupdown: "
				"/etc/network/interfaces; dhcpcd: `denyinterfaces %s` in "
				"/etc/dhcpcd.conf), then `kill %d`",
				wan ? wan->name : "LAN", client->name, client->pid, name, name,
				name, client->pid);
	}
}

int doctor_dhcp(struct patient *patient, struct fault *fault)
{
	_cleanup_(dhcp_sockets_done) struct dhcp_sockets sockets = {};

	if (geteuid() != 0)
		return fault_set(fault, -EPERM, "only root can see whose sockets there are");
	if (find_sockets(patient->root, &sockets) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < sockets.n; i++)
		if (is_client(&sockets.v[i]) && is_first_of_process(&sockets, i))
			look_at_client(patient, &sockets, &sockets.v[i].socket.owner);
	diagnosis_good(patient->diagnosis, "nobody but systemd-networkd asks for leases");
	return 0;
}
