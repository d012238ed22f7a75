#include "once.h"

#include "cycles.h"

#include <errno.h>
#include <string.h>

/* What the cycle needs; each is freed in the end. */
struct once {
	sd_event *event;
	struct cycles *cycles;
	struct wan_health *health;
};

static void once_done(struct once *once)
{
	cycles_free(once->cycles);
	sd_event_unref(once->event);
	free(once->health);
}

static void on_changed(size_t wan, enum family family, enum verdict old, void *arg)
{
}

static void on_over(void *arg)
{
}

static bool is_over(const struct config *config, const struct wan_health *health)
{
	for (size_t i = 0; i < config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (health[i].probes[family] &&
			    health[i].state[family].failures + health[i].state[family].successes ==
				    0)
				return false;
	return true;
}

static int run_cycle(const struct config *config, const struct outcome *outcome, struct once *once,
		     struct fault *fault)
{
	static const struct cycles_handlers handlers = { on_changed, on_over };
	const struct report nothing = {};
	int r;

	r = sd_event_default(&once->event);
	if (r >= 0)
		r = cycles_new(once->event, config, &nothing, &handlers, NULL, &once->cycles,
			       fault);
	if (r < 0)
		return r;
	cycles_set_paths(once->cycles, &outcome->facts, &outcome->npt, false);
	cycles_start(once->cycles);
	while (r >= 0 && !is_over(config, cycles_health(once->cycles)))
		r = sd_event_run(once->event, UINT64_MAX);
	return r < 0 ? fault_set(fault, r, "the event loop: %s", strerror(-r)) : 0;
}

/* One cycle is all there is: a failed one is down. */
static int judge(const struct config *config, struct once *once)
{
	once->health = calloc(config->n_wans, sizeof(*once->health));
	if (!once->health)
		return -ENOMEM;
	memcpy(once->health, cycles_health(once->cycles), config->n_wans * sizeof(*once->health));
	for (size_t i = 0; i < config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (once->health[i].state[family].failures > 0)
				once->health[i].state[family].state = VERDICT_DOWN;
	return 0;
}

int probe_outcome(const struct config *config, const struct outcome *outcome, struct report *ret,
		  struct fault *fault)
{
	_cleanup_(once_done) struct once once = {};
	int r;

	r = run_cycle(config, outcome, &once, fault);
	if (r >= 0)
		r = judge(config, &once);
	if (r < 0)
		return r;
	return report_make(config, &outcome->facts, &outcome->npt, outcome->selections, once.health,
			   clock_us(CLOCK_REALTIME), ret);
}

int probe_once(const struct config *config, struct report *ret, struct fault *fault)
{
	const struct reconcile request = { .mode = RECONCILE_LOOK };
	_cleanup_(kernel_close) struct kernel kernel = {};
	_cleanup_(outcome_done) struct outcome outcome = {};
	int r;

	r = reconcile(config, &request, &kernel, &outcome, fault);
	return r < 0 ? r : probe_outcome(config, &outcome, ret, fault);
}

bool report_is_all_up(const struct report *report)
{
	for (size_t i = 0; i < report->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (report->wans[i].family[family].present &&
			    report->wans[i].family[family].health.state == VERDICT_DOWN)
				return false;
	return true;
}
