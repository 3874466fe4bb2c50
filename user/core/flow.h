/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * flow.h - the pure middle's front door: segments in, transactions out.
 *
 *	flow_push ─ which connection, which direction ─ reassembly ─ http ─ pair ─ sink.transaction
 *
 * A live flow is its socket, not its tuple: segments with a socket cookie are keyed by it, those
 * without (a listener's, a tap's) by the tuple as seen from the local end, and a flow that began
 * without a cookie is bound to the first one that appears with its tuple. A file's flow is its
 * unordered tuple. Each local end of a loopback connection is a flow of its own.
 *
 * The middle reads no clock: time is the segments' time, and the same segments give the same
 * transactions. Single-threaded per table; tables share nothing.
 */
#ifndef HTTPLAT_FLOW_H
#define HTTPLAT_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counters.h"
#include "segment.h"
#include "transaction.h"

struct flow_config {
	uint64_t gap_timeout_ns;  /* how long out-of-order bytes wait for a hole to fill */
	uint64_t idle_timeout_ns; /* a connection without segments for this long is forgotten */
	bool sees_reads;          /* flow_read() tells what applications read: wait for it */
	size_t max_memory;        /* bytes of connection state and buffers in all */
	size_t max_conn_memory;   /* bytes buffered for one connection */
	/* Header names, lower case, NULL-terminated array, borrowed for the table's life. */
	const char *const *request_headers;
	const char *const *response_headers;
	uint32_t body_bytes; /* to keep of each message's body; 0: none */
};

/* gap 10 s, idle 10 min, 64 MiB in all, 4 MiB a connection; host, user-agent, traceparent, x-request-id; content-type */
extern const struct flow_config flow_config_default;

/* What the middle tells the world. Any member may be NULL. */
struct flow_sink {
	void *ctx;
	/* A transaction ended; *tx is borrowed. */
	void (*transaction)(void *ctx, const struct transaction *tx);
	/* Capture control: payload of `cookie` in direction dir that ends at or before seq is body and
	 * need not be copied. Live flows with a cookie only. */
	void (*elide)(void *ctx, uint64_t cookie, enum seg_dir dir, uint32_t seq);
};

struct flow_table;

/* Returns NULL without memory. Both structs are copied. *cnt is borrowed and written. */
struct flow_table *flow_table_new(const struct flow_config *config, const struct flow_sink *sink,
				  struct counters *cnt);

/* Takes one segment. 0, or -ENOMEM: the segment was counted as lost and the flow stays sound. */
int flow_push(struct flow_table *ft, const struct segment *seg);

/* The connection of what flow_push(), flow_owner() or flow_read() has taken last, or is taking: also while it
 * reports. False: of none. */
bool flow_current(const struct flow_table *ft, uint64_t *stream);

/*
 * Segments or news of this socket come soon: what they will touch is brought nearer to the processor. Nothing else
 * happens. In stages 0 to FLOW_STAGES - 1, a few other segments apart, for what one finds has to be there first.
 */
#define FLOW_STAGES 4
void flow_expect(const struct flow_table *ft, uint64_t cookie, unsigned int stage);

/* Whether there are so many connections that it pays. */
bool flow_is_wide(const struct flow_table *ft);

/* Another owner of a socket became known (an owner event); cookie 0: found by local/remote. */
void flow_owner(struct flow_table *ft, uint64_t cookie, const struct endpoint *local,
		const struct endpoint *remote, const struct owner *owner);

/* Before the segment that follows them: segments that did not come one by one, of a connection that is known. */
void flow_sum(struct flow_table *ft, const struct sum *sum);

/* An application read; after the segments that brought the bytes, as in the ring. */
void flow_read(struct flow_table *ft, const struct reading *reading);

/* Reports exchanges that have waited long enough, at now_ns, for what may follow them: their acknowledgement, or the
 * client's reading. Costs what waits. Live, call it every few tens of milliseconds; a file's never wait. */
void flow_settle(struct flow_table *ft, uint64_t now_ns);

/*
 * Drives the clock: gives up holes whose oldest waiting byte is older than `older_than_ns`, forgets
 * connections whose last segment is older than `close_older_than_ns`. Times as in segment.time_ns.
 */
void flow_flush(struct flow_table *ft, uint64_t older_than_ns, uint64_t close_older_than_ns);

/* The end of the input: everything that is complete comes out, the rest is reported as what it is. */
void flow_finish(struct flow_table *ft);

/* Frees without reporting. NULL is fine. */
void flow_table_free(struct flow_table *ft);

#endif
