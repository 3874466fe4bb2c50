/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * segment.h - one TCP segment, as it enters the pure middle.
 *
 * A segment comes from a BPF ring or from a capture file; from here on nobody knows which. All bytes
 * are borrowed: they are valid until the call they were passed to returns.
 */
#ifndef HTTPLAT_SEGMENT_H
#define HTTPLAT_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* An address and a port. IPv4 is held as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), network order. */
struct endpoint {
	uint8_t addr[16];
	uint16_t port; /* host order */
};

static inline bool endpoint_equal(const struct endpoint *x, const struct endpoint *y)
{
	uint64_t a[2], b[2];

	memcpy(a, x->addr, sizeof(a));
	memcpy(b, y->addr, sizeof(b));
	return x->port == y->port && a[0] == b[0] && a[1] == b[1];
}

enum hook {
	HOOK_UNKNOWN = 0,
	HOOK_CGROUP,
	HOOK_TC,
	HOOK_SOCKET,
	HOOK_FILE,
};

enum seg_dir {
	SEG_DIR_UNKNOWN = 0, /* neither end is known to be local */
	SEG_DIR_INGRESS,     /* the destination is the local socket */
	SEG_DIR_EGRESS,      /* the source is the local socket */
};

/* The task that uses a socket. pid 0: unknown. */
struct owner {
	uint32_t pid; /* tgid in the initial pid namespace */
	uint32_t tid;
	char comm[16];      /* NUL padded; hostile bytes */
	uint64_t cgroup_id; /* cgroup2 id of the task; 0 unknown */
};

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
	TCP_AE = 0x100, /* once NS; RFC 9768 */
};

/* What the kernel knew beside the packet. All zero for a capture file without annotations. */
struct annotation {
	uint64_t cookie;         /* socket cookie; 0: no socket, or a listener's */
	uint64_t sock_cgroup_id; /* cgroup2 id of the socket's creator; 0 unknown */
	struct owner owner;
	bool has_sock;                /* local, remote are the socket's own addresses (before NAT) */
	struct endpoint local, remote;
	bool has_stream_start;
	uint32_t stream_start; /* sequence number of this direction's first payload byte */
	bool not_http;         /* the one segment of a connection that the kernel saw is not HTTP */
	bool elided;           /* payload withheld on purpose (it is body), not cut by a limit */
	uint32_t lost_events;  /* of this socket since its previous segment: the ring was full */
	uint64_t lost_bytes;
	bool has_connect;
	uint64_t connect_ns; /* client's socket: SYN sent to ESTABLISHED */
	bool has_tcp_info;
	uint32_t srtt_us, rtt_min_us, total_retrans;
	uint32_t ifindex;
	uint32_t gso_segs; /* segments that it stands for on the wire; 0: not known, or one */
};

struct segment {
	uint64_t time_ns; /* live: CLOCK_MONOTONIC; file: since 1970 */
	uint64_t frame;   /* 1-based number in the capture file; 0 live */
	enum hook hook;
	enum seg_dir dir;

	struct endpoint src, dst; /* as in the packet */
	uint32_t seq, ack;        /* ack is meaningful with TCP_ACK only */
	uint16_t flags;           /* enum tcp_flag */
	uint16_t window;          /* as in the header, unscaled */
	uint16_t checksum;
	uint16_t urgent;

	const uint8_t *payload; /* first payload_cap of payload_len bytes; NULL when payload_cap is 0 */
	uint32_t payload_cap;
	uint32_t payload_len; /* on the wire */

	/* The packet from the IP header on, for filters and for -v. */
	const uint8_t *pkt;
	uint32_t pkt_cap, pkt_len;
	uint32_t tcp_off;     /* offset of the TCP header in pkt */
	uint32_t tcp_hdr_len; /* 20..60 */
	bool defragmented;    /* put together from IP fragments: pkt is the rebuilt packet */

	struct annotation note;
};

/* Segments of a connection that went by in order and did not come one by one; see struct event_sum, which bpf/event.h
 * explains. Tells of both directions, [0] being src → dst. */
struct sum {
	uint64_t cookie; /* as in a segment, with the rest of what names the connection */
	enum hook hook;
	enum seg_dir dir;
	struct endpoint src, dst;
	struct sum_half {
		uint32_t end; /* sequence number behind the last of them */
		uint32_t cnt; /* segments since the connection began */
		uint64_t last_ns;
	} half[2];
	uint64_t quiet_ns; /* when the last segment went by that did not come; 0: none did */
	uint64_t idle_ns;  /* since the connection began */
};

/* An application took bytes off a socket. */
struct reading {
	uint64_t cookie; /* 0: not known */
	bool has_tuple;
	struct endpoint local, remote; /* of the socket */
	uint32_t seq;                  /* of the first byte that it has not read */
	uint64_t time_ns;              /* as in struct segment */
	bool lost_before;              /* of this socket, since its previous one: the ring was full */
	uint8_t wscale_in, wscale_out; /* RFC 7323: of the windows that arrive, and of those that leave */
};

#endif
