/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * http.h - the messages of one direction of a connection: chunks in, messages out. llhttp parses what is not
 * plain beyond doubt (http_line.c).
 *
 *	          start line                                       header section ends
 *	  SCAN ───────────────▶  LINE  ─▶ MESSAGE ────────────────────────┬─▶ body ─┐
 *	    ▲  ▲                  ▲                                       └─▶ OPAQUE (101, CONNECT)
 *	    │  └─ JUNK            └───────────── IDLE ◀─────── message complete ────┘
 *	  hole      ▲
 *	            └ syntax error
 *
 * SCAN: the position in the stream is not known to be a message's start; the next segment that begins with a
 * start line is taken for one, and what lay between is reported as a hole. A hole or a run that was not
 * copied costs O(1) inside a body of known length: llhttp's remaining length is moved on.
 *
 * Framing is RFC 9112 §6: Transfer-Encoding overrides Content-Length; where the two, or several
 * Content-Lengths, contradict each other the message is flagged TX_MALFORMED, as a smuggling attempt
 * would be. Bare LF line ends and obsolete folding are accepted, for they do not change framing.
 */
#ifndef HTTPLAT_HTTP_H
#define HTTPLAT_HTTP_H

#include <llhttp.h>
#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "mem.h"
#include "reasm.h"
#include "startline.h"
#include "transaction.h"

enum http_role {
	HTTP_ROLE_UNKNOWN = 0,
	HTTP_ROLE_REQUEST,
	HTTP_ROLE_RESPONSE,
};

#define HTTP_HEADERS_MAX 24          /* header lines kept per message */
#define HTTP_ARENA_MAX (160u << 10)  /* bytes of request line and kept header values */
#define HTTP_ARENA_FIRST 256u        /* room for most of them */
#define HTTP_HEAD_MAX (8u << 20)     /* a longer header section is no header section */

/* The beginning of a body: http_env.body_bytes of it at most. Exists with its first byte. */
struct http_kept_body {
	uint32_t len, cap;
	char bytes[];
};

/* Stands before the value of a header line in the arena, not aligned. */
struct http_kept_header {
	uint32_t name; /* index into http_wanted.names */
	uint32_t len;  /* of the value */
};

/* What an exchange that is over on the wire waits for: see settle.h. */
enum http_wait {
	HTTP_WAIT_NOTHING = 0,
	HTTP_WAIT_ACK,
	HTTP_WAIT_READ,
};

/* An exchange, with its request or its orphan response, from when it was over on the wire. */
struct http_held {
	enum http_wait wait;
	uint64_t since_ns;
	uint32_t extra;  /* enum tx_flag */
	uint64_t hol_ns; /* UINT64_MAX: does not apply */
	bool still_open; /* the response's stream had not ended */
	bool has_queue;
	uint64_t queue_ns;
	bool has_srtt, has_rtt_min;
	uint64_t srtt_ns, rtt_min_ns;
	struct owner owner;
};

/* A message on its way. Owned by the stream until ops->message, then by the callee. */
struct http_msg {
	struct http_msg *next; /* from here to `peak`: for its owner */
	struct http_msg *peer;
	uint64_t index, answered;
	bool numbered, has_answered, orphan, round, peak;
	struct message m;
	bool response;
	bool head_told; /* ops->head was called */
	bool ended;     /* nothing more will change */
	bool is_head, is_connect, says_close;
	bool pipelined;
	bool body_cut; /* nothing more of the body is kept: what comes next is missing */
	uint16_t status;
	uint32_t flags; /* enum tx_flag */
	uint32_t interim_cnt;
	uint64_t start_off, end_off;
	bool has_ack;
	uint64_t ack, last_ack; /* of its first and its latest segment (first copies), as offsets */
	struct reasm_mark seen_last; /* latest of its segments */
	uint64_t stalled_to; /* up to when waiting for lost bytes is in m.stall_ns */
	char *arena; /* a request's begins with its line, and that with the method */
	uint32_t arena_len, arena_cap;
	uint32_t method_len, target_pos, target_len;
	uint32_t kept_pos, kept_cnt; /* header lines: where the first one is in the arena, each behind the one before it */
	struct http_kept_body *body; /* NULL: nothing of it */
	struct http_held held;	     /* not set when a message begins */
};

/* How the body of a response is delimited, which only its request can tell (RFC 9112 §6.3). */
enum http_body {
	HTTP_BODY_BY_HEADERS = 0,
	HTTP_BODY_NONE,   /* answers HEAD */
	HTTP_BODY_TUNNEL, /* 2xx to CONNECT, 101: nothing after it is HTTP */
	HTTP_BODY_UNSURE, /* its request is not known: none, if a start line follows at once */
};

