#include "npt_resolve.h"

#include <errno.h>
#include <string.h>

static struct delegation_word ask(const struct config *config, struct networkd *networkd,
				  size_t wan, struct prefix kept)
{
	unsigned ifindex = if_nametoindex(config->wans[wan].interface);

	/* Of a link that is not there, what it had last time still stands. */
	return ifindex ? networkd_delegation(networkd, ifindex, kept, config->lan.prefix6.len)
		       : (struct delegation_word){};
}

static void heed(struct delegation_word word, struct prefix *delegated)
{
	switch (word.said) {
	case DELEGATION_UNKNOWN:
		break;
	case DELEGATION_NONE:
		*delegated = (struct prefix){};
		break;
	case DELEGATION_FOUND:
		*delegated = word.prefix;
		break;
	}
}

static bool is_usable(const struct config *config, const struct npt_state *npt, size_t wan,
		      bool same, struct fault *bad)
{
	struct prefix delegated = npt->delegated[wan];

	return delegated.len == 0 ||
	       (npt_check(config, config->wans[wan].name, delegated, bad) == 0 &&
		(same || npt_check_others(config, npt, wan, delegated, bad) == 0));
}

int npt_resolve(const struct config *config, const struct npt_request *request,
		const struct npt_state *kept, struct npt_state *ret, struct fault *bad)
{
	_cleanup_(networkd_closep) struct networkd *networkd = networkd_open();
	_cleanup_(npt_state_done) struct npt_state npt = {};

	npt.delegated = calloc(config->n_wans, sizeof(*npt.delegated));
	npt.refused = calloc(config->n_wans, sizeof(*npt.refused));
	if (!npt.delegated || !npt.refused || !networkd)
		return -ENOMEM;

	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_conf *wan = &config->wans[i];

		if (config->lan.prefix6.len == 0 || wan->masquerade6 ||
		    wan->gateway_mode[IPV6] == GATEWAY_NONE)
			continue;
		npt.delegated[i] = wan->fixed6 ? wan->prefix6 : kept->delegated[i];
		if (request->heard && !wan->fixed6)
			heed(request->heard[i], &npt.delegated[i]);
		if (!request->ask || (request->only && request->only != wan))
			continue;
		if (request->prefix.len > 0)
			npt.delegated[i] = request->prefix;
		else if (!wan->fixed6)
			heed(ask(config, networkd, i, npt.delegated[i]), &npt.delegated[i]);
	}
	/* Who had a prefix keeps it; who comes with the same one is refused. */
	for (size_t i = 0; i < config->n_wans; i++) {
		bool same = prefix_cmp(npt.delegated[i], kept->delegated[i]) == 0;

		if (is_usable(config, &npt, i, same, bad))
			continue;
		npt.refused[i] = npt.delegated[i];
		npt.delegated[i] = (struct prefix){};
	}

	*ret = TAKE(npt);
	return 0;
}
