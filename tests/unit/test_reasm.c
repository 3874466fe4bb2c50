// SPDX-License-Identifier: GPL-2.0-only
/* Reassembly, byte for byte: what comes out of one direction, and what is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/reasm.h"

struct rig {
	struct reasm r;
	struct reasm_env env;
	struct mem mem;
	struct counters cnt;
	char out[2][256]; /* '?' for each missing byte, '.' for one not copied */
	uint64_t arrival;
	uint64_t now;
	int64_t last_skip;
	unsigned int ends, old;
	uint32_t base;
};

static void on_chunk(void *ctx, unsigned int dir, const struct reasm_chunk *c)
{
	struct rig *g = ctx;
	size_t at = strlen(g->out[dir]);

	memset(g->out[dir] + at, '?', c->missing);
	at += c->missing;
	if (c->cap_len)
		memcpy(g->out[dir] + at, c->data, c->cap_len);
	memset(g->out[dir] + at + c->cap_len, '.', c->len - c->cap_len);
	g->last_skip = c->skip;
	g->ends += c->end;
	assert_true(c->seen.arrival <= c->done.arrival || !c->len);
}

static void on_old(void *ctx, unsigned int dir, uint64_t from, uint64_t to)
{
	struct rig *g = ctx;

	assert_true(from < to);
	g->old++;
}

static const struct reasm_ops ops = { .chunk = on_chunk, .old_bytes = on_old };

static void start(struct rig *g, uint32_t base)
{
	memset(g, 0, sizeof(*g));
	g->env = (struct reasm_env){ .ops = &ops, .mem = &g->mem, .cnt = &g->cnt,
				     .max_conn_memory = 1 << 20 };
	g->base = base;
	g->now = 1000;
}

/* off is that of the payload from the byte behind the SYN. ack likewise; -1: none. */
static void put(struct rig *g, unsigned int dir, int off, const char *text, int ack, uint16_t flags)
{
	struct segment seg = { .time_ns = g->now++, .dir = SEG_DIR_EGRESS, .flags = flags };

	seg.seq = g->base + 1 + off - !!(flags & TCP_SYN);
	if (ack >= 0) {
		seg.flags |= TCP_ACK;
		seg.ack = g->base + 1 + ack;
	}
	seg.payload = (const uint8_t *)text;
	seg.payload_len = seg.payload_cap = strlen(text);
	assert_int_equal(reasm_push(&g->r, &g->env, g, dir, &seg, ++g->arrival), 0);
}

static void finish(struct rig *g)
{
	reasm_finish(&g->r, &g->env, g, REASM_GAP_END);
	reasm_free(&g->r, &g->env);
	assert_int_equal(g->mem.used, 0);
}

static void test_order(void **state)
{
	struct rig g;

	for (unsigned int i = 0; i < 3; i++) {
		static const uint32_t bases[] = { 1000, 0xfffffffdu, 0x7ffffffeu }; /* wraps */

		start(&g, bases[i]);
		put(&g, 0, 0, "", -1, TCP_SYN);
		put(&g, 0, 6, "ghi", -1, 0);
		put(&g, 0, 3, "def", -1, 0);
		put(&g, 0, 0, "abc", -1, 0);
		assert_string_equal(g.out[0], "abcdefghi");
		assert_int_equal(g.cnt.out_of_order, 2);
		finish(&g);
	}
}

static void test_overlap(void **state)
{
	struct rig g;

	start(&g, 5);
	put(&g, 0, 0, "", -1, TCP_SYN);
	put(&g, 0, 4, "efgh", -1, 0);
	put(&g, 0, 2, "cdef", -1, 0);      /* same bytes */
	put(&g, 0, 6, "XXij", -1, 0);      /* others: the first copy wins */
	put(&g, 0, 0, "abcdefghijkl", -1, 0);
	assert_string_equal(g.out[0], "abcdefghijkl");
	assert_int_equal(g.cnt.conflicts, 1);
	finish(&g);
}

