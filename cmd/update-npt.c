// SPDX-License-Identifier: GPL-2.0-or-later
// update-npt: brings translation and routing to each WAN's delegated IPv6 prefix.
// It is a run like that of update-routes, after the arguments or networkd have named prefixes.

#include "base/privileges.h"
#include "kernel/netlink.h"
#include "reconcile/prefix_store.h"
#include "reconcile/update.h"

#include <errno.h>

/* By any name of its link: its own, or an alternative one. */
static const struct wan_conf *find_wan(const struct config *config, const char *interface)
{
	const struct wan_conf *wan = config_wan_by_interface(config, interface);
	unsigned index = netlink_link_index(interface);

	for (size_t i = 0; i < config->n_wans && !wan && index; i++)
		if (netlink_link_index(config->wans[i].written) == index)
			wan = &config->wans[i];
	return wan;
}

/* Reads the arguments and checks them against the site. */
static int parse_request(const struct cli *cli, const struct config *config,
			 struct reconcile *request, struct fault *fault)
{
	const char *interface = cli->n_arguments > 0 ? cli->arguments[0] : NULL;
	const char *prefix = cli->n_arguments > 1 ? cli->arguments[1] : NULL;
	_cleanup_(npt_state_done) struct npt_state kept = {};
	struct npt_advice advice;
	struct fault why = {};
	size_t wan;
	int r;

	if (!interface)
		return 0;
	request->prefixes.only = find_wan(config, interface);
	if (!request->prefixes.only)
		return fault_set(fault, -EINVAL,
				 "update-npt: \"%s\" is not the interface of a WAN in %s",
				 interface, config->path);
	if (!prefix)
		return 0;
	if (request->prefixes.only->masquerade6 ||
	    request->prefixes.only->gateway_mode[IPV6] == GATEWAY_NONE)
		return fault_set(fault, -EINVAL,
				 "update-npt: %s has no NPT in %s: a prefix is of no use",
				 interface, config->path);
	if (prefix_parse(prefix, AF_INET6, &request->prefixes.prefix) < 0)
		return fault_set(fault, -EINVAL,
				 "update-npt: \"%s\" is not an IPv6 prefix like 2001:db8:a::/60",
				 prefix);
	r = prefixes_read(config, &kept, fault);
	if (r < 0)
		return r;
	wan = request->prefixes.only - config->wans;
	r = npt_check(config, wan, request->prefixes.prefix, &why);
	if (r == 0)
		r = npt_check_others(config, &kept, wan, request->prefixes.prefix, &why);
	if (r == 0)
		return 0;
	fault_set(fault, r, "%s: %s", request->prefixes.only->name, why.text);
	advice = npt_advise(config, wan, request->prefixes.prefix);
	return *advice.s ? fault_fix(fault, r, "%s", advice.s) : r;
}

static int run(const struct cli *cli, struct fault *fault)
{
	return update_run(cli, parse_request, fault);
}

static uint64_t privileges(const struct cli *cli)
{
	return PRIVILEGES_NETWORK;
}

static const struct cli_program program = {
	.name = "update-npt",
	.usage = "[INTERFACE [PREFIX]]",
	.summary = "Brings IPv6 prefix translation to each WAN's delegated prefix, or to PREFIX.",
	.changes = true,
	.max_arguments = 2,
	.privileges = privileges,
	.run = run,
};

int main(int argc, char **argv)
{
	return cli_main(&program, argc, argv);
}
