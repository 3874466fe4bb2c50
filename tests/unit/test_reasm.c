// SPDX-License-Identifier: GPL-2.0-only
/*
 * What comes out is written down as text: one word per chunk,
 *
 *	c or s   whose bytes        ^   first chunk of the stream
 *	[n] [?]  skip, -1 as ?      ~   out of order, ! conflict
 *	bytes {n}  n not copied     $   end
 *
 * and -c(n) or -s(n) for a segment that brought n old bytes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/reasm.h"
#include "stream.h"

struct rig {
	struct stream s;
	struct reasm r;
	struct reasm_env env;
	struct mem mem;
	struct counters cnt;
	uint64_t arrival;
	char log[4096];
	size_t len;
	struct reasm_chunk last;
};

static void on_chunk(void *ctx, unsigned int dir, const struct reasm_chunk *c)
{
	struct rig *g = ctx;
	char skip[32] = "";

	if (c->skip)
		snprintf(skip, sizeof(skip), "[%lld]", (long long)c->skip);
	g->len += snprintf(g->log + g->len, sizeof(g->log) - g->len, "%s%c%s%s%s%s%.*s",
			   g->len ? " " : "", dir == CLIENT ? 'c' : 's', c->start ? "^" : "",
			   c->skip == -1 ? "[?]" : skip, c->out_of_order ? "~" : "",
			   c->conflict ? "!" : "", (int)c->cap_len, (const char *)c->data);
	if (c->len > c->cap_len)
		g->len += snprintf(g->log + g->len, sizeof(g->log) - g->len, "{%u}",
				   c->len - c->cap_len);
	if (c->end)
		g->len += snprintf(g->log + g->len, sizeof(g->log) - g->len, "$");
	assert_true(g->len < sizeof(g->log));
	g->last = *c;
}

static void on_old_bytes(void *ctx, unsigned int dir, const struct segment *seg, uint64_t from,
			 uint64_t to)
{
	struct rig *g = ctx;

	g->len += snprintf(g->log + g->len, sizeof(g->log) - g->len, "%s-%c(%u)", g->len ? " " : "",
			   dir == CLIENT ? 'c' : 's', (unsigned int)(to - from));
}

static const struct reasm_ops ops = {on_chunk, on_old_bytes};

static int push_reasm(void *ctx, unsigned int who, const struct segment *seg)
{
	struct rig *g = ctx;

	return reasm_push(&g->r, &g->env, g, who, seg, ++g->arrival);
}

static int setup_at(void **state, uint32_t client_isn, uint32_t server_isn)
{
	struct rig *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	g->env = (struct reasm_env){&ops, &g->mem, &g->cnt, 1u << 20, 0};
	stream_init(&g->s, NULL, client_isn, server_isn);
	g->s.push = push_reasm;
	g->s.ctx = g;
	*state = g;
	return 0;
}

/* Sequence numbers that no test comes to the end of. */
static int setup(void **state)
{
	setup_at(state, 1000, 5000);
	handshake(&((struct rig *)*state)->s);
	return 0;
}

static int setup_midstream(void **state)
{
	return setup_at(state, 1000, 5000);
}

/* The fifth byte of the client is number 0, and so is the third one of the server. */
static int setup_wrap(void **state)
{
	setup_at(state, UINT32_MAX - 4, UINT32_MAX - 2);
	handshake(&((struct rig *)*state)->s);
	return 0;
}

static int teardown(void **state)
{
	struct rig *g = *state;

	reasm_free(&g->r, &g->env);
	stream_close(&g->s);
	assert_int_equal(g->mem.used, 0);
	free(g);
	return 0;
}

static struct packet *part(struct rig *g, unsigned int who, const char *text)
{
	return prepare(&g->s, who, 0, text, strlen(text));
}

/* Sends n bytes again from seq on, as text says they are. */
static void again(struct rig *g, unsigned int who, uint32_t seq, const char *text)
{
	uint32_t next = g->s.next[who];

	g->s.next[who] = seq;
	say(&g->s, who, text);
	g->s.next[who] = next;
}

