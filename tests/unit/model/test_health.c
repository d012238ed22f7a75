// SPDX-License-Identifier: GPL-2.0-or-later
// Verdicts and windows, by table and by random sequences.
// Compares with models that are too simple to be wrong.

#include "model/health.h"
#include "suite.h"

#include <string.h>

#define SEED 20261122
#define SEQUENCES 10000

/* Verdicts */

/* Cycles and what they lead to, letter by letter: g good, b bad; ? unknown, U up, D down. */
static const struct {
	unsigned failure_threshold, recovery_threshold;
	const char *cycles, *states;
} stories[] = {
	{ 3, 5, "g", "U" }, /* nothing has to recover */
	{ 3, 5, "bb", "??" },
	{ 3, 5, "bbb", "??D" }, /* dead from the start */
	{ 3, 5, "bbg", "??U" },
	{ 3, 5, "gbbgbbgbbb", "UUUUUUUUUD" }, /* only in a row */
	{ 3, 5, "bbbggggg", "??DDDDDU" },
	{ 3, 5, "bbbggggbggggg", "??DDDDDDDDDDU" },
	{ 3, 5, "bbbgggggbb", "??DDDDDUUU" },
	{ 1, 1, "gbgbg", "UDUDU" },
	{ 1, 1, "b", "D" },
	{ 1, 3, "gbggbggg", "UDDDDDDU" },
	{ 4, 1, "bbbbg", "???DU" },
};

START_TEST(verdicts_follow_the_cycles)
{
	static const char letters[] = {
		[VERDICT_UNKNOWN] = '?',
		[VERDICT_UP] = 'U',
		[VERDICT_DOWN] = 'D',
	};
	struct health_conf conf = {
		.failure_threshold = stories[_i].failure_threshold,
		.recovery_threshold = stories[_i].recovery_threshold,
	};
	struct health_state health = {};

	for (size_t i = 0; stories[_i].cycles[i]; i++) {
		health_step(&health, stories[_i].cycles[i] == 'g', &conf, i);
		ck_assert_msg(letters[health.state] == stories[_i].states[i],
			      "%s: cycle %zu leads to %c, not %c", stories[_i].cycles, i,
			      letters[health.state], stories[_i].states[i]);
	}
}
END_TEST

START_TEST(a_change_is_told_once_with_its_time)
{
	struct health_conf conf = { .failure_threshold = 2, .recovery_threshold = 2 };
	struct health_state health = {};

	ck_assert(health_step(&health, true, &conf, 100));
	ck_assert(!health_step(&health, true, &conf, 101));
	ck_assert(!health_step(&health, false, &conf, 102));
	ck_assert_uint_eq(health.since, 100);
	ck_assert(health_step(&health, false, &conf, 103));
	ck_assert(!health_step(&health, false, &conf, 104));
	ck_assert_uint_eq(health.since, 103);
	ck_assert_uint_eq(health.transitions, 2);
	ck_assert_uint_eq(health.failures, 3);
	ck_assert_uint_eq(health.successes, 0);
}
END_TEST

START_TEST(counts_stop_at_their_end)
{
	struct health_conf conf = { .failure_threshold = 2, .recovery_threshold = 2 };
	struct health_state health = { .state = VERDICT_DOWN, .failures = -1U, .transitions = -1U };

	ck_assert(!health_step(&health, false, &conf, 1));
	ck_assert_uint_eq(health.failures, -1U);
	health_step(&health, true, &conf, 2);
	ck_assert(health_step(&health, true, &conf, 3));
	ck_assert_uint_eq(health.transitions, -1U);
}
END_TEST

/* True when the last n of all cycles so far are alike. */
static bool all_of_last(const bool *cycles, size_t so_far, size_t n, bool good)
{
	if (so_far < n)
		return false;
	for (size_t i = so_far - n; i < so_far; i++)
		if (cycles[i] != good)
			return false;
	return true;
}

START_TEST(any_sequence_of_cycles_leads_where_the_model_says)
{
	srandom(SEED);
	for (int sequence = 0; sequence < SEQUENCES; sequence++) {
		struct health_conf conf = {
			.failure_threshold = 1 + random() % 6,
			.recovery_threshold = 1 + random() % 6,
		};
		enum verdict model = VERDICT_UNKNOWN, before;
		unsigned changes = 0, goodness = random() % 101;
		struct health_state health = {};
		uint64_t since = 0;
		bool cycles[80];

		for (size_t i = 0; i < ARRAY_SIZE(cycles); i++) {
			cycles[i] = random() % 100 < goodness;
			before = model;
			if (all_of_last(cycles, i + 1, conf.failure_threshold, false))
				model = VERDICT_DOWN;
			if (model == VERDICT_DOWN &&
			    all_of_last(cycles, i + 1, conf.recovery_threshold, true))
				model = VERDICT_UP;
			if (model == VERDICT_UNKNOWN && cycles[i])
				model = VERDICT_UP;
			changes += model != before;
			since = model != before ? 1000 + i : since;

			bool changed = health_step(&health, cycles[i], &conf, 1000 + i);

			ck_assert_msg(health.state == model && changed == (model != before) &&
					      health.transitions == changes &&
					      health.since == since,
				      "seed %d, sequence %d, cycle %zu: %s, not %s", SEED, sequence,
				      i, verdict_name(health.state), verdict_name(model));
		}
	}
}
END_TEST

