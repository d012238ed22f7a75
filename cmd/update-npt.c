/*
 * update-npt: finds each WAN's delegated IPv6 prefix and brings translation,
 * edge addresses and what hangs on them into the kernel.
 */
#include "update.h"

#include <errno.h>

static const struct cli_program program = {
	.name = "update-npt",
	.usage = "[INTERFACE [PREFIX]]",
	.summary = "Brings IPv6 prefix translation to each WAN's delegated prefix, or to PREFIX.",
	.changes = true,
	.max_arguments = 2,
};

/* The arguments, checked against the site. */
static int parse_request(const struct cli *cli, const struct config *config,
			 struct reconcile *request, struct fault *fault)
{
	const char *interface = cli->n_arguments > 0 ? cli->arguments[0] : NULL;
	const char *prefix = cli->n_arguments > 1 ? cli->arguments[1] : NULL;
	_cleanup_(npt_state_done) struct npt_state kept = {};
	int r;

	request->npt.ask = true;
	if (!interface)
		return 0;
	request->npt.only = config_wan_by_interface(config, interface);
	if (!request->npt.only)
		return fault_set(fault, -EINVAL,
				 "update-npt: \"%s\" is not the interface of a WAN in %s",
				 interface, config->path);
	if (!prefix)
		return 0;
	if (request->npt.only->masquerade6 || request->npt.only->gateway_mode[IPV6] == GATEWAY_NONE)
		return fault_set(fault, -EINVAL,
				 "update-npt: %s has no NPT in %s: a prefix is of no use",
				 interface, config->path);
	if (prefix_parse(prefix, AF_INET6, &request->npt.prefix) < 0)
		return fault_set(fault, -EINVAL,
				 "update-npt: \"%s\" is not an IPv6 prefix like 2001:db8:a::/60",
				 prefix);
	r = npt_check(config, interface, request->npt.prefix, fault);
	if (r == 0)
		r = npt_state_read(config, &kept, fault);
	if (r == 0)
		r = npt_check_others(config, &kept, request->npt.only - config->wans,
				     request->npt.prefix, fault);
	return r;
}

int main(int argc, char **argv)
{
	return update_main(&program, parse_request, argc, argv);
}
