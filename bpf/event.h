/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * event.h - the records that cross the BPF ring buffer, and the counters beside it.
 *
 * This is the only file that kernel programs and user space share. Everything here has a fixed
 * width, explicit padding and a static assertion; no string, pointer or bit-field crosses.
 *
 *	 ring record:  struct event_segment | cap_len bytes of the packet, from the IP header on
 *	               struct event_owner
 *	               struct event_cgroup
 *	               struct event_read
 *	               struct event_sum
 *
 * A segment event is a packet as a capture file has it (pkt_len bytes on the wire, the first cap_len
 * of them copied) plus annotations, so that one decoder serves the ring and the file.
 *
 * Byte order: annotations are in host order, except addresses (network order, IPv4 as
 * ::ffff:a.b.c.d) and the packet itself. Times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef HTTPLAT_EVENT_H
#define HTTPLAT_EVENT_H

#ifndef __bpf__
#include <stddef.h>
#include <linux/types.h>
#endif

enum event_type {
	EVENT_UNKNOWN = 0,
	EVENT_SEGMENT = 1, /* struct event_segment and the packet's bytes */
	EVENT_OWNER = 2,   /* struct event_owner: another thread began to use a socket */
	EVENT_CGROUP = 3,  /* struct event_cgroup: a cgroup was made */
	EVENT_READ = 4,    /* struct event_read: an application took bytes off a socket */
	EVENT_SUM = 5,	   /* struct event_sum: segments that did not cross one by one */
};

enum event_hook {
	EVENT_HOOK_UNKNOWN = 0,
	EVENT_HOOK_CGROUP = 1,
	EVENT_HOOK_TC = 2,
	EVENT_HOOK_SOCKET = 3,
};

/* Relative to the host (tc, socket) or to the socket (cgroup). */
enum event_dir {
	EVENT_DIR_UNKNOWN = 0, /* neither end is known to be local: a forwarded or mirrored packet */
	EVENT_DIR_INGRESS = 1, /* the destination is the local end */
	EVENT_DIR_EGRESS = 2,  /* the source is the local end */
};

enum event_flag {
	EVENT_F_SOCK_TUPLE = 1 << 0,   /* local_*, remote_* are the socket's own addresses */
	EVENT_F_LISTENER = 1 << 1,     /* skb->sk is in LISTEN (or a request socket): cookie is 0 */
	EVENT_F_STREAM_START = 1 << 2, /* stream_start is valid */
	EVENT_F_NOT_HTTP = 1 << 3,     /* the one event of a connection that is not HTTP */
	EVENT_F_ELIDED = 1 << 4,       /* payload withheld on purpose: a body of known length */
	EVENT_F_LOST = 1 << 5,         /* lost_events, lost_bytes are valid: the ring was full before */
	EVENT_F_TCP_INFO = 1 << 6,     /* srtt_us, rtt_min_us, total_retrans are valid */
	EVENT_F_CONNECT = 1 << 7,      /* connect_ns is valid */
	EVENT_F_FOLLOWED = 1 << 8,     /* EVENT_OWNER_FOLLOWED of the owner */
};

enum event_owner_flag {
	EVENT_OWNER_FOLLOWED = 1 << 0, /* -p's process or a descendant; without it: not known to be */
	EVENT_OWNER_READ = 1 << 1,     /* read_seq is valid: this is an event_read as well */
	EVENT_OWNER_READ_LOST = 1 << 2, /* EVENT_READ_LOST */
};

enum event_read_flag {
	EVENT_READ_LOST = 1 << 0, /* at least one of this socket, since its previous one, found the ring full */
};

struct event_owner_id {
	__u64 cgroup_id; /* cgroup2 id of the task, not of the socket; 0 unknown */
	__u32 pid;       /* tgid in the initial pid namespace; 0: owner unknown */
	__u32 tid;
	char comm[16]; /* of the thread, NUL padded */
};