static void test_in_order(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	say(&g->s, CLIENT, "two");
	say(&g->s, SERVER, "three");
	assert_string_equal(g->log, "c^one ctwo s^three");
	assert_int_equal(g->cnt.out_of_order + g->cnt.retransmits + g->cnt.gaps, 0);
	assert_int_equal(g->mem.peak, 0);
}

static void test_out_of_order(void **state)
{
	struct rig *g = *state;
	struct packet *one = part(g, CLIENT, "one"), *two = part(g, CLIENT, "two");

	give(&g->s, part(g, CLIENT, "three"));
	give(&g->s, two);
	assert_string_equal(g->log, "");
	assert_true(reasm_waiting(&g->r));
	give(&g->s, one);
	assert_string_equal(g->log, "c^one c~two c~three");
	assert_int_equal(g->cnt.out_of_order, 2);
	assert_int_equal(g->cnt.gaps, 0);
	assert_false(reasm_waiting(&g->r));
}

/* A chunk was seen when its packet was, and is done when all before it had come. */
static void test_times_of_a_filled_hole(void **state)
{
	struct rig *g = *state;
	struct packet *one = part(g, CLIENT, "one"), *two = part(g, CLIENT, "two");

	one->seg.time_ns = two->seg.time_ns + 7;
	give(&g->s, two);
	give(&g->s, one);
	assert_int_equal(g->last.seen.ns, two->seg.time_ns);
	assert_int_equal(g->last.done.ns, one->seg.time_ns);
}

static void test_retransmission(void **state)
{
	struct rig *g = *state;
	struct packet *one = part(g, CLIENT, "one");

	give(&g->s, one);
	give(&g->s, one);
	say(&g->s, CLIENT, "two");
	assert_string_equal(g->log, "c^one -c(3) ctwo");
	assert_int_equal(g->cnt.retransmits, 1);
	assert_int_equal(g->cnt.conflicts, 0);
}

static void test_retransmission_of_waiting_bytes(void **state)
{
	struct rig *g = *state;
	struct packet *one = part(g, CLIENT, "one"), *two = part(g, CLIENT, "two");

	give(&g->s, two);
	give(&g->s, two);
	give(&g->s, one);
	assert_string_equal(g->log, "-c(3) c^one c~two");
	assert_int_equal(g->cnt.retransmits, 1);
}

static void test_retransmission_with_new_bytes(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	again(g, CLIENT, 1001, "onetwo");
	assert_string_equal(g->log, "c^one ctwo");
	assert_int_equal(g->cnt.retransmits, 0);
}

static void test_overlap_same(void **state)
{
	struct rig *g = *state;
	struct packet *one = part(g, CLIENT, "abc");

	give(&g->s, part(g, CLIENT, "defg"));
	again(g, CLIENT, 1003, "cdefghi");
	give(&g->s, one);
	assert_string_equal(g->log, "c^ab c~c c~defg c~hi");
	assert_int_equal(g->cnt.conflicts, 0);
}

/* The first copy wins, and the difference is told. */
static void test_overlap_conflicting(void **state)
{
	struct rig *g = *state;
	struct packet *one = part(g, CLIENT, "abc");

	give(&g->s, part(g, CLIENT, "defg"));
	again(g, CLIENT, 1004, "dXfghi");
	give(&g->s, one);
	assert_string_equal(g->log, "c^abc c~!defg c~hi");
	assert_int_equal(g->cnt.conflicts, 1);
}

/* The segment that fills the hole reaches into what waits. */
static void test_overlap_in_order(void **state)
{
	struct rig *g = *state;

	(void)part(g, CLIENT, "abc");
	give(&g->s, part(g, CLIENT, "def"));
	again(g, CLIENT, 1001, "abcXYZghi");
	assert_string_equal(g->log, "c^abc c~!def cghi");
	assert_int_equal(g->cnt.conflicts, 1);
}

