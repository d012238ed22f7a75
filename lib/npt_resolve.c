#include "npt_resolve.h"

#include <errno.h>
#include <string.h>

struct delegation_word npt_in_use(const struct npt_state *npt, size_t wan)
{
	if (npt->delegated[wan].len == 0)
		return (struct delegation_word){ .said = DELEGATION_NONE };
	return (struct delegation_word){ DELEGATION_FOUND, npt->delegated[wan],
					 npt->until_us[wan] };
}

static struct delegation_word ask(const struct config *config, struct networkd *networkd,
				  size_t wan, const struct npt_state *npt)
{
	unsigned ifindex = if_nametoindex(config->wans[wan].interface);

	/* Of a link that is not there, what it had last time still stands. */
	return ifindex ? networkd_delegation(networkd, ifindex, npt_in_use(npt, wan),
					     config->lan.prefix6.len)
		       : (struct delegation_word){};
}

static void use(struct npt_state *npt, size_t wan, struct prefix prefix, uint64_t until_us)
{
	npt->delegated[wan] = prefix;
	npt->until_us[wan] = until_us;
}

static void heed(struct delegation_word word, struct npt_state *npt, size_t wan)
{
	switch (word.said) {
	case DELEGATION_UNKNOWN:
		break;
	case DELEGATION_NONE:
		use(npt, wan, (struct prefix){}, 0);
		break;
	case DELEGATION_FOUND:
		use(npt, wan, word.prefix, word.until_us);
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

	if (!networkd || npt_state_new(config->n_wans, &npt) < 0)
		return -ENOMEM;

	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_conf *wan = &config->wans[i];

		if (config->lan.prefix6.len == 0 || wan->masquerade6 ||
		    wan->gateway_mode[IPV6] == GATEWAY_NONE)
			continue;
		if (wan->fixed6)
			use(&npt, i, wan->prefix6, UINT64_MAX);
		else
			use(&npt, i, kept->delegated[i], kept->until_us[i]);
		if (request->heard && !wan->fixed6)
			heed(request->heard[i], &npt, i);
		if (!request->ask || (request->only && request->only != wan))
			continue;
		if (request->prefix.len > 0)
			use(&npt, i, request->prefix, UINT64_MAX);
		else if (!wan->fixed6)
			heed(ask(config, networkd, i, &npt), &npt, i);
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
