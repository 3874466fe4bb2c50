/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * window.h - how a client lets requests be outstanding, learned from what it did.
 *
 * Two habits align what holes tore apart:
 *
 *	rounds   it sends some requests, receives exactly their answers, and sends again: whenever it sends after
 *	         having received something, nothing is outstanding. One request a round: it waits for each answer.
 *	ceiling  it lets so many be outstanding, again and again, and never more.
 *
 * A habit is an assumption with a threshold. For a client that stops at random, as likely as not, each request of
 * a round is a coin that fell on the same side: WINDOW_ROUND_REQUESTS of them in a row are taken for a
 * habit. The ceiling's test is the same with an estimated coin: among the peaks that reached the level below the
 * highest, the share that went on to the highest tells how likely this client goes up a step; if it were
 * as likely to go up another, so many peaks in a row would not all have stopped there.
 *
 * One exception refutes a habit for good.
 */
#ifndef HTTPLAT_WINDOW_H
#define HTTPLAT_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_LEVELS 32
/* Requests in whole rounds, and rounds of more than one if there are such, that prove the habit. */
#define WINDOW_ROUND_REQUESTS 20
#define WINDOW_BURSTS 5
/* The same for a client that was never seen to pipeline: requests behind a response's end. The lower number
 * does where two rounds agree. */
#define WINDOW_WAITED 16
#define WINDOW_WAITED_ROUNDS 8
/* Requests in peaks of one height; fewer prove nothing. */
#define WINDOW_PEAK_REQUESTS 16
/* One client in so many is misjudged at the most, were its steps up independent. */
#define WINDOW_ODDS 1000

struct window {
	uint16_t peaks[WINDOW_LEVELS + 1]; /* how many stopped at each level */
	uint8_t highest;                   /* level that was reached */
	bool no_ceiling, no_rounds;        /* refuted */
	uint32_t round_requests, bursts;
	uint32_t waited; /* requests that acknowledged a response to its end */
};

/* The client sent `sent` requests in a row and received `answered` responses before it sent on. */
void window_round(struct window *w, uint64_t sent, uint64_t answered);

/* A peak of `level` outstanding requests; a level that was reached, be it a peak or not. Levels below 1 are ignored. */
void window_peak(struct window *w, int64_t level);
void window_reach(struct window *w, int64_t level);

/* What followed from the habits contradicts the facts. */
void window_refute(struct window *w);

/* Whether the client, if it was never seen to pipeline, is known to wait for each answer. */
bool window_waits(const struct window *w);

/* Whether nothing is outstanding when the client sends after having received something. */
bool window_in_rounds(const struct window *w);

/* The most that the client lets be outstanding; 0: not known. */
unsigned int window_ceiling(const struct window *w);

#endif
