/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * conversation.h - a TCP connection written down by hand, pushed into the middle segment by segment.
 *
 * Each side has the sequence number it will send next; what is sent acknowledges what the other side sent so far.
 * talk.now moves on by a millisecond with each segment. The transactions are copied, to be looked at after.
 */
#ifndef HTTPLAT_TEST_CONVERSATION_H
#define HTTPLAT_TEST_CONVERSATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow.h"

#define TALK_TX_MAX 4096
#define MS 1000000ull

enum { CLIENT = 0, SERVER = 1 };

struct talk_tx {
	struct transaction tx;
	char method[32], target[256], type[64]; /* type: the response's first kept header */
};

struct talk {
	struct flow_table *ft;
	struct counters cnt;
	uint64_t now, frame;
	uint32_t next[2];    /* sequence number of each side */
	struct endpoint end[2];
	enum hook hook;
	int local;           /* side that is local; -1 none */
	struct annotation note; /* of the next segments */
	struct talk_tx *tx;
	unsigned int tx_cnt;
	unsigned int elide_cnt;
	uint32_t elide_seq;
};

/* A table with config (NULL: the default) and one connection, from a file, not opened yet. */
void talk_start(struct talk *t, const struct flow_config *config);
void talk_end(struct talk *t);

void talk_open(struct talk *t); /* the handshake */

/* Sends text in order. */
void say(struct talk *t, unsigned int side, const char *text);
void say_bytes(struct talk *t, unsigned int side, const void *data, size_t len);
/* A byte a segment. */
void say_slowly(struct talk *t, unsigned int side, const char *text);
/* Sends text that the capture misses. */
void lose(struct talk *t, unsigned int side, const char *text);
/* A segment without payload. */
void flags(struct talk *t, unsigned int side, uint16_t flags);
/* Anything: relative to the side's next sequence number, and to what it would acknowledge. 0 or -errno. */
int raw(struct talk *t, unsigned int side, int32_t seq, int32_t ack, uint16_t flags,
	const void *data, uint32_t cap, uint32_t len);

/* Both close. */
void talk_close(struct talk *t);
void talk_finish(struct talk *t);

/* Transaction n pairs this method and target with this status; flags are exactly those. */
void expect(const struct talk *t, unsigned int n, const char *method, const char *target,
	    uint16_t status, uint32_t flags);

#endif