static void test_retransmission(void **state)
{
	struct rig g;

	start(&g, 5);
	put(&g, 0, 0, "abcd", -1, TCP_SYN);
	put(&g, 0, 0, "abcd", -1, 0);
	put(&g, 0, 2, "cdef", -1, 0);
	put(&g, 0, 5, "\0", -1, 0);
	assert_string_equal(g.out[0], "abcdef");
	assert_int_equal(g.cnt.retransmits, 1);
	assert_int_equal(g.old, 1);
	finish(&g);
}

static void test_probes(void **state)
{
	struct rig g;
	struct segment probe = { .dir = SEG_DIR_EGRESS, .payload = (const uint8_t *)"x",
				 .payload_len = 1, .payload_cap = 1 };

	start(&g, 5);
	put(&g, 0, 0, "abcd", -1, TCP_SYN);
	probe.seq = g.base + 4;
	reasm_push(&g.r, &g.env, &g, 0, &probe, ++g.arrival);
	probe.payload_len = probe.payload_cap = 0;
	reasm_push(&g.r, &g.env, &g, 0, &probe, ++g.arrival);
	assert_int_equal(g.cnt.keepalives, 2);
	assert_int_equal(g.cnt.retransmits, 0);
	assert_string_equal(g.out[0], "abcd");
	finish(&g);
}

/* The peer acknowledged what was not captured: it existed. At a local end there is nothing to wait for. */
static void test_acked_hole(void **state)
{
	struct rig g;

	start(&g, 5);
	put(&g, 0, 0, "", -1, TCP_SYN);
	put(&g, 1, 0, "", 0, TCP_SYN);
	put(&g, 0, 0, "ab", 0, 0);
	put(&g, 0, 4, "ef", 0, 0);
	assert_string_equal(g.out[0], "ab");
	put(&g, 1, 0, "", 6, 0);
	assert_string_equal(g.out[0], "ab??ef");
	assert_int_equal(g.cnt.gaps_acked, 1);
	assert_int_equal(g.cnt.gap_bytes, 2);
	finish(&g);
}

/* A hole with nothing behind it is told too, before the answer that acknowledged it. */
static void test_hole_before_answer(void **state)
{
	struct rig g;

	start(&g, 5);
	put(&g, 0, 0, "", -1, TCP_SYN);
	put(&g, 1, 0, "", 0, TCP_SYN);
	put(&g, 0, 0, "ab", 0, 0);
	put(&g, 1, 0, "xy", 4, 0);
	assert_string_equal(g.out[0], "ab??");
	assert_string_equal(g.out[1], "xy");
	finish(&g);
}

/* A chunk never overtakes what its sender had received. */
static void test_causality(void **state)
{
	struct rig g;

	start(&g, 5);
	g.env.ack_grace_ns = 1000000;
	put(&g, 0, 0, "", -1, TCP_SYN);
	put(&g, 1, 0, "", 0, TCP_SYN);
	for (unsigned int i = 0; i < 2; i++) { /* captured the wrong way around */
		struct segment answer = { .time_ns = g.now, .seq = g.base + 1, .ack = g.base + 3,
					  .flags = TCP_ACK, .payload = (const uint8_t *)"xy",
					  .payload_len = 2, .payload_cap = 2 };

		if (!i)
			reasm_push(&g.r, &g.env, &g, 1, &answer, ++g.arrival);
		else
			put(&g, 0, 0, "ab", 0, 0);
		assert_string_equal(g.out[1], i ? "xy" : "");
	}
	assert_string_equal(g.out[0], "ab");
	assert_int_equal(g.cnt.gaps, 0);
	finish(&g);
}

static void test_lost_told(void **state)
{
	struct rig g;
	struct segment seg = { .dir = SEG_DIR_EGRESS, .payload = (const uint8_t *)"ef",
			       .payload_len = 2, .payload_cap = 2, .note.lost_events = 1 };

	start(&g, 5);
	put(&g, 0, 0, "ab", -1, TCP_SYN);
	seg.seq = g.base + 1 + 4;
	reasm_push(&g.r, &g.env, &g, 0, &seg, ++g.arrival);
	assert_string_equal(g.out[0], "ab??ef");
	assert_int_equal(g.cnt.gaps_lost, 1);
	finish(&g);
}

