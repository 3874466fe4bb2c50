/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * conn.h - one TCP connection: reassembly, HTTP and pairing put together, transactions out.
 *
 * Direction 0 is what `end[0]` sent, direction 1 what `end[1]` sent. Where the local end is known it is
 * end[0].
 */
#ifndef HTTPLAT_CONN_H
#define HTTPLAT_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "flow.h"
#include "http.h"
#include "mem.h"
#include "pair.h"
#include "park.h"
#include "reasm.h"
#include "segment.h"
#include "settle.h"

/* What all connections of a table share. */
struct conn_env {
	struct flow_sink sink;
	struct reasm_env reasm;
	struct http_env http;
	struct pair_env pair;
	struct mem mem;
	struct mem_pool tcps, https, msgs, parses, arenas;
	struct counters *cnt;
	uint64_t gap_timeout_ns;
	bool sees_reads;
	struct conn *waiting; /* those with exchanges in `settle`, by next_waiting */
	bool silent; /* being torn down: nothing is reported */
};

/* Reassembly, and what TCP did meanwhile. */
struct conn_tcp {
	struct reasm reasm;
	uint64_t heard_ns; /* of the segment before the latest one */
	uint32_t mss[2];	 /* the longest segment that end[dir] has sent */
	uint16_t window[2];	 /* as it was announced last, unscaled, and when */
	uint64_t announced_ns[2];
	uint64_t window_ns[2];	 /* since, or until, when */
	bool window_shut[2];	 /* end[dir] has no room for a segment more */
	bool elide_told[2];
	bool fin_has_ack[2];
	uint32_t elide_to[2];
	uint32_t fin_ack[2];
	uint64_t fin_ns[2]; /* of the first FIN; 0: none */
	uint64_t reset_ns;  /* when an RST was seen; 0: none */
};

/* Parsers, pairing and what follows them; made with the first payload. */
struct conn_http {
	struct http_stream stream[2];
	struct pair pair;
	bool pair_ready;
	bool hole;  /* there was one before pairing began */
	int client; /* direction of the requests; -1 unknown */
	uint64_t last_end[2]; /* offset behind the last message that ended */
	struct settle settle;
};

/* What stays for as long as the connection is known; see park.h. */
struct conn {
	struct conn_env *env;
	struct conn_tcp *tcp;	/* NULL: parked */
	struct conn_http *http; /* NULL: no payload yet, or parked */
	uint64_t last_ns;	/* of its latest segment */
	uint64_t cookie;
	uint64_t stream; /* 0-based number */
	struct endpoint end[2];	   /* as on the wire */
	struct endpoint *sock_end; /* the two as the socket has them, where that differs (NAT); NULL */
	uint32_t ifindex;
	uint32_t isn[2];
	uint32_t sum_cnt[2]; /* as told last, see struct sum */
	uint64_t sum_idle_ns;
	bool local_known; /* end[0] is a local socket */
	bool closed;
	bool midstream;
	bool fast_open; /* a SYN had data */
	bool isn_known[2];
	bool is_http;
	bool has_connect, has_srtt, has_rtt_min;
	bool rst[2]; /* who sent one */
	bool has_wscale;
	uint8_t wscale[2]; /* of the windows that end[dir] announces */
	uint8_t hook;	   /* enum hook */
	uint8_t protocol;  /* enum protocol: what it is when it is not HTTP */
	struct parked parked;
	uint64_t connect_ns;
	uint32_t srtt_us, rtt_min_us;
	uint64_t request_cnt;
	struct owner owner;
	uint64_t sock_cgroup_id;
	struct conn *next_waiting, **prev_waiting; /* prev_waiting NULL: not in the list */
};

/* Fills env's operation tables; config's and sink's parts are copied. */
void conn_env_init(struct conn_env *env, const struct flow_config *config,
		   const struct flow_sink *sink, struct counters *cnt);

/* Frees what it keeps for connections to come. */
void conn_env_free(struct conn_env *env);

/* 0 or -ENOMEM. */
int conn_init(struct conn *c, struct conn_env *env);

/* Whether it has more than what it has at rest. */
bool conn_is_busy(const struct conn *c);

/* Delivers what waits for a hole to fill: there is no memory for that. */
void conn_relieve(struct conn *c);

/* As its socket has it, where that is known. */
const struct endpoint *conn_endpoint(const struct conn *c, unsigned int dir);

/* Whether a SYN of direction dir begins another connection with the same addresses. */
bool conn_is_reuse(const struct conn *c, unsigned int dir, const struct segment *seg);

/* What comes next will be touched, see flow_expect(); first: what *c itself tells, else what that tells. */
void conn_expect(const struct conn *c, bool first);

/* Takes a segment; 0 or -ENOMEM (its bytes will show as a hole). */
int conn_push(struct conn *c, unsigned int dir, const struct segment *seg, uint64_t arrival);

/* Takes what went by unseen; dir: of sum->half[0]. Its two halves have the arrivals `arrival` and the next. */
void conn_sum(struct conn *c, unsigned int dir, const struct sum *sum, uint64_t arrival);

/* The application at the local end has read what came in, up to a position. */
void conn_read(struct conn *c, const struct reading *reading);

/* Reports the exchanges that have waited long enough at now_ns for what may follow them (settle.h). */
void conn_settle(struct conn *c, uint64_t now_ns);

/* Gives up old holes, and the memory of a connection at rest. */
void conn_flush(struct conn *c, uint64_t older_than_ns);

/* Reports what is left. Segments that come late find that it is over. */
void conn_end(struct conn *c);

/* The same, and frees everything but *c itself. */
void conn_free(struct conn *c);

#endif
