// SPDX-License-Identifier: GPL-2.0-only
#include "conversation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void copy(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = 0;
}

static void on_transaction(void *ctx, const struct transaction *tx)
{
	struct talk *t = ctx;
	struct talk_tx *c = &t->tx[t->tx_cnt];

	assert_true(t->tx_cnt < TALK_TX_MAX);
	t->tx_cnt++;
	c->tx = *tx;
	copy(c->method, sizeof(c->method), tx->method.ptr ? tx->method.ptr : "", tx->method.len);
	copy(c->target, sizeof(c->target), tx->target.ptr ? tx->target.ptr : "", tx->target.len);
	c->type[0] = 0;
	if (tx->resp.header_cnt)
		copy(c->type, sizeof(c->type), tx->resp.headers[0].value.ptr,
		     tx->resp.headers[0].value.len);
}

static void on_elide(void *ctx, uint64_t cookie, enum seg_dir dir, uint32_t seq)
{
	struct talk *t = ctx;

	t->elide_cnt++;
	t->elide_seq = seq;
}

void talk_start(struct talk *t, const struct flow_config *config)
{
	struct flow_sink sink = { .ctx = t, .transaction = on_transaction, .elide = on_elide };

	memset(t, 0, sizeof(*t));
	t->tx = calloc(TALK_TX_MAX, sizeof(*t->tx));
	assert_non_null(t->tx);
	t->ft = flow_table_new(config ? config : &flow_config_default, &sink, &t->cnt);
	assert_non_null(t->ft);
	t->now = 1000000 * MS;
	t->hook = HOOK_FILE;
	t->local = -1;
	t->next[CLIENT] = 1000;
	t->next[SERVER] = 500000;
	for (unsigned int i = 0; i < 2; i++)
		t->end[i] = (struct endpoint){ .addr = { [10] = 0xff, 0xff, 10, 0, 0, 1 + i },
					       .port = i ? 80 : 40000 };
}

void talk_end(struct talk *t)
{
	flow_table_free(t->ft);
	free(t->tx);
}

int raw(struct talk *t, unsigned int side, int32_t seq, int32_t ack, uint16_t flag_bits,
	const void *data, uint32_t cap, uint32_t len)
{
	struct segment seg = {
		.time_ns = t->now,
		.frame = ++t->frame,
		.hook = t->hook,
		.src = t->end[side],
		.dst = t->end[!side],
		.seq = t->next[side] + seq,
		.ack = flag_bits & TCP_ACK ? t->next[!side] + ack : 0,
		.flags = flag_bits,
		.window = 1000,
		.payload_cap = cap,
		.payload_len = len,
		.note = t->note,
	};
	uint8_t *own = cap ? malloc(cap) : NULL; /* a read beyond it is noticed */
	int err;

	if (own)
		memcpy(own, data, cap);
	seg.payload = own;
	if (t->local >= 0)
		seg.dir = (int)side == t->local ? SEG_DIR_EGRESS : SEG_DIR_INGRESS;
	t->now += MS;
	err = flow_push(t->ft, &seg);
	free(own);
	return err;
}

void flags(struct talk *t, unsigned int side, uint16_t flag_bits)
{
	raw(t, side, 0, 0, flag_bits, NULL, 0, 0);
	t->next[side] += !!(flag_bits & (TCP_SYN | TCP_FIN));
}

void talk_open(struct talk *t)
{
	flags(t, CLIENT, TCP_SYN);
	flags(t, SERVER, TCP_SYN | TCP_ACK);
	flags(t, CLIENT, TCP_ACK);
}

void say_bytes(struct talk *t, unsigned int side, const void *data, size_t len)
{
	raw(t, side, 0, 0, TCP_ACK | TCP_PSH, data, len, len);
	t->next[side] += len;
}

void say(struct talk *t, unsigned int side, const char *text)
{
	say_bytes(t, side, text, strlen(text));
}

void say_slowly(struct talk *t, unsigned int side, const char *text)
{
	for (; *text; text++)
		say_bytes(t, side, text, 1);
}

void lose(struct talk *t, unsigned int side, const char *text)
{
	t->now += MS;
	t->next[side] += strlen(text);
}

void talk_finish(struct talk *t)
{
	flow_finish(t->ft);
}

void talk_close(struct talk *t)
{
	flags(t, CLIENT, TCP_FIN | TCP_ACK);
	flags(t, SERVER, TCP_FIN | TCP_ACK);
	flags(t, CLIENT, TCP_ACK);
	talk_finish(t);
}

void expect(const struct talk *t, unsigned int n, const char *method, const char *target,
	    uint16_t status, uint32_t flag_bits)
{
	assert_true(n < t->tx_cnt);
	assert_string_equal(t->tx[n].method, method);
	assert_string_equal(t->tx[n].target, target);
	assert_int_equal(t->tx[n].tx.status, status);
	assert_int_equal(t->tx[n].tx.flags, flag_bits);
}