static void test_flush(void **state)
{
	struct rig g;

	start(&g, 5);
	put(&g, 0, 0, "ab", -1, TCP_SYN);
	put(&g, 0, 4, "ef", -1, 0);
	reasm_flush(&g.r, &g.env, &g, g.now - 1);
	assert_string_equal(g.out[0], "ab");
	assert_true(reasm_waiting(&g.r));
	reasm_flush(&g.r, &g.env, &g, g.now);
	assert_string_equal(g.out[0], "ab??ef");
	assert_int_equal(g.cnt.gaps_timeout, 1);
	assert_false(reasm_waiting(&g.r));
	finish(&g);
}

/* Each direction holds bytes that acknowledge the other's: neither may wait for ever. */
static void test_mutual_wait(void **state)
{
	struct rig g;

	for (unsigned int way = 0; way < 2; way++) {
		start(&g, 5);
		put(&g, 0, 0, "", -1, TCP_SYN);
		put(&g, 1, 0, "", 0, TCP_SYN);
		g.env.ack_grace_ns = UINT64_MAX / 2;
		for (unsigned int dir = 0; dir < 2; dir++) {
			struct segment seg = { .time_ns = g.now++, .seq = g.base + 1,
					       .ack = g.base + 3, .flags = TCP_ACK,
					       .payload = (const uint8_t *)"abcd", .payload_len = 4,
					       .payload_cap = 4 };

			reasm_push(&g.r, &g.env, &g, dir, &seg, ++g.arrival);
		}
		if (way)
			reasm_flush(&g.r, &g.env, &g, g.now);
		finish(&g);
		assert_non_null(strstr(g.out[0], "cd"));
		assert_non_null(strstr(g.out[1], "cd"));
	}
}

static void test_fin_before_data(void **state)
{
	struct rig g;

	start(&g, 5);
	put(&g, 0, 0, "ab", -1, TCP_SYN);
	put(&g, 0, 4, "ef", -1, TCP_FIN);
	assert_int_equal(g.ends, 0);
	put(&g, 0, 2, "cd", -1, 0);
	assert_string_equal(g.out[0], "abcdef");
	assert_int_equal(g.ends, 1);
	finish(&g);
	assert_int_equal(g.ends, 1);
	assert_int_equal(g.cnt.gaps, 0);
}

static void test_midstream(void **state)
{
	struct rig g;

	start(&g, 5);
	put(&g, 0, 100, "abc", -1, 0);
	assert_string_equal(g.out[0], "abc");
	assert_int_equal(g.last_skip, -1);
	finish(&g);
}

static void test_hollow(void **state)
{
	struct rig g;
	struct segment seg = { .dir = SEG_DIR_EGRESS, .payload = (const uint8_t *)"ab",
			       .payload_len = 6, .payload_cap = 2 };

	start(&g, 5);
	put(&g, 0, 0, "", -1, TCP_SYN);
	seg.seq = g.base + 1;
	reasm_push(&g.r, &g.env, &g, 0, &seg, ++g.arrival);
	put(&g, 0, 6, "gh", -1, 0);
	assert_string_equal(g.out[0], "ab....gh");
	assert_int_equal(g.cnt.hollow_bytes, 4);
	assert_int_equal(g.cnt.gaps, 0);
	finish(&g);
}

static void test_memory(void **state)
{
	struct rig g;

	start(&g, 5);
	g.env.max_conn_memory = 1000;
	put(&g, 0, 0, "ab", -1, TCP_SYN);
	for (int i = 0; i < 40; i++)
		put(&g, 0, 10 + 4 * i, "x", -1, 0);
	assert_true(g.r.buffered <= 1000);
	assert_true(g.cnt.gaps_memory > 0);
	finish(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),	    cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_retransmission), cmocka_unit_test(test_probes),
		cmocka_unit_test(test_acked_hole),  cmocka_unit_test(test_hole_before_answer),
		cmocka_unit_test(test_causality),   cmocka_unit_test(test_lost_told),
		cmocka_unit_test(test_flush),	    cmocka_unit_test(test_mutual_wait),
		cmocka_unit_test(test_fin_before_data), cmocka_unit_test(test_midstream),
		cmocka_unit_test(test_hollow),	    cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