struct http_ops {
	/* The header section ended. The answer matters for responses only. */
	enum http_body (*head)(void *ctx, unsigned int dir, struct http_msg *msg);
	/* The message ended, complete or not (m.complete). The callee owns it now: http_msg_free(). */
	void (*message)(void *ctx, unsigned int dir, struct http_msg *msg);
	/* The position in the stream was lost, at offset off. */
	void (*lost)(void *ctx, unsigned int dir, uint64_t off);
	/* It was found again: whole messages may have been lost in [from, to), the next one starts at `to`.
	 * from == to: none was. boundary: one ended at `from`, and bytes are missing that are not known to be garbage. */
	void (*hole)(void *ctx, unsigned int dir, uint64_t from, uint64_t to, bool boundary);
	/* A start line was recognised for the first time. Returns whether the direction can have this role. */
	bool (*role)(void *ctx, unsigned int dir, enum http_role role);
	/* Bytes up to `to` are body or opaque and need not be copied; UINT64_MAX: all that follow. Told after each
	 * chunk for which it holds. Not while bytes of the body are still to be kept. */
	void (*body)(void *ctx, unsigned int dir, uint64_t to);
	/* The stream began, with bytes that are no HTTP/1. */
	void (*other)(void *ctx, unsigned int dir, enum protocol protocol);
};

/* The header lines of one kind of message that are to be kept. */
struct http_wanted {
	const char *const *names; /* lower case, NULL-terminated, borrowed */
	uint64_t lens;            /* bit n: one of them has n bytes */
};

struct http_env {
	const struct http_ops *ops;
	struct mem *mem;
	struct counters *cnt;
	struct http_wanted request, response;
	uint32_t body_bytes; /* to keep of each body; 0: none */
	struct mem_pool *msgs, *parses; /* of struct http_msg and http_parse */
	struct mem_pool *arenas;	/* of HTTP_ARENA_FIRST bytes */
	llhttp_t at_response;           /* a parser before a response */
	llhttp_t at_headers[2][10];     /* behind the start line of HTTP/1.N; of a request, a response */
};

/* Fills in what is the same for every message; the rest is set. Names of headers may be NULL: none. */
void http_env_init(struct http_env *env, const char *const *request_headers,
		   const char *const *response_headers);

enum http_state {
	HTTP_SCAN = 0,
	HTTP_IDLE,
	HTTP_LINE, /* inside a request line */
	HTTP_MESSAGE,
	HTTP_PEEK, /* after a header section: does a start line follow at once? */
	HTTP_JUNK, /* a message that could not be parsed goes on to the next start line */
	HTTP_OPAQUE,
};

/* What is there while a message is. */
struct http_parse {
	llhttp_t llhttp;
	uint64_t content_length;
	uint32_t want; /* where the kept header whose value comes is in the arena; or HTTP_WANT_NONE */
	uint8_t field_len;
	char field[48];
};

/* What could become a start line waits here: the first bytes of a stream, or behind a hole. */
struct http_probe {
	uint8_t len;
	uint8_t bytes[STARTLINE_PROBE_MAX];
	struct reasm_chunk chunk; /* that brought the first of them */
};

/* Connections have two of them each for as long as they live: what is not always needed is elsewhere. */
struct http_stream {
	enum http_role role;
	enum http_state state;
	uint8_t dir;
	bool probed;  /* the stream's first bytes were looked at */
	bool synced;  /* a message start was found once */
	uint8_t skipped_last; /* byte before `off` that belongs to no message; 0 unknown */
	bool from_start; /* the stream was seen from its beginning, or what is missing there is known */
	bool missed;  /* bytes are known to be missing */
	bool broken;  /* inside SCAN: position was lost at lost_off */
	bool lost_boundary; /* lost_off is where a message started */
	bool tunnel;  /* the current message is the last one */
	bool until_close, in_body, in_chunk, headers_done;
	bool content_length_seen, transfer_encoding_seen;
	bool at_line; /* in a header section: the next byte begins a line */
	uint8_t peek_len; /* bytes of a status line that were held back in HTTP_PEEK */
	uint64_t lost_off;
	uint64_t off; /* of the next byte */
	struct http_msg *cur;
	struct http_parse *parse;  /* of cur; NULL without */
	struct http_probe *probe;  /* NULL: nothing waits */
	const struct reasm_chunk *chunk; /* being taken */
	const struct http_env *env;
	void *ctx;
};

void http_stream_init(struct http_stream *s, const struct http_env *env, void *ctx,
		      unsigned int dir);

/* Takes the next chunk. */
void http_stream_chunk(struct http_stream *s, const struct reasm_chunk *chunk);

/* The connection became opaque (101, CONNECT) by a message of the other direction. */
void http_stream_opaque(struct http_stream *s);

/* The connection is over: ends the current message as far as it came. Nothing is left to free. */
void http_stream_finish(struct http_stream *s);

/* For [from, to) nothing but lost bytes of the message was waited for. */
void http_msg_stalled(struct http_msg *msg, uint64_t from_ns, uint64_t to_ns);

/* Whether it ended, and has bytes of [from, to). */
bool http_msg_covers(const struct http_msg *msg, uint64_t from, uint64_t to);

void http_msg_free(const struct http_env *env, struct http_msg *msg);

#endif
