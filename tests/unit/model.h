/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model.h - random HTTP conversations, and the packets that a real client and server would exchange.
 *
 *	model_http.c   what is said: requests, responses, all kinds of framing
 *	model_tcp.c    how it travels: two applications over two TCPs, in simulated time, with truthful sequence
 *	               numbers, acknowledgements, losses and retransmissions in the network
 *	model_check.c  what the middle makes of a (damaged) capture of it, held against what was said
 *
 * Everything follows from a seed. Offsets are those of a direction's byte stream: 0 is the byte after the
 * SYN. Direction 0 is the client's.
 */
#ifndef HTTPLAT_TEST_MODEL_H
#define HTTPLAT_TEST_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_EXCHANGES_MAX 64

enum model_end {
	MODEL_END_CLIENT_FIN = 0, /* all answered, then the client closes */
	MODEL_END_SERVER_FIN,     /* all answered, the last with Connection: close */
	MODEL_END_UNDELIMITED,    /* the last response's body ends with the connection */
	MODEL_END_UNANSWERED_FIN, /* the server closes with requests unanswered */
	MODEL_END_UNANSWERED_RST,
	MODEL_END_CLIENT_RST,     /* the client resets at some moment */
	MODEL_END_CUT,            /* the capture stops at some moment */
	MODEL_END_TUNNEL,         /* the last exchange is a CONNECT or an upgrade */
	MODEL_END_GIVEN_UP,       /* the server falls silent, the client waits, then closes */
	MODEL_END_MAX,
};

/* Where the capture is made. */
enum model_place {
	MODEL_BETWEEN = 0, /* neither end is known to be local */
	MODEL_AT_CLIENT,
	MODEL_AT_SERVER,
};

struct model_msg {
	uint64_t start, end; /* offsets in its direction's stream */
	uint64_t head_end;
	uint64_t body_size;
	uint16_t status;
	unsigned int interim_cnt;
	uint64_t interim_start; /* of the first 1xx before it; else start */
	bool begun;             /* start and end are meaningful */
	bool undelimited;       /* ends with the connection */
	bool pipelined;         /* sent before the previous response was complete */
	bool early;             /* its response may begin before its end */
	char method[16];
};

struct model_packet {
	uint64_t ns; /* when it passes the place of capture */
	unsigned int dir;
	uint64_t off;
	uint32_t len;
	uint64_t ack; /* offset of the other direction; one more with its FIN */
	bool syn, fin, rst, has_ack, probe;
};

struct model_bytes {
	uint8_t *data;
	size_t len, cap;
};

struct model {
	uint64_t seed, rng;
	enum model_end end;
	unsigned int exchange_cnt; /* requests that the client means to send */
	unsigned int answer_cnt;   /* of them the server answers so many */
	unsigned int depth;        /* requests that the client lets be outstanding */
	bool mixed_depth;
	bool bursts; /* it sends so many, then waits for all of their answers */
	bool decoys; /* bodies hold start lines */
	bool in_order_network;
	enum model_place place;
	uint32_t isn[2];
	uint32_t mss[2];
	struct model_bytes stream[2];
	struct model_msg req[MODEL_EXCHANGES_MAX], resp[MODEL_EXCHANGES_MAX];
	struct model_packet *pkt;
	size_t pkt_cnt, pkt_cap;
};

/* Random numbers: below n; true in n of 1000. */
uint64_t model_random(uint64_t *rng);
uint32_t model_below(struct model *m, uint32_t n);
bool model_chance(struct model *m, uint32_t per_mille);

void model_append(struct model_bytes *b, const void *data, size_t len);

/* Appends request i to the client's stream, response i to the server's; fills req[i], resp[i]. */
void model_request(struct model *m, unsigned int i);
void model_response(struct model *m, unsigned int i);

/* Makes the conversation of this seed. decoys: bodies may hold start lines, which behind a hole nobody can tell from
 * real ones. Freed by model_free(). */
void model_make(struct model *m, uint64_t seed, bool decoys);
void model_free(struct model *m);

/* How a capture of it was damaged, and what of it came out. */
struct model_damage {
	uint32_t drop_ppm;     /* packets removed */
	uint32_t shuffle_ppm;  /* packets that change places with a later one */
	uint32_t double_ppm;   /* packets that appear twice */
	bool lost_told;        /* the kernel says when it lost something (local ends only) */
};

struct model_score {
	uint64_t conversations, requests;
	uint64_t wrong;         /* pairs of a request with another's response */
	uint64_t invented;      /* messages that nobody sent */
	uint64_t doubled;       /* messages that were reported twice */
	uint64_t unflagged;     /* wrong sizes or a missing message, and nothing says so */
	uint64_t missing;       /* undamaged captures only: not reported as what it was */
	uint64_t whole, whole_found;           /* requests whose own packets are all there */
	uint64_t piped_whole, piped_found;     /* pipelined ones among them */
};

/* Replays m through the middle and adds to the score. verbose: says on stderr what is wrong. */
void model_check(const struct model *m, const struct model_damage *damage,
		 struct model_score *score, bool verbose);

#endif
