// SPDX-License-Identifier: GPL-2.0-or-later
// Which prefix each WAN has now.
// Takes the given one, the fixed one, a live delegation, or the one last used; then checks it.

#include "reconcile/prefixes.h"

#include "kernel/netlink.h"

#include <errno.h>

static void use(struct npt_state *npt, size_t wan, struct prefix prefix, uint64_t until_us)
{
	npt->delegated[wan] = prefix;
	npt->lost[wan] = (struct prefix){};
	npt->until_us[wan] = until_us;
}

/* It may come back before its lifetime ends. */
static void lose(struct npt_state *npt, size_t wan)
{
	if (npt->delegated[wan].len > 0 && npt->until_us[wan] < UINT64_MAX)
		npt->lost[wan] = npt->delegated[wan];
	npt->delegated[wan] = (struct prefix){};
}

static struct delegation in_use(const struct npt_state *npt, size_t wan)
{
	if (npt->delegated[wan].len == 0)
		return (struct delegation){ .state = DELEGATION_NONE };
	return (struct delegation){ DELEGATION_FOUND, npt->delegated[wan], npt->until_us[wan] };
}

/* What the first source that knows says of the WAN. */
static struct delegation ask(const struct config *config, const struct prefix_request *request,
			     size_t wan, const struct npt_state *npt)
{
	unsigned ifindex = netlink_link_index(config->wans[wan].written);
	struct delegation answer = {};

	/* For a link that is not there, the last prefix still stands. */
	for (size_t i = 0; ifindex && i < request->n_sources; i++) {
		const struct prefix_source *source = &request->sources[i];

		answer = source->find(source->client, ifindex, in_use(npt, wan),
				      config_longest6(config, wan));
		if (answer.state != DELEGATION_UNKNOWN)
			break;
	}
	return answer;
}

static void use_live(const struct config *config, const struct prefix_request *request, size_t wan,
		     struct npt_state *npt)
{
	struct delegation live = ask(config, request, wan, npt);

	if (live.state == DELEGATION_NONE && live.awaited)
		lose(npt, wan);
	else if (live.state == DELEGATION_NONE)
		use(npt, wan, (struct prefix){}, 0);
	else if (live.state == DELEGATION_FOUND)
		use(npt, wan, live.prefix, live.until_us);
}

static bool is_usable(const struct config *config, const struct npt_state *npt, size_t wan,
		      bool same, struct fault *bad)
{
	struct prefix delegated = npt->delegated[wan];
	struct npt_advice advice;
	struct fault why = {};

	if (delegated.len == 0 ||
	    (npt_check(config, wan, delegated, &why) == 0 &&
	     (same || npt_check_others(config, npt, wan, delegated, &why) == 0)))
		return true;
	if (bad->text[0])
		return false; /* the first is told */
	fault_set(bad, -EINVAL, "%s: %s", config->wans[wan].name, why.text);
	advice = npt_advise(config, wan, delegated);
	if (*advice.s)
		fault_fix(bad, -EINVAL, "%s", advice.s);
	return false;
}

/* The prefix of the last run, or another one by who knows better, and not past its end. */
static void use_delegated(const struct config *config, const struct prefix_request *request,
			  size_t wan, const struct npt_state *kept, uint64_t now_us,
			  struct npt_state *npt)
{
	bool asked = !request->only || request->only == &config->wans[wan];
	bool ended =
		kept->delegated[wan].len > 0 && kept->until_us[wan] <= now_us + PREFIX_EARLY_US;

	use(npt, wan, kept->delegated[wan], kept->until_us[wan]);
	npt->lost[wan] = kept->lost[wan];
	if (asked && (ended || !request->ended))
		use_live(config, request, wan, npt);
	if (npt->until_us[wan] <= now_us + PREFIX_EARLY_US)
		use(npt, wan, (struct prefix){}, 0);
}

/* What another WAN has is its own, and of two that have lost the same, it is the first's. */
static bool is_anothers(const struct config *config, const struct npt_state *npt, size_t wan)
{
	for (size_t i = 0; npt->lost[wan].len > 0 && i < config->n_wans; i++)
		if ((npt->delegated[i].len > 0 &&
		     prefix_overlaps(npt->delegated[i], npt->lost[wan])) ||
		    (i < wan && npt->lost[i].len > 0 &&
		     prefix_overlaps(npt->lost[i], npt->lost[wan])))
			return true;
	return false;
}

/* The WAN that had a prefix keeps it; another one that comes with the same is refused. */
static void refuse_unusable(const struct config *config, const struct npt_state *kept,
			    struct npt_state *npt, struct fault *bad)
{
	for (size_t i = 0; i < config->n_wans; i++) {
		bool same = prefix_cmp(npt->delegated[i], kept->delegated[i]) == 0;

		if (is_usable(config, npt, i, same, bad))
			continue;
		npt->refused[i] = npt->delegated[i];
		npt->delegated[i] = (struct prefix){};
	}
}

int prefixes_resolve(const struct config *config, const struct prefix_request *request,
		     const struct npt_state *kept, uint64_t now_us, struct npt_state *ret,
		     struct fault *bad)
{
	struct npt_state npt;

	if (npt_state_new(config->n_wans, &npt) < 0)
		return -ENOMEM;

	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_conf *wan = &config->wans[i];

		if (!config_has_family(config, i, IPV6) || wan->masquerade6)
			continue;
		/* Whoever gives one by hand knows for how long. */
		if (request->only == wan && request->prefix.len > 0)
			use(&npt, i, request->prefix, UINT64_MAX);
		else if (wan->fixed6)
			use(&npt, i, wan->prefix6, UINT64_MAX);
		else
			use_delegated(config, request, i, kept, now_us, &npt);
	}
	refuse_unusable(config, kept, &npt, bad);
	for (size_t i = 0; i < config->n_wans; i++)
		if (is_anothers(config, &npt, i))
			npt.lost[i] = (struct prefix){};

	*ret = npt;
	return 0;
}
