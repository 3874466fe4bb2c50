/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reasm.h - TCP reassembly of one connection: segments of both directions in, ordered chunks out.
 *
 * The contract is that of gopacket's reassembly. Offsets are absolute and 64 bits wide: the low 32 bits
 * of an offset are the sequence number on the wire (RFC 9293 §3.4: arithmetic modulo 2^32, unwrapped
 * against the next byte expected).
 *
 *	     delivered            hole           waiting          hole     waiting
 *	├───────────────────┼················├─────────────┤·············├────────┤
 *	origin             next            head->off                              (sorted list)
 *	                          ▲ acked: the peer confirmed up to here
 *
 * In-order bytes are delivered from the caller's memory; only out-of-order bytes are copied. The first
 * copy of a byte wins; where a later copy differs from one that still waits, that is counted.
 *
 * The two directions are delivered in causal order: a chunk whose segment acknowledged bytes of the other
 * direction that were not delivered yet waits for them, so that a response never overtakes its request
 * however the capture was ordered.
 *
 * A hole is given up when the kernel said that its bytes were lost; when the peer acknowledged them (they
 * existed and the capture missed them; with ack_grace_ns for captures that may be out of order); when
 * reasm_flush() finds the oldest waiting byte too old; at a memory limit; at the end.
 */
#ifndef HTTPLAT_REASM_H
#define HTTPLAT_REASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counters.h"
#include "mem.h"
#include "segment.h"

/* When something was seen. Ordered by `arrival`, which is unique in a run; clocks may step back. */
struct reasm_mark {
	uint64_t arrival;
	uint64_t ns;
	uint64_t frame;
};

struct reasm_chunk {
	const uint8_t *data; /* cap_len bytes, borrowed for the call */
	uint32_t cap_len;
	uint32_t len; /* on the wire; the last len - cap_len bytes exist but were not copied */
	uint64_t off; /* of data[0] */
	int64_t skip; /* bytes missing before off; -1: the stream's beginning was never seen */
	uint64_t missing; /* bytes known to be missing before off, also where skip is -1 */
	bool start;   /* first chunk of the stream */
	bool end;     /* nothing follows (FIN); len may be 0 */
	bool out_of_order;
	bool conflict;          /* a later copy of these bytes differed */
	bool seg_start;         /* off is where its segment began */
	struct reasm_mark seen; /* its own packet */
	struct reasm_mark done; /* when every byte up to its end had arrived */
	bool has_ack;
	uint64_t ack; /* what its segment (first copy) acknowledged, as an offset of the other direction */
};

struct reasm_ops {
	/* In order, `dir` as passed to reasm_push. */
	void (*chunk)(void *ctx, unsigned int dir, const struct reasm_chunk *chunk);
	/* *seg brought only bytes [from, to) that were delivered or wait already. */
	void (*old_bytes)(void *ctx, unsigned int dir, const struct segment *seg, uint64_t from,
			  uint64_t to);
};

struct reasm_buf; /* bytes that wait */

struct reasm_half {
	bool started;     /* next is meaningful */
	bool start_known; /* it started at the stream's beginning */
	bool delivered;   /* a chunk came out */
	bool fin_known, ended;
	bool acked_known;
	uint64_t origin; /* first byte, as far as it is known */
	uint64_t next;   /* first byte not delivered */
	uint64_t acked;
	uint64_t sent; /* where segments without payload began: all before it was sent */
	uint64_t acked_hole_ns; /* when a hole was first seen to be acknowledged; 0: none is */
	uint64_t fin_off;
	uint64_t skipped; /* given up since the last chunk */
	struct reasm_mark done;
	struct reasm_buf *head, *tail;
};

struct reasm {
	struct reasm_half half[2];
	size_t buffered; /* bytes of bookkeeping and payload that wait, both directions */
	unsigned int buffered_cnt;
	bool lost_pending;
	bool reset;
};

/* What all connections of a table share. */
struct reasm_env {
	const struct reasm_ops *ops;
	struct mem *mem;
	struct counters *cnt;
	size_t max_conn_memory;
	uint64_t ack_grace_ns; /* for segments whose direction is unknown; local ends have none */
};

enum reasm_cause {
	REASM_GAP_UNKNOWN = 0,
	REASM_GAP_ACKED,
	REASM_GAP_LOST,
	REASM_GAP_TIMEOUT,
	REASM_GAP_MEMORY,
	REASM_GAP_END,
};

/* Takes one segment of direction dir (0 or 1). ctx goes to the ops. arrival numbers the segments of the run.
 * 0, or -ENOMEM: its bytes could not be kept and will show as a hole. */
int reasm_push(struct reasm *r, const struct reasm_env *env, void *ctx, unsigned int dir,
	       const struct segment *seg, uint64_t arrival);

/* Gives up holes behind which a byte older than `older_than_ns` waits. */
void reasm_flush(struct reasm *r, const struct reasm_env *env, void *ctx, uint64_t older_than_ns);

/* Gives up every hole and delivers all that waits. cause: REASM_GAP_END or REASM_GAP_MEMORY. */
void reasm_finish(struct reasm *r, const struct reasm_env *env, void *ctx, enum reasm_cause cause);

/* Drops what waits. */
void reasm_free(struct reasm *r, const struct reasm_env *env);

/* Whether anything waits or is known to be missing. */
bool reasm_waiting(const struct reasm *r);

#endif