/* Windows */

static struct health_window window_of(const char *probes, uint32_t rtt_us)
{
	struct health_window window = {};

	for (; *probes; probes++)
		health_window_add(&window, *probes == '.', rtt_us);
	return window;
}

START_TEST(an_empty_window_has_neither_loss_nor_rtt)
{
	struct health_window window = {};

	ck_assert_double_eq(health_window_loss(&window), 0);
	ck_assert_double_eq(health_window_rtt(&window), 0);
	window = window_of("xxx", 7);
	ck_assert_double_eq(health_window_loss(&window), 1);
	ck_assert_double_eq(health_window_rtt(&window), 0);
}
END_TEST

START_TEST(the_latest_probe_comes_first)
{
	struct health_window window = {};

	for (uint32_t i = 1; i <= 25; i++)
		health_window_add(&window, i != 24, i);
	ck_assert_uint_eq(window.n, HEALTH_WINDOW);
	ck_assert_uint_eq(window.lost, 1U << 1);
	for (uint32_t i = 0; i < HEALTH_WINDOW; i++)
		ck_assert_uint_eq(window.rtt_us[i], 25 - i);
}
END_TEST

/* Twenty probes, of which the last ones were lost. */
static const struct {
	unsigned n, lost;
	int max_loss;
	uint32_t rtt_us;
	uint64_t max_rtt_us;
	bool passes;
} judgements[] = {
	{ 20, 20, -1, 1, 0, true }, /* not judged */
	{ 20, 4, 20, 1, 0, true },
	{ 20, 5, 20, 1, 0, false },
	{ 19, 19, 20, 1, 0, true }, /* not full */
	{ 20, 1, 4, 1, 0, false },
	{ 20, 20, 100, 1, 0, true },
	{ 20, 11, 55, 1, 0, true }, /* 0.55 * 100 > 55 in doubles */
	{ 20, 0, -1, 800000, 800000, true },
	{ 20, 0, -1, 800001, 800000, false },
	{ 19, 0, -1, 800001, 800000, true },
	{ 20, 19, -1, 800001, 800000, false }, /* the one that was answered */
	{ 20, 20, -1, 0, 800000, true },
	{ 20, 4, 20, 900, 800, false },
};

START_TEST(a_full_window_is_judged)
{
	struct health_conf conf = { .max_loss = judgements[_i].max_loss,
				    .max_rtt_us = judgements[_i].max_rtt_us };
	struct health_window window = {};

	for (unsigned i = 0; i < judgements[_i].n; i++)
		health_window_add(&window, i >= judgements[_i].lost, judgements[_i].rtt_us);
	ck_assert_msg(health_window_passes(&window, &conf) == judgements[_i].passes, "row %d", _i);
}
END_TEST

START_TEST(any_window_is_what_the_model_says)
{
	srandom(SEED);
	for (int sequence = 0; sequence < SEQUENCES; sequence++) {
		struct health_conf conf = {
			.max_loss = (int)(random() % 102) - 1,
			.max_rtt_us = random() % 2 ? random() % 1000 : 0,
		};
		unsigned goodness = random() % 101;
		struct health_window window = {};
		uint64_t rtts[50]; /* 0: lost */

		for (size_t n = 1; n <= ARRAY_SIZE(rtts); n++) {
			uint64_t sum = 0, answered = 0, first = n > 20 ? n - 20 : 0;
			bool passes = true;

			rtts[n - 1] = random() % 100 < goodness ? 1 + random() % 1000 : 0;
			health_window_add(&window, rtts[n - 1] > 0, rtts[n - 1]);

			for (size_t i = first; i < n; i++) {
				sum += rtts[i];
				answered += rtts[i] > 0;
			}
			if (n >= 20 && conf.max_loss >= 0 &&
			    100 * (20 - answered) > 20 * (uint64_t)conf.max_loss)
				passes = false;
			if (n >= 20 && conf.max_rtt_us > 0 && sum > answered * conf.max_rtt_us)
				passes = false;

			ck_assert_msg(health_window_passes(&window, &conf) == passes &&
					      health_window_loss(&window) ==
						      (double)(n - first - answered) /
							      (n - first) &&
					      health_window_rtt(&window) ==
						      (answered ? (double)sum / answered : 0),
				      "seed %d, sequence %d, probe %zu: max_loss %d, max_rtt %u us",
				      SEED, sequence, n, conf.max_loss, (unsigned)conf.max_rtt_us);
		}
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("health");

	tcase_add_loop_test(tcase, verdicts_follow_the_cycles, 0, ARRAY_SIZE(stories));
	tcase_add_test(tcase, a_change_is_told_once_with_its_time);
	tcase_add_test(tcase, counts_stop_at_their_end);
	tcase_add_test(tcase, any_sequence_of_cycles_leads_where_the_model_says);
	tcase_add_test(tcase, an_empty_window_has_neither_loss_nor_rtt);
	tcase_add_test(tcase, the_latest_probe_comes_first);
	tcase_add_loop_test(tcase, a_full_window_is_judged, 0, ARRAY_SIZE(judgements));
	tcase_add_test(tcase, any_window_is_what_the_model_says);
	return run_case(tcase, "health");
}
