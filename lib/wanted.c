#include "wanted.h"

#include <errno.h>

static int select_unmapped4(const struct config *config, const struct facts *facts,
			    const struct npt_state *npt, const struct verdicts *verdicts,
			    struct selection *ret)
{
	_cleanup_(freep) bool *masquerades = calloc(config->n_wans, sizeof(bool));

	if (!masquerades)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_wans; i++)
		masquerades[i] = config->wans[i].masquerade4;
	return selection_make(config, facts, npt, verdicts, IPV4, masquerades, ret);
}

int wanted_make(const struct config *config, const struct facts *facts, const struct npt_state *npt,
		const struct verdicts *verdicts, struct wanted *ret)
{
	_cleanup_(wanted_done) struct wanted wanted = {};
	int r = 0;

	for (enum family family = 0; family < N_FAMILIES && r == 0; family++)
		r = selection_make(config, facts, npt, verdicts, family, NULL,
				   &wanted.selections[family]);
	if (r == 0)
		r = select_unmapped4(config, facts, npt, verdicts, &wanted.unmapped4);
	if (r == 0)
		r = desired_net(config, facts, npt, wanted.selections, &wanted.objects);
	if (r == 0)
		r = desired_nft(config, facts, npt, wanted.selections, &wanted.unmapped4,
				&wanted.texts);
	if (r < 0)
		return r;

	*ret = TAKE(wanted);
	return 0;
}

void wanted_done(struct wanted *wanted)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		selection_done(&wanted->selections[family]);
	selection_done(&wanted->unmapped4);
	object_set_done(&wanted->objects);
	nft_texts_done(&wanted->texts);
}