static void test_wrap(void **state)
{
	struct rig *g = *state;
	struct packet *one = part(g, CLIENT, "abcdef"), *two = part(g, CLIENT, "ghi");

	give(&g->s, two);
	give(&g->s, one);
	give(&g->s, one);
	say(&g->s, SERVER, "jklmno");
	assert_string_equal(g->log, "c^abcdef c~ghi -c(6) s^jklmno");
	assert_int_equal((uint32_t)g->last.off, UINT32_MAX - 1);
	assert_true(g->last.has_ack);
	assert_int_equal((uint32_t)g->last.ack, g->s.next[CLIENT]);
}

static void test_keepalive_probe(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	g->s.next[CLIENT]--;
	tell(&g->s, CLIENT, 0);
	again(g, CLIENT, g->s.next[CLIENT], "\1");
	g->s.next[CLIENT]++;
	say(&g->s, CLIENT, "two");
	assert_string_equal(g->log, "c^one ctwo");
	assert_int_equal(g->cnt.keepalives, 2);
	assert_int_equal(g->cnt.retransmits, 0);
}

/* The byte of a zero-window probe is the stream's next one: it counts, and its repetition is a probe. */
static void test_zero_window_probe(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	again(g, CLIENT, 1004, "t");
	again(g, CLIENT, 1004, "t");
	again(g, CLIENT, 1004, "two");
	assert_string_equal(g->log, "c^one ct cwo");
	assert_int_equal(g->cnt.keepalives, 1);
	assert_int_equal(g->cnt.retransmits, 0);
}

static void test_syn_with_data(void **state)
{
	struct rig *g = *state;

	give(&g->s, prepare(&g->s, CLIENT, TCP_SYN, "one", 3));
	assert_int_equal(g->s.next[CLIENT], 1004);
	tell(&g->s, SERVER, TCP_SYN);
	say(&g->s, CLIENT, "two");
	assert_string_equal(g->log, "c^one ctwo");
}

static void test_fin_with_data(void **state)
{
	struct rig *g = *state;

	give(&g->s, prepare(&g->s, CLIENT, TCP_FIN, "one", 3));
	assert_string_equal(g->log, "c^one$");
}

static void test_fin_without_data(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	tell(&g->s, CLIENT, TCP_FIN);
	tell(&g->s, CLIENT, TCP_FIN);
	assert_string_equal(g->log, "c^one c$");
}

static void test_fin_before_missing_data(void **state)
{
	struct rig *g = *state;
	struct packet *one = part(g, CLIENT, "one");

	tell(&g->s, CLIENT, TCP_FIN);
	assert_string_equal(g->log, "");
	give(&g->s, one);
	assert_string_equal(g->log, "c^one$");
}

/* A FIN takes a sequence number: its acknowledgement is no missing byte. */
static void test_fin_acknowledged(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	tell(&g->s, CLIENT, TCP_FIN);
	tell(&g->s, SERVER, 0);
	assert_string_equal(g->log, "c^one c$");
	assert_int_equal(g->cnt.gaps, 0);
}

static void test_half_close(void **state)
{
	struct rig *g = *state;

	give(&g->s, prepare(&g->s, CLIENT, TCP_FIN, "ask", 3));
	say(&g->s, SERVER, "ans");
	give(&g->s, prepare(&g->s, SERVER, TCP_FIN, "wer", 3));
	assert_string_equal(g->log, "c^ask$ s^ans swer$");
}

/* RFC 9293 §3.5.2: text in a reset is a diagnostic. */
static void test_reset(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	give(&g->s, prepare(&g->s, SERVER, TCP_RST, "because", 7));
	assert_true(g->r.reset);
	assert_string_equal(g->log, "c^one");
}

