/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stream.h - a scripted conversation over TCP: each call is a segment with truthful sequence numbers,
 * acknowledgements and times, as a capture would hold it.
 *
 *	capture_open(&cap, NULL);
 *	stream_open(&s, &cap, 1000, 2000);               the handshake
 *	say(&s, CLIENT, "GET / HTTP/1.1\r\n\r\n");
 *	miss(&s, SERVER, "HTTP/1.1 100 \r\n\r\n");       sent and received, but not captured
 *	late = prepare(&s, SERVER, 0, "HTTP/1.1 ", 9);   sent now, ...
 *	give(&s, late);                                  ... captured later, or twice
 *	capture_finish(&cap);
 *	... cap.tx[0], cap.cnt
 *
 * A segment acknowledges all that the other end has sent so far, unless its sender is deaf. Each one is sent a
 * millisecond after the one before.
 */
#ifndef HTTPLAT_TEST_STREAM_H
#define HTTPLAT_TEST_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flow.h"

#define MS 1000000ull

enum { CLIENT = 0, SERVER = 1 };

/* A transaction that was reported, with copies of what it borrows. */
struct record {
	struct transaction tx;
	char *method, *target, *req_body, *resp_body;
	struct http_header req_headers[24], resp_headers[24];
};

struct elide_call {
	uint64_t cookie;
	enum seg_dir dir;
	uint32_t seq;
};

/* A table of connections and everything that came out of it. */
struct capture {
	struct flow_table *ft;
	struct counters cnt;
	struct record *tx;
	size_t tx_cnt;
	bool discard; /* count only */
	struct elide_call elide[64];
	size_t elide_cnt;
};

/* config NULL: the default one. */
void capture_open(struct capture *cap, const struct flow_config *config);
/* The input ends. */
void capture_finish(struct capture *cap);
void capture_close(struct capture *cap);

struct packet {
	struct packet *next;
	struct segment seg;
	unsigned int who;
	uint8_t *bytes; /* a block of exactly seg.payload_cap bytes */
};

struct stream {
	/* Where segments go: flow_push(), or whatever stands here. */
	int (*push)(void *ctx, unsigned int who, const struct segment *seg);
	void *ctx;
	struct endpoint end[2];
	uint32_t next[2]; /* sequence numbers */
	uint32_t heard[2];
	bool deaf[2];  /* this end's acknowledgement stays where it is */
	bool local[2]; /* captured at this end's socket; at both: every segment comes twice */
	struct annotation note[2]; /* at this end's socket; [sender] where no end is local */
	uint32_t snap;		   /* copy so many bytes; 0: all */
	uint64_t ns;
	int err; /* of the latest segment */
	struct packet *packets;
};

/* Ports 40000 and 80 of 10.0.0.1 and 10.0.0.2. Nothing is sent. */
void stream_init(struct stream *s, struct capture *cap, uint32_t client_isn, uint32_t server_isn);
/* The same, with the three segments of the handshake. */
void stream_open(struct stream *s, struct capture *cap, uint32_t client_isn, uint32_t server_isn);
void stream_handshake(struct stream *s);
void stream_close(struct stream *s);

/* Sends a segment that nobody captured yet; freed with the stream. flags: beside ACK. */
struct packet *stream_prepare(struct stream *s, unsigned int who, uint16_t flags, const void *data,
			      size_t len);
void stream_give(struct stream *s, struct packet *p);

void stream_say(struct stream *s, unsigned int who, const char *text);
void stream_say_bytes(struct stream *s, unsigned int who, const void *data, size_t len);
void stream_miss(struct stream *s, unsigned int who, const char *text);
/* A segment without data. */
void stream_tell(struct stream *s, unsigned int who, uint16_t flags);
/* FIN both ways, the client first. */
void stream_goodbye(struct stream *s);

/* A script reads better without the prefix. */
#define handshake stream_handshake
#define prepare	  stream_prepare
#define give	  stream_give
#define say	  stream_say
#define say_bytes stream_say_bytes
#define miss	  stream_miss
#define tell	  stream_tell
#define goodbye	  stream_goodbye

#endif
