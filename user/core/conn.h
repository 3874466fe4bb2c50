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
#include "reasm.h"
#include "segment.h"

/* What all connections of a table share. */
struct conn_env {
	struct flow_sink sink;
	struct reasm_env reasm;
	struct http_env http;
	struct pair_env pair;
	struct mem mem;
	struct counters *cnt;
	uint64_t gap_timeout_ns;
	bool silent; /* being torn down: nothing is reported */
};

struct conn_http; /* parsers and pairing; made with the first payload */

struct conn {
	const struct conn_env *env;
	struct reasm reasm;
	struct conn_http *http;
	struct endpoint end[2];
	bool local_known; /* end[0] is a local socket */
	bool closed;
	bool midstream;
	bool fast_open; /* a SYN had data */
	bool isn_known[2];
	uint32_t isn[2];
	uint64_t fin_ns[2]; /* of the first FIN; 0: none */
	bool fin_has_ack[2];
	uint32_t fin_ack[2];
	enum protocol protocol; /* what it is when it is not HTTP */
	bool is_http;
	enum hook hook;
	uint64_t cookie;
	uint64_t stream; /* 0-based number */
	uint64_t reset_ns; /* when an RST was seen; 0: none */
	uint64_t last_ns;
	uint32_t elide_to[2];
	bool elide_told[2];
	struct owner owner;
	uint64_t sock_cgroup_id;
	uint32_t ifindex;
	bool has_connect, has_srtt;
	uint64_t connect_ns, srtt_ns;
};

/* Fills env's operation tables; config's and sink's parts are copied. */
void conn_env_init(struct conn_env *env, const struct flow_config *config,
		   const struct flow_sink *sink, struct counters *cnt);

void conn_init(struct conn *c, const struct conn_env *env);

/* Whether a SYN of direction dir begins another connection with the same addresses. */
bool conn_is_reuse(const struct conn *c, unsigned int dir, const struct segment *seg);

/* Takes a segment; 0 or -ENOMEM (its bytes will show as a hole). */
int conn_push(struct conn *c, unsigned int dir, const struct segment *seg, uint64_t arrival);

/* Gives up old holes. */
void conn_flush(struct conn *c, uint64_t older_than_ns);

/* Reports what is left and frees everything but *c itself. */
void conn_end(struct conn *c);

#endif