static void test_gap_acknowledged(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	miss(&g->s, CLIENT, "missing");
	say(&g->s, CLIENT, "two");
	assert_string_equal(g->log, "c^one");
	tell(&g->s, SERVER, 0);
	assert_string_equal(g->log, "c^one c[7]~two");
	assert_int_equal(g->cnt.gaps_acked, 1);
	assert_int_equal(g->cnt.gap_bytes, 7);
}

/* Nothing waits behind the hole: it is told all the same, before what answers it. */
static void test_gap_acknowledged_at_the_end(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	miss(&g->s, CLIENT, "missing");
	say(&g->s, SERVER, "answer");
	assert_string_equal(g->log, "c^one c[7] s^answer");
}

/* A duplicate acknowledgement says that the bytes did not arrive: they will come again. */
static void test_gap_not_acknowledged(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	tell(&g->s, SERVER, 0);
	g->s.deaf[SERVER] = true;
	miss(&g->s, CLIENT, "lost");
	say(&g->s, CLIENT, "two");
	tell(&g->s, SERVER, 0);
	tell(&g->s, SERVER, 0);
	again(g, CLIENT, 1004, "lost");
	assert_string_equal(g->log, "c^one clost c~two");
	assert_int_equal(g->cnt.gaps, 0);
}

/* A capture without local ends may be out of order: an acknowledged hole gets some time. */
static void test_gap_acknowledged_grace(void **state)
{
	struct rig *g = *state;
	struct packet *late;

	g->env.ack_grace_ns = 10 * MS;
	late = part(g, CLIENT, "late");
	tell(&g->s, SERVER, 0);
	give(&g->s, late);
	assert_string_equal(g->log, "c^late");
	miss(&g->s, CLIENT, "missing");
	tell(&g->s, SERVER, 0);
	assert_string_equal(g->log, "c^late");
	g->s.ns += 10 * MS;
	tell(&g->s, SERVER, 0);
	assert_string_equal(g->log, "c^late c[7]");
	assert_int_equal(g->cnt.gaps_acked, 1);
}

static void test_gap_lost_by_the_kernel(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	miss(&g->s, CLIENT, "missing");
	g->s.note[CLIENT].lost_events = 1;
	say(&g->s, CLIENT, "two");
	assert_string_equal(g->log, "c^one c[7]~two");
	assert_int_equal(g->cnt.gaps_lost, 1);
	assert_int_equal(g->cnt.gaps, 1);
}

static void test_gap_timeout(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	miss(&g->s, CLIENT, "missing");
	say(&g->s, CLIENT, "two");
	reasm_flush(&g->r, &g->env, g, g->s.ns);
	assert_string_equal(g->log, "c^one");
	reasm_flush(&g->r, &g->env, g, g->s.ns + 1);
	assert_string_equal(g->log, "c^one c[7]~two");
	assert_int_equal(g->cnt.gaps_timeout, 1);
}

static void test_gap_memory(void **state)
{
	struct rig *g = *state;
	char wide[1000] = "";

	g->env.max_conn_memory = 3000;
	miss(&g->s, CLIENT, "missing");
	say_bytes(&g->s, CLIENT, wide, sizeof(wide));
	say_bytes(&g->s, CLIENT, wide, sizeof(wide));
	assert_int_equal(g->cnt.gaps_memory, 0);
	say_bytes(&g->s, CLIENT, wide, sizeof(wide));
	assert_int_equal(g->cnt.gaps_memory, 1);
	assert_int_equal(g->cnt.gap_bytes, 7);
	assert_int_equal(g->r.buffered, 0);
	assert_true(g->mem.peak < 3000 + 2 * sizeof(wide));
}

static void test_out_of_memory(void **state)
{
	struct rig *g = *state;

	g->mem.limit = 16;
	miss(&g->s, CLIENT, "missing");
	say(&g->s, CLIENT, "two");
	assert_int_equal(g->s.err, -ENOMEM);
	assert_int_equal(g->cnt.memory_dropped, 1);
	again(g, CLIENT, 1001, "missing");
	assert_string_equal(g->log, "c^missing");
}

