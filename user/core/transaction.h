/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * transaction.h - one HTTP request with its response, as it leaves the pure middle.
 *
 * Everything is borrowed and valid only inside the callback that hands it over. Strings are slices
 * of hostile bytes, not NUL terminated. `known_*` and `has_*` say whether a value was observed: what
 * was not is never printed as zero.
 */
#ifndef HTTPLAT_TRANSACTION_H
#define HTTPLAT_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "segment.h"

struct slice {
	const char *ptr;
	uint32_t len;
};

/* One header line that was asked for. Names in lower case; values without surrounding blanks. */
struct http_header {
	struct slice name, value;
};

/* The beginning of a message's body, after transfer decoding; `ptr` NULL: nothing of it was kept. */
struct body_bytes {
	const char *ptr;
	uint32_t len;
	bool cut; /* what comes next was asked for, but is missing: not captured, or no memory */
};

enum tx_side {
	SIDE_UNKNOWN = 0,
	SIDE_CLIENT,  /* seen at the client's socket on this host */
	SIDE_SERVER,  /* seen at the server's socket on this host */
	SIDE_TRANSIT, /* neither end is known to be local */
};

enum tx_flag {
	TX_MIDSTREAM = 1 << 0,       /* the connection's beginning was not seen */
	TX_GAP = 1 << 1,             /* bytes of it, or beside it, are missing from the capture */
	TX_TRUNCATED = 1 << 2,       /* a message is incomplete, or was cut by snaplen */
	TX_NO_RESPONSE = 1 << 3,
	TX_RESET = 1 << 4,           /* RST before the response was complete */
	TX_EARLY_RESPONSE = 1 << 5,  /* the response began before the request was complete */
	TX_ORPHAN_RESPONSE = 1 << 6, /* a response without a request */
	TX_UPGRADED = 1 << 7,        /* 101: the connection is another protocol from here on */
	TX_TUNNEL = 1 << 8,          /* 2xx to CONNECT */
	TX_MALFORMED = 1 << 9,       /* not parsable, or framing headers contradict each other */
	TX_CONFLICT = 1 << 10,       /* overlapping segments disagreed about bytes of it */
	TX_PIPELINED = 1 << 11,      /* sent before the previous response was complete */
};

/* What took the most of a transaction's time: see verdict.h. */
enum tx_verdict {
	VERDICT_NONE = 0, /* nothing took half of it, or the evidence is not there */
	VERDICT_APP,
	VERDICT_QUEUE,
	VERDICT_NETWORK,
	VERDICT_CLIENT,
	VERDICT_SERVER,
	VERDICT_UPLOAD,
	VERDICT_DOWNLOAD,
	VERDICT_CONNECT,
	VERDICT_HOL,
};

/* Bits of tx.fin and tx.rst: who sent one before the transaction was reported. */
enum tx_end {
	TX_END_CLIENT = 1 << 0,
	TX_END_SERVER = 1 << 1,
};

/* One message, request or response. Sequence numbers are the wire's. */
struct message {
	bool seen;     /* its start line was read */
	bool complete; /* its last byte was seen */
	uint8_t version_major, version_minor;
	uint64_t first_ns;    /* its first byte's segment */
	uint64_t last_ns;     /* when it became complete; else its last byte seen */
	uint64_t first_frame, last_frame;
	uint64_t size;        /* on the wire: start line, headers, body, chunk framing */
	uint64_t body_size;   /* payload after transfer decoding */
	uint32_t start_seq;
	uint32_t end_seq;      /* one past its last byte */
	uint32_t segments;     /* that brought new bytes */
	uint32_t retransmits;  /* that brought only old bytes; as the kernel counts: of a GSO packet each one */
	uint32_t out_of_order;
	uint64_t lost_bytes;     /* missing from the capture; elided ones are not */
	uint64_t zero_window_ns; /* while it was under way, its receiver had no room for a segment more */
	uint64_t stall_ns;       /* silence in which nothing but bytes that had been lost was waited for */
	uint64_t stall_late_ns;  /* the part of it that came after it was complete */
	uint64_t idle_ns;        /* silence after all of it that had been sent was acknowledged: its sender had no more */
	const struct http_header *headers; /* those asked for, in order of appearance */
	uint32_t header_cnt;
};

/* First to last byte. False: it is not complete, or the capture's clock stepped back. */
static inline bool message_time(const struct message *m, uint64_t *ns)
{
	if (!m->complete || m->last_ns < m->first_ns)
		return false;
	*ns = m->last_ns - m->first_ns;
	return true;
}

struct transaction {
	enum hook hook;
	enum tx_side side;
	struct endpoint client, server;
	uint64_t stream;         /* 0-based number of the connection in this run */
	uint64_t stream_request; /* 1-based number of the request on it; 0 for an orphan */
	uint32_t flags;          /* enum tx_flag */

	struct message req, resp;
	struct body_bytes req_body, resp_body;
	struct slice method, target;
	uint16_t status;      /* 0: none */
	uint32_t interim_cnt; /* 1xx responses before the final one */

	bool has_latency; /* latency_ns, total_ns */
	uint64_t latency_ns, total_ns;
	bool has_ttfb;
	uint64_t ttfb_ns;
	bool has_hol; /* pipelined, waited behind its predecessor */
	uint64_t hol_ns;
	bool has_connect;
	uint64_t connect_ns;
	/* request_ns + queue_ns + app_ns + response_ns = total_ns, at the server's socket */
	bool has_queue;
	uint64_t queue_ns; /* request complete -> its last byte read by the application */
	bool has_app;
	uint64_t app_ns; /* read -> the response's first byte */
	bool has_ack;
	uint64_t ack_ns; /* response complete -> acknowledged by the client */
	/* request_ns + ttfb_ns + response_ns = total_ns, at the client's socket */
	bool has_read;
	uint64_t read_ns; /* response complete -> its last byte read by the application */
	bool has_srtt;
	uint64_t srtt_ns;
	bool has_rtt_min;
	uint64_t rtt_min_ns;
	uint8_t fin, rst; /* enum tx_end */
	enum tx_verdict verdict;

	uint64_t exchange_id; /* equal for both ends of one exchange */
	struct owner owner;   /* of the socket at `side`; pid 0 unknown */
	uint64_t sock_cgroup_id;
	uint64_t cookie;
	uint32_t ifindex;
};

#endif
