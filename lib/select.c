#include "select.h"

#include <errno.h>
#include <string.h>

static bool translates(const struct config *config, const struct facts *facts,
		       const struct npt_state *npt, enum family family, size_t wan)
{
	const struct link_fact *link = &facts->wans[wan].link;

	/* Masquerade needs an address to hide behind; a map brings its own. */
	if (family == IPV4)
		return !config->wans[wan].masquerade4 || link_has_family(link, AF_INET);
	if (npt_masquerades(config, npt, wan))
		return link_has_family(link, AF_INET6);
	return npt_active(config, npt, wan);
}

static bool usable(const struct config *config, const struct facts *facts,
		   const struct npt_state *npt, enum family family, size_t wan)
{
	const struct wan_facts *fact = &facts->wans[wan];

	return config->wans[wan].gateway_mode[family] != GATEWAY_NONE && fact->link.up &&
	       fact->link.carrier && fact->gateway[family].present &&
	       translates(config, facts, npt, family, wan);
}

static const struct wan_conf *best_of(const struct config *config, const bool *eligible)
{
	const struct wan_conf *best = NULL;

	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_conf *wan = &config->wans[i];

		if (eligible[i] && (!best || wan->tier < best->tier ||
				    (wan->tier == best->tier && wan->weight > best->weight)))
			best = wan;
	}
	return best;
}

/* Gives the slots from first on, count of them, to WAN `wan`; joins what touches. */
static int give(struct selection *s, const struct config *config, unsigned first, unsigned count,
		size_t wan)
{
	struct slot_range *last = s->n_ranges ? &s->ranges[s->n_ranges - 1] : NULL;
	struct slot_range *v;

	if (count == 0)
		return 0;
	s->slots[wan] += count;
	if (last && last->mark == config->wans[wan].mark) {
		last->last += count;
		return 0;
	}

	v = reallocarray(s->ranges, s->n_ranges + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	s->ranges = v;
	v[s->n_ranges++] = (struct slot_range){ first, first + count - 1, config->wans[wan].mark };
	return 0;
}

/* Deals count slots from first on among the WANs of `takes`, by weight. */
static int deal(struct selection *s, const struct config *config, unsigned first, unsigned count,
		const bool *takes)
{
	uint64_t total = 0, sum = 0;
	unsigned done = 0;
	int r = 0;

	for (size_t i = 0; i < config->n_wans; i++)
		total += takes[i] ? config->wans[i].weight : 0;

	for (size_t i = 0; i < config->n_wans && r == 0; i++) {
		if (!takes[i])
			continue;
		sum += config->wans[i].weight;
		/* Rounding the running sum keeps each share within one slot of exact. */
		unsigned until = (count * sum + total / 2) / total;

		r = give(s, config, first + done, until - done, i);
		done = until;
	}
	return r;
}

static int make_ranges(struct selection *s, const struct config *config, const bool *wanted)
{
	_cleanup_(freep) bool *carries = calloc(config->n_wans, sizeof(bool));
	uint64_t total = 0, sum = 0;
	unsigned done = 0;
	int r = 0;

	if (!carries)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_wans; i++) {
		bool member = config->wans[i].tier == s->best->tier && (!wanted || wanted[i]);

		carries[i] = member && s->eligible[i];
		total += member ? config->wans[i].weight : 0;
	}

	for (size_t i = 0; i < config->n_wans && r == 0; i++) {
		if (config->wans[i].tier != s->best->tier || (wanted && !wanted[i]))
			continue;
		sum += config->wans[i].weight;
		unsigned until = (SLOTS * sum + total / 2) / total;

		if (carries[i])
			r = give(s, config, done, until - done, i);
		else
			r = deal(s, config, done, until - done, carries);
		done = until;
	}
	return r;
}

int selection_make(const struct config *config, const struct facts *facts,
		   const struct npt_state *npt, const struct verdicts *verdicts, enum family family,
		   const bool *wanted, struct selection *ret)
{
	_cleanup_(selection_done) struct selection s = {};
	size_t n_eligible = 0;
	int r;

	s.usable = calloc(config->n_wans, sizeof(*s.usable));
	s.eligible = calloc(config->n_wans, sizeof(*s.eligible));
	s.slots = calloc(config->n_wans, sizeof(*s.slots));
	if (!s.usable || !s.eligible || !s.slots)
		return -ENOMEM;

	for (size_t i = 0; i < config->n_wans; i++) {
		s.usable[i] = usable(config, facts, npt, family, i);
		s.eligible[i] = s.usable[i] && verdicts->v[i][family] != VERDICT_DOWN;
		n_eligible += s.eligible[i];
	}
	/* The last resort is for the family as a whole, whoever takes part. */
	for (size_t i = 0; i < config->n_wans; i++) {
		if (n_eligible == 0 && !config->all_down_unreachable)
			s.eligible[i] = s.usable[i];
		if (wanted && !wanted[i])
			s.eligible[i] = false;
	}

	s.best = best_of(config, s.eligible);
	if (s.best) {
		r = make_ranges(&s, config, wanted);
		if (r < 0)
			return r;
	}

	*ret = TAKE(s);
	return 0;
}

void selection_done(struct selection *s)
{
	free(s->usable);
	free(s->eligible);
	free(s->slots);
	free(s->ranges);
	*s = (struct selection){};
}