static void test_gap_at_the_end(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	miss(&g->s, CLIENT, "missing");
	say(&g->s, CLIENT, "two");
	reasm_finish(&g->r, &g->env, g, REASM_GAP_END);
	assert_string_equal(g->log, "c^one c[7]~two");
	assert_int_equal(g->cnt.gaps_end, 1);
}

/* The bytes between the last one seen and the FIN existed. */
static void test_gap_before_fin_at_the_end(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	miss(&g->s, CLIENT, "missing");
	tell(&g->s, CLIENT, TCP_FIN);
	reasm_finish(&g->r, &g->env, g, REASM_GAP_END);
	assert_string_equal(g->log, "c^one c[7]$");
}

/* One byte beyond everything seen may be a FIN that was missed, but not where the FIN was seen. */
static void test_gap_of_one_byte_before_fin(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	miss(&g->s, CLIENT, "m");
	tell(&g->s, CLIENT, TCP_FIN);
	reasm_finish(&g->r, &g->env, g, REASM_GAP_END);
	assert_string_equal(g->log, "c^one c[1]$");
	assert_int_equal(g->cnt.gap_bytes, 1);
}

/* The FIN is no missing byte, though it was acknowledged with them. */
static void test_gap_before_fin_acknowledged(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	miss(&g->s, CLIENT, "missing");
	tell(&g->s, CLIENT, TCP_FIN);
	tell(&g->s, SERVER, 0);
	assert_string_equal(g->log, "c^one c[7]$");
	assert_int_equal(g->cnt.gap_bytes, 7);
}

/* A segment without data stands behind all that was sent before it. */
static void test_gap_before_empty_segment(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	g->s.deaf[SERVER] = true;
	miss(&g->s, CLIENT, "missing");
	tell(&g->s, CLIENT, 0);
	assert_string_equal(g->log, "c^one");
	reasm_finish(&g->r, &g->env, g, REASM_GAP_END);
	assert_string_equal(g->log, "c^one c[7]");
	assert_int_equal(g->cnt.gaps_end, 1);
}

/* Nothing of a direction was captured, but its acknowledgements were. */
static void test_gap_of_everything(void **state)
{
	struct rig *g = *state;

	tell(&g->s, CLIENT, 0);
	miss(&g->s, SERVER, "missing");
	tell(&g->s, CLIENT, 0);
	reasm_finish(&g->r, &g->env, g, REASM_GAP_END);
	assert_int_equal(g->cnt.gap_bytes, 7);
}

static void test_midstream(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	say(&g->s, CLIENT, "two");
	say(&g->s, SERVER, "three");
	assert_string_equal(g->log, "c^[?]one ctwo s^[?]three");
}

/* The kernel knows where the stream began, though the capture did not see the SYN. */
static void test_stream_start_known(void **state)
{
	struct rig *g = *state;

	g->s.note[CLIENT].has_stream_start = true;
	g->s.note[CLIENT].stream_start = g->s.next[CLIENT];
	say(&g->s, CLIENT, "one");
	assert_string_equal(g->log, "c^one");
}

/* A reordered capture: the answer came before what it answers. */
static void test_held_until_cause(void **state)
{
	struct rig *g = *state;
	struct packet *ask;

	g->env.ack_grace_ns = 1000 * MS;
	ask = part(g, CLIENT, "ask");
	say(&g->s, SERVER, "answer");
	assert_string_equal(g->log, "");
	give(&g->s, ask);
	assert_string_equal(g->log, "c^ask s^answer");
	assert_int_equal(g->cnt.out_of_order, 0);
	assert_int_equal(g->cnt.gaps, 0);
}

/* What the answer acknowledges never comes: it is not held for ever. */
static void test_held_until_timeout(void **state)
{
	struct rig *g = *state;

	g->env.ack_grace_ns = 1000 * MS;
	miss(&g->s, CLIENT, "ask");
	say(&g->s, SERVER, "answer");
	assert_string_equal(g->log, "");
	reasm_flush(&g->r, &g->env, g, g->s.ns + 1);
	assert_string_equal(g->log, "c^[3] s^answer");
	assert_int_equal(g->cnt.gaps_timeout, 1);
}