struct event_segment {
	__u16 type; /* EVENT_SEGMENT */
	__u8 hook;  /* enum event_hook */
	__u8 dir;   /* enum event_dir */
	__u32 flags; /* enum event_flag */
	__u64 time_ns;
	__u64 cookie;         /* socket cookie; 0: none, or a listener's */
	__u64 sock_cgroup_id; /* of the socket's creator; 0 unknown */
	struct event_owner_id owner;
	__u8 local_addr[16]; /* of the socket (before NAT), with EVENT_F_SOCK_TUPLE */
	__u8 remote_addr[16];
	__u16 local_port;
	__u16 remote_port;
	__u32 ifindex;
	__u32 pkt_len;       /* from the IP header to the end of the IP packet, on the wire */
	__u32 cap_len;       /* bytes that follow this struct */
	__u32 stream_start;  /* sequence number of the first payload byte ever sent in this direction */
	__u32 lost_events;   /* of this socket, since its previous event */
	__u64 lost_bytes;    /* payload bytes in them */
	__u64 connect_ns;    /* SYN sent to ESTABLISHED, at the client's socket */
	__u32 srtt_us;       /* smoothed round-trip time, microseconds (already divided by 8) */
	__u32 rtt_min_us;
	__u32 total_retrans; /* by this socket, since it was opened */
	__u32 owner_uid;     /* effective, in the initial user namespace; with an owner */
	__u32 owner_vpid;    /* owner.pid in its own pid namespace; 0: not known */
	__u32 gso_segs;	     /* segments that the packet stands for on the wire; 0: not known, or one */
};

struct event_owner {
	__u16 type; /* EVENT_OWNER */
	__u8 owner_flags; /* enum event_owner_flag */
	__u8 dir; /* enum event_dir of what the thread did: INGRESS it read, EGRESS it connected */
	__u32 owner_uid;
	__u64 time_ns;
	__u64 cookie; /* 0 where the kernel cannot tell it to a tracing program */
	struct event_owner_id owner;
	__u8 local_addr[16];
	__u8 remote_addr[16];
	__u16 local_port;
	__u16 remote_port;
	__u32 owner_vpid; /* as in struct event_segment */
	__u32 read_seq;	  /* struct event_read's seq */
	__u8 wscale;	  /* struct event_read's */
	__u8 pad[3];
};

/*
 * After the segments that brought the bytes, for their hook ran before the socket had them. Not for
 * every read: those that end within a body of known length tell nothing.
 */
struct event_read {
	__u16 type; /* EVENT_READ */
	__u8 flags; /* enum event_read_flag */
	__u8 wscale; /* RFC 7323: low four bits of the windows that arrive, high four of those that leave */
	__u32 seq; /* of the first byte that has not been read; MSG_PEEK reads nothing */
	__u64 time_ns;
	__u64 cookie;
};

/*
 * Before a segment that crosses: what went by on its connection and did not, in both directions,
 * [0] being the segment's own. In order and without a hole: from where the last segment, or sum,
 * ended up to `end`. `cnt` and `idle_ns` count from the connection's beginning and may be told
 * twice, so that what is new is the difference.
 */
struct event_sum {
	__u16 type; /* EVENT_SUM */
	__u8 hook;  /* of the segment that follows, as all up to dport */
	__u8 dir;
	__u32 pad;
	__u64 cookie;
	__u8 saddr[16]; /* on the wire */
	__u8 daddr[16];
	__u16 sport;
	__u16 dport;
	__u32 pad2;
	__u32 end[2]; /* sequence number behind the last of them; valid if there are any */
	__u32 cnt[2]; /* segments (of a GSO packet one) with payload; all of it was withheld */
	__u64 last_ns[2];
	__u64 quiet_ns; /* when the last of all went by that did not cross, also without payload */
	/* How long the local end had nothing to send within a message, everything being acknowledged: where
	 * that cannot be told by the segments that cross. */
	__u64 idle_ns;
};

/* Before any process can be in it, so before its first packet. The kernel cuts longer paths. */
#define EVENT_CGROUP_PATH_MAX 1024

