// SPDX-License-Identifier: GPL-2.0-only
/*
 * The n-th allocation fails, for every n, over busy conversations: no crash, no leak (AddressSanitizer looks),
 * and no wrong pair. This file brings its own copy of mem.c, whose allocations can be made to fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned long alloc_cnt, fail_at;

static void *failing_malloc(size_t size)
{
	return ++alloc_cnt == fail_at ? NULL : malloc(size);
}

static void *failing_calloc(size_t n, size_t size)
{
	return ++alloc_cnt == fail_at ? NULL : calloc(n, size);
}

static void *failing_realloc(void *ptr, size_t size)
{
	return ++alloc_cnt == fail_at ? NULL : realloc(ptr, size);
}

#include "core/mem.h"
#define malloc failing_malloc
#define calloc failing_calloc
#define realloc failing_realloc
#include "core/mem.c"
#undef malloc
#undef calloc
#undef realloc

#include "core/flow.h"
#include "model.h"

struct tally {
	const struct model *m;
	unsigned int wrong;
};

static void on_transaction(void *ctx, const struct transaction *tx)
{
	struct tally *t = ctx;
	int req = -1, resp = -1;

	if (!tx->req.seen || !tx->resp.seen)
		return;
	for (int i = 0; i < MODEL_EXCHANGES_MAX; i++) {
		if (t->m->req[i].begun &&
		    tx->req.start_seq == (uint32_t)(t->m->isn[0] + 1 + t->m->req[i].start))
			req = i;
		if (t->m->resp[i].begun &&
		    tx->resp.start_seq == (uint32_t)(t->m->isn[1] + 1 + t->m->resp[i].start))
			resp = i;
	}
	t->wrong += req != resp;
}

/* Every seventh packet is missing and every fifth comes late, so that every kind of buffer is used. */
static void replay(const struct model *m, struct tally *tally)
{
	struct flow_sink sink = { .ctx = tally, .transaction = on_transaction };
	struct counters cnt = { 0 };
	struct flow_table *ft = flow_table_new(&flow_config_default, &sink, &cnt);

	if (!ft)
		return;
	for (size_t n = 0; n < m->pkt_cnt; n++) {
		size_t i = n % 5 == 3 && n + 1 < m->pkt_cnt ? n + 1 : n % 5 == 4 ? n - 1 : n;
		const struct model_packet *p = &m->pkt[i];
		struct segment seg = { .time_ns = p->ns, .hook = HOOK_FILE };

		if (n % 7 == 6)
			continue;
		seg.src.port = p->dir ? 80 : 4000;
		seg.dst.port = p->dir ? 4000 : 80;
		seg.seq = m->isn[p->dir] + 1 + (uint32_t)p->off - p->syn;
		seg.ack = p->has_ack ? m->isn[!p->dir] + 1 + (uint32_t)p->ack : 0;
		seg.flags = (p->syn ? TCP_SYN : 0) | (p->fin ? TCP_FIN : 0) |
			    (p->rst ? TCP_RST : 0) | (p->has_ack ? TCP_ACK : 0);
		seg.payload_len = seg.payload_cap = p->probe ? 0 : p->len;
		if (seg.payload_len)
			seg.payload = m->stream[p->dir].data + p->off;
		flow_push(ft, &seg);
	}
	flow_finish(ft);
	flow_table_free(ft);
}

static void test_every_allocation(void **state)
{
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct tally tally = { 0 };
		unsigned long all;
		struct model m;

		model_make(&m, seed, false);
		tally.m = &m;
		alloc_cnt = fail_at = 0;
		replay(&m, &tally);
		all = alloc_cnt;
		assert_true(all > 2);
		for (unsigned long n = 1; n <= all; n++) {
			alloc_cnt = 0;
			fail_at = n;
			replay(&m, &tally);
		}
		assert_int_equal(tally.wrong, 0);
		model_free(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_allocation) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