/* Each direction acknowledges bytes of the other that have not come: neither waits for ever. */
static void test_mutual_wait(void **state)
{
	struct rig *g = *state;
	struct packet *ask, *answer;

	g->env.ack_grace_ns = 1000 * MS;
	ask = part(g, CLIENT, "ask");
	answer = part(g, SERVER, "answer");
	ask->seg.ack = g->s.next[SERVER];
	give(&g->s, ask);
	give(&g->s, answer);
	assert_string_equal(g->log, "");
	reasm_flush(&g->r, &g->env, g, g->s.ns + 1);
	assert_non_null(strstr(g->log, "ask"));
	assert_non_null(strstr(g->log, "answer"));
	assert_false(reasm_waiting(&g->r));
}

static void test_hollow(void **state)
{
	struct rig *g = *state;

	g->s.snap = 2;
	say(&g->s, CLIENT, "hollow");
	g->s.snap = 0;
	say(&g->s, CLIENT, "full");
	assert_string_equal(g->log, "c^ho{4} cfull");
	assert_int_equal(g->cnt.hollow_bytes, 4);
	assert_int_equal(g->cnt.gaps, 0);
}

/* Far outside any window: another connection's, or forged. */
static void test_far_away(void **state)
{
	struct rig *g = *state;

	say(&g->s, CLIENT, "one");
	again(g, CLIENT, 1004 + (1u << 30) + 1, "far");
	again(g, CLIENT, 1004 - (1u << 30) - 1, "far");
	say(&g->s, CLIENT, "two");
	assert_string_equal(g->log, "c^one ctwo");
	assert_false(reasm_waiting(&g->r));
}

#define SYNCED(f)    cmocka_unit_test_setup_teardown(f, setup, teardown)
#define MIDSTREAM(f) cmocka_unit_test_setup_teardown(f, setup_midstream, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNCED(test_in_order),
		SYNCED(test_out_of_order),
		SYNCED(test_times_of_a_filled_hole),
		SYNCED(test_retransmission),
		SYNCED(test_retransmission_of_waiting_bytes),
		SYNCED(test_retransmission_with_new_bytes),
		SYNCED(test_overlap_same),
		SYNCED(test_overlap_conflicting),
		SYNCED(test_overlap_in_order),
		cmocka_unit_test_setup_teardown(test_wrap, setup_wrap, teardown),
		SYNCED(test_keepalive_probe),
		SYNCED(test_zero_window_probe),
		MIDSTREAM(test_syn_with_data),
		SYNCED(test_fin_with_data),
		SYNCED(test_fin_without_data),
		SYNCED(test_fin_before_missing_data),
		SYNCED(test_fin_acknowledged),
		SYNCED(test_half_close),
		SYNCED(test_reset),
		SYNCED(test_gap_acknowledged),
		SYNCED(test_gap_acknowledged_at_the_end),
		SYNCED(test_gap_not_acknowledged),
		SYNCED(test_gap_before_empty_segment),
		MIDSTREAM(test_gap_of_everything),
		SYNCED(test_gap_acknowledged_grace),
		SYNCED(test_gap_lost_by_the_kernel),
		SYNCED(test_gap_timeout),
		SYNCED(test_gap_memory),
		SYNCED(test_out_of_memory),
		SYNCED(test_gap_at_the_end),
		SYNCED(test_gap_before_fin_at_the_end),
		SYNCED(test_gap_of_one_byte_before_fin),
		SYNCED(test_gap_before_fin_acknowledged),
		MIDSTREAM(test_midstream),
		MIDSTREAM(test_stream_start_known),
		SYNCED(test_held_until_cause),
		SYNCED(test_held_until_timeout),
		SYNCED(test_mutual_wait),
		SYNCED(test_hollow),
		SYNCED(test_far_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