struct event_cgroup {
	__u16 type; /* EVENT_CGROUP */
	__u16 pad[3];
	__u64 id; /* in cgroup2 */
	char path[EVENT_CGROUP_PATH_MAX]; /* from the hierarchy's root, "/a/b"; ends with NUL */
};

/* One word per slot of the `control` array, written by user space, read by the capture programs:
 * payload that ends at or before `seq` is the body of a message whose length is known.
 * slot = EVENT_CONTROL_SLOT(cookie, dir); the tag keeps a stale slot from eliding a stranger's bytes.
 */
#define EVENT_CONTROL_SLOTS (1u << 16)
#define EVENT_COOKIE_HASH(cookie) ((__u64)(cookie) * 0x9e3779b97f4a7c15ull)
#define EVENT_CONTROL_SLOT(cookie, egress) \
	((__u32)((EVENT_COOKIE_HASH(cookie) >> 32) & (EVENT_CONTROL_SLOTS / 2 - 1)) * 2 + !!(egress))
/* Never 0, so that an empty slot matches nobody. */
#define EVENT_CONTROL_TAG(cookie) ((__u32)(cookie) | 1u << 31)
#define EVENT_CONTROL_WORD(cookie, seq) ((__u64)EVENT_CONTROL_TAG(cookie) << 32 | (__u32)(seq))

/* Per-CPU counters of the capture programs, one slot each, never reset. */
enum event_counter {
	EVENT_CNT_PACKETS,      /* packets that a hook saw */
	EVENT_CNT_TCP,          /* of them TCP, whole header readable: what the next three leave, not counted */
	EVENT_CNT_OTHER,        /* not TCP over IP */
	EVENT_CNT_FRAGMENTS,    /* IP fragments other than the first: no TCP header */
	EVENT_CNT_MALFORMED,    /* headers that end before they should */
	EVENT_CNT_FILTERED,     /* TCP packets left out by --port and the filters by owner */
	EVENT_CNT_UNMATCHED,    /* TCP packets left out by -f */
	EVENT_CNT_NOT_HTTP,     /* payload segments of connections that are not HTTP */
	EVENT_CNT_SEGMENTS,     /* segment events written to the ring */
	EVENT_CNT_COPIED_BYTES, /* packet bytes in them */
	EVENT_CNT_ELIDED_BYTES, /* payload bytes withheld on purpose */
	EVENT_CNT_LOST_EVENTS,  /* segment events that found the ring full */
	EVENT_CNT_LOST_BYTES,   /* payload bytes in them */
	EVENT_CNT_NO_STATE,     /* no memory for a connection's state */
	EVENT_CNT_OWNER_EVENTS, /* owner events written */
	EVENT_CNT_OWNER_LOST,   /* owner events that found the ring full */
	EVENT_CNT_READ_EVENTS,  /* read events written, beside the owner events that are some as well */
	EVENT_CNT_READ_LOST,    /* read events that found the ring full */
	EVENT_CNT_QUIET,	/* TCP segments that were summed up, or said nothing new */
	EVENT_CNT_MAX,
};

#ifndef __bpf__
_Static_assert(sizeof(struct event_owner_id) == 32, "event_owner_id");
_Static_assert(sizeof(struct event_segment) == 160, "event_segment");
_Static_assert(offsetof(struct event_segment, owner) == 32, "owner");
_Static_assert(offsetof(struct event_segment, local_addr) == 64, "local_addr");
_Static_assert(offsetof(struct event_segment, pkt_len) == 104, "pkt_len");
_Static_assert(offsetof(struct event_segment, lost_bytes) == 120, "lost_bytes");
_Static_assert(sizeof(struct event_owner) == 104, "event_owner");
_Static_assert(sizeof(struct event_read) == 24, "event_read");
_Static_assert(sizeof(struct event_cgroup) == 1040, "event_cgroup");
_Static_assert(sizeof(struct event_sum) == 104, "event_sum");
_Static_assert(offsetof(struct event_sum, end) == 56, "end");
#endif

#endif
