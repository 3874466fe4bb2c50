// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random conversations, captured badly: no request may be paired with another's response, whatever is lost.
 * MODEL_COUNT conversations from MODEL_SEED on; a fault names its seed. MODEL_VERBOSE=1 tells
 * what was removed and what is wrong:
 *	MODEL_SEED=n MODEL_COUNT=1 MODEL_VERBOSE=1 build/tests/unit/test_model
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model.h"

/* Fewer under sanitizers, so that nobody waits: the seeds are the same. */
#ifdef __SANITIZE_ADDRESS__
#define COUNT_DEFAULT 1500
#else
#define COUNT_DEFAULT 10000
#endif
#define SEED_DEFAULT 20261122

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static double share(uint64_t part, uint64_t all)
{
	return all ? 100.0 * part / all : 100.0;
}

static uint64_t faults(const struct model_score *s)
{
	return s->wrong + s->invented + s->doubled + s->unflagged + s->missing;
}

static void run(const struct model_damage *damage, struct model_score *score)
{
	uint64_t seed = number("MODEL_SEED", SEED_DEFAULT);
	uint64_t cnt = number("MODEL_COUNT", COUNT_DEFAULT), i;
	bool verbose = number("MODEL_VERBOSE", 0);
	unsigned int named = 0;

	for (i = 0; i < cnt; i++) {
		uint64_t before = faults(score);
		struct model m;

		model_make(&m, seed + i, !damage->drop_ppm);
		model_check(&m, damage, score, verbose);
		model_free(&m);
		if (faults(score) > before && named++ < 20)
			printf("fault in seed %" PRIu64 "\n", seed + i);
	}
	printf("seed %" PRIu64 ", %" PRIu64 " conversations, %" PRIu64 " requests, %.1f %% dropped: "
	       "%" PRIu64 " wrong pairs, %" PRIu64 " invented, %" PRIu64 " doubled, %" PRIu64
	       " unflagged, %" PRIu64 " missing\n",
	       seed, score->conversations, score->requests, damage->drop_ppm / 1e4, score->wrong,
	       score->invented, score->doubled, score->unflagged, score->missing);
	printf("own packets all there: %" PRIu64 ", complete %.2f %%; pipelined ones: %" PRIu64
	       ", complete %.2f %%\n",
	       score->whole, share(score->whole_found, score->whole), score->piped_whole,
	       share(score->piped_found, score->piped_whole));
	assert_int_equal(score->wrong, 0);
	assert_int_equal(score->invented, 0);
	assert_int_equal(score->doubled, 0);
	assert_int_equal(score->unflagged, 0);
	assert_int_equal(score->missing, 0);
}

/* What is asserted is what is reached on these conversations, of which a third pipelines, most of those all the
 * way to their end, so that little but the end itself aligns them. */
static void expect_share(const struct model_score *score, double least, double least_piped)
{
	assert_true(share(score->whole_found, score->whole) >= least);
	assert_true(share(score->piped_found, score->piped_whole) >= least_piped);
}

static void test_undamaged(void **state)
{
	struct model_damage damage = { 0 };
	struct model_score score = { 0 };

	run(&damage, &score);
	expect_share(&score, 100, 100);
}

static void test_shuffled_and_doubled(void **state)
{
	struct model_damage damage = { .shuffle_ppm = 50000, .double_ppm = 20000 };
	struct model_score score = { 0 };

	run(&damage, &score);
	expect_share(&score, 100, 100);
}

static void test_drop_one_in_1000(void **state)
{
	struct model_damage damage = { .drop_ppm = 1000, .shuffle_ppm = 10000, .double_ppm = 10000 };
	struct model_score score = { 0 };

	run(&damage, &score);
	expect_share(&score, 99, 99);
}

static void test_drop_one_in_100(void **state)
{
	struct model_damage damage = { .drop_ppm = 10000, .shuffle_ppm = 10000, .double_ppm = 10000 };
	struct model_score score = { 0 };

	run(&damage, &score);
	expect_share(&score, 94, 88);
}

static void test_drop_one_in_10(void **state)
{
	struct model_damage damage = { .drop_ppm = 100000, .shuffle_ppm = 10000 };
	struct model_score score = { 0 };

	run(&damage, &score);
	expect_share(&score, 60, 33);
}

/* What the kernel lost it tells. */
static void test_drop_told(void **state)
{
	struct model_damage damage = { .drop_ppm = 10000, .lost_told = true };
	struct model_score score = { 0 };

	run(&damage, &score);
	expect_share(&score, 95, 90);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_undamaged),
		cmocka_unit_test(test_shuffled_and_doubled),
		cmocka_unit_test(test_drop_one_in_1000),
		cmocka_unit_test(test_drop_one_in_100),
		cmocka_unit_test(test_drop_one_in_10),
		cmocka_unit_test(test_drop_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
