/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * align.h - how many messages the holes of a connection hid.
 *
 * Number the requests that were seen n = 0, 1, .. and the responses p = 0, 1, ..; holes cut each direction
 * into regions. In region i of the requests, U[i] requests were hidden before each one seen; in region j of
 * the responses, V[j] responses. The true number of a message is then n + U[i], p + V[j], and a response
 * answers the request that has its own true number (RFC 9112 §9.3.2): n = p + V[j] - U[i].
 *
 *	requests   0 1 2 ····· 3 4 ······· 5        response p of region 1 answers the request of
 *	region     U[0]        U[1]        U[2]     region 1 with the number p + V[1] - U[1]
 *	responses  0 1 ······ 2 3 4 5 6
 *	region     V[0]       V[1]
 *
 * All that is known about these numbers has the form x[b] - x[a] <= w: what a hole can hold by its size, what
 * TCP's causality allows, what a drained connection says. Such difference constraints are kept closed under
 * addition (all shortest paths), so that align_range() is exact: a difference is certain when no solution
 * disagrees, and contradicting evidence shows as a negative cycle.
 */
#ifndef HTTPLAT_ALIGN_H
#define HTTPLAT_ALIGN_H

#include <stdbool.h>
#include <stdint.h>

/* Regions of one direction that are kept apart; the oldest is forgotten beyond that. */
#define ALIGN_REGIONS 12
/* "Not bounded". */
#define ALIGN_FAR (1 << 28)

enum align_side {
	ALIGN_REQUESTS = 0,
	ALIGN_RESPONSES,
};

struct align_region {
	uint64_t from, to; /* offsets of the hole before it; 0 for the first one */
	uint64_t first;    /* number of the first message seen in it */
};

struct align {
	unsigned int cnt[2];
	struct align_region region[2][ALIGN_REGIONS];
	int32_t most[2 * ALIGN_REGIONS][2 * ALIGN_REGIONS]; /* [a][b]: upper bound of x[b] - x[a] */
	bool contradiction;
	bool changed; /* a bound became tighter, or a region came; reset by the caller */
};

/* One region each, that begin with message 0; lo <= V - U <= hi. */
void align_init(struct align *a, int64_t lo, int64_t hi);

/* A hole [from, to) hid between least and most messages; `first` is the number of the next one seen. The side
 * must have room: see align_full(). */
void align_hole(struct align *a, enum align_side side, uint64_t from, uint64_t to, uint64_t first,
		int64_t least, int64_t most);

bool align_full(const struct align *a, enum align_side side);

/* Forgets the oldest region of a side; what its bounds imply for the others stays. */
void align_forget(struct align *a, enum align_side side);

/* V[j] - U[i] is at most `most`; at least `least`. */
void align_at_most(struct align *a, unsigned int i, unsigned int j, int64_t most);
void align_at_least(struct align *a, unsigned int i, unsigned int j, int64_t least);

/* The range of V[j] - U[i]; true when it is one number. */
bool align_range(const struct align *a, unsigned int i, unsigned int j, int64_t *lo, int64_t *hi);

/* The region of message `index`; the last region whose hole begins before offset `off`. */
unsigned int align_region_of(const struct align *a, enum align_side side, uint64_t index);
unsigned int align_region_at(const struct align *a, enum align_side side, uint64_t off);

#endif
