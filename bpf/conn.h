/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * conn.h - what the kernel side remembers of a connection, and the maps that hold it.
 *
 * Several objects share these maps: capture.bpf.c has the traffic's part; owner.bpf.c (tp_btf),
 * owner_raw.bpf.c (raw tracepoints) or owner_classic.bpf.c (classic ones) the owner's part. The
 * loader creates the maps with the capture object and hands them to the owner objects
 * (bpf_map__reuse_fd), so the names are fixed:
 *
 *	conns           socket -> struct conn_state     freed with the socket, nothing to size
 *	owners          struct owner_key -> conn_owner  LRU; where an owner program cannot write
 *	                                                socket storage, or a hook has no socket
 *	followed        processes that -p --follow means
 *	ring            struct event_segment, event_owner, event_cgroup
 *	counters        per-CPU, one struct counter_block
 *
 * Who writes what: owner programs write conn_state.owner, .sender_owns, .shared, .read_*, .*wscale,
 * put 0 into .verdict.pid when the owner changes, and write .cookie where it is 0 and they can know
 * it; everything else in conn_state belongs to the capture programs. There are no locks: one
 * socket's packets are handled one at a time but for the two directions, which touch different
 * members, and a torn owner would need two threads taking over a socket at the same instant.
 *
 * Include <linux/bpf.h> or vmlinux.h, then <bpf/bpf_helpers.h>, then event.h before this file.
 */
#ifndef HTTPLAT_CONN_H
#define HTTPLAT_CONN_H

/* Who uses the socket. id.pid == 0: not known yet. */
struct conn_owner {
	struct event_owner_id id;
	__u32 uid;   /* effective; real where only classic tracepoints are to be had */
	__u32 flags; /* enum event_owner_flag */
	__u32 vpid;  /* id.pid in its own pid namespace; 0: not known */
	__u32 pad;
};

enum owner_follow {
	FOLLOW_NONE = 0,
	FOLLOW_MAP, /* who is followed is in `followed` */
	FOLLOW_ANY, /* it is not known in the kernel: everybody may be */
};

/* What the owner programs are told before they are loaded. */
struct owner_config {
	__u64 pidns_dev; /* device of the files /proc/PID/ns/pid */
	__u8 to_tuple;	 /* write owners by tuple as well: the socket hook */
	__u8 sees_send;	 /* one of the owner_send programs is at work */
	__u8 follow;	 /* enum owner_follow */
	__u8 seeded;	 /* `owners` has what was open at the start: forget it in time */
	__u32 netns; /* that the hook is in: tuples are looked up with it; 0: it is in all of them */
};

enum conn_proto {
	CONN_PROTO_UNKNOWN = 0, /* no payload seen yet */
	CONN_PROTO_HTTP,	/* a message began in either direction: everything crosses */
	CONN_PROTO_OTHER,	/* the first payload was something else, and was reported */
};

/* As seen from the local end. Where neither end is known to be local, a fixed order of addresses
 * and ports says which one stands as the local one, so that both directions meet in one entry. */
struct conn_tuple {
	__u8 local_addr[16]; /* network order; IPv4 as ::ffff:a.b.c.d */
	__u8 remote_addr[16];
	__u16 local_port; /* host order */
	__u16 remote_port;
	__u32 netns; /* inode number of the network namespace; 0: unknown */
};

/* Either the cookie and a zero tuple, or cookie 0 and the tuple; of a client also its local end
 * alone. */
struct owner_key {
	__u64 cookie;
	struct conn_tuple tuple;
};

/* Arrays in struct conn_state are indexed by direction. */
#define CONN_IN	 0
#define CONN_OUT 1

/* What user space has said of a cgroup, in the map `cgroups`. */
enum filter_verdict {
	FILTER_UNDECIDED = 0, /* nothing yet: what is in it is copied */
	FILTER_NO,
	FILTER_YES,
};

/* What the filters by owner said last, and of whom: see filter.h. */
struct conn_verdict {
	__u64 cgroup_id;
	__u32 pid, tid;
	__u32 generation;
	__u32 result; /* enum filter_verdict */
};

/* What went by in one direction, see sum.h. Written by segments of that direction alone. */
struct conn_stream {
	__u64 sum_ns;	/* time of the last segment that was summed up */
	__u64 quiet_ns; /* of the last one that did not cross, summed up or not */
	__u64 cross_ns; /* of the last one that did */
	__u64 ack_ns;	/* since when `ack` stands, and there is room for more */
	__u32 ack;	/* of the other direction */
	__u32 told_ack; /* of the last segment that crossed */
	__u32 next;	/* behind the last byte of this one */
	__u32 hole_end; /* up to here bytes may be missing */
	__u32 sum_end;	/* behind the last segment that was summed up */
	__u32 sum_cnt;	/* how many were */
	__u32 told_sum_cnt[2]; /* sum_cnt of this direction, and of the other, as segments of this one told it */
	__u32 cross_from; /* what crossed, and may not be known to be acknowledged: from here */
	__u32 cross_end;
	__u32 mss; /* the longest segment that crossed */
	/* Bytes: which of the above are valid. */
	__u8 has_next, has_ack, has_told_ack, has_cross;
	__u8 has_hole;
	__u8 no_room; /* who sends this direction has no room for a segment more */
	__u8 stray;   /* its last segment did not begin at `next` */
	__u8 pad;
};

struct conn_state {
	struct conn_owner owner; /* written by the owner programs */
	struct conn_verdict verdict;
	__u64 cookie;	      /* 0: not known yet (tc ingress cannot ask for it) */
	__u64 sock_cgroup_id; /* of the socket's creator, where a hook could tell it; 0 unknown */
	__u64 syn_ns;	      /* when this end's first SYN left */
	__u64 connect_ns;
	__u64 lost_bytes;  /* payload in lost_events */
	__u32 lost_events; /* that found the ring full since the last one that did not */
	__u32 syn_seq;
	__u32 stream_start[2];
	__u32 body_start[2];
	__u32 body_end[2];
	__u32 proto; /* enum conn_proto */
	/* Bytes and not bits: the two directions may be handled at the same time. */
	__u8 has_start[2]; /* stream_start[] is known */
	__u8 has_body[2];  /* body_start[], body_end[] are valid: its length is known */
	__u8 has_connect;  /* connect_ns is valid */
	__u8 asked_head;   /* HEAD was seen: a response may lack its body */
	__u8 probed;	   /* the socket was asked for its stream starts */
	__u8 sender_owns;  /* a client's: its owner is who sends, and who reads does not count */
	__u8 shared;	   /* has changed hands: who a request is for is known when it is read */
	__u8 read_lost;	   /* a read event found the ring full since the last one that did not */
	__u8 has_wscale;   /* wscale is valid, and user space knows it */
	__u8 wscale;	   /* as in struct event_read */
	__u32 read_seq; /* how far the application had read when the read event before was due */
	__u64 idle_ns;	   /* see struct event_sum */
	__u64 told_idle_ns;
	struct conn_stream stream[2];
};

struct counter_block {
	__u64 v[EVENT_CNT_MAX];
};

#ifdef __bpf__

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conn_state);
} conns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct owner_key);
	__type(value, struct conn_owner);
} owners SEC(".maps");

/* tgid -> anything: -p with --follow. Kept by follow.bpf.c. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u8);
} followed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counter_block);
} counters SEC(".maps");

static __always_inline void count(enum event_counter which, __u64 n)
{
	__u32 zero = 0;
	struct counter_block *block = bpf_map_lookup_elem(&counters, &zero);

	/* Atomic: a packet that is sent can be interrupted by one that arrives. */
	if (block)
		__sync_fetch_and_add(&block->v[which], n);
}

/* A segment that was written, in one look-up. */
static __always_inline void count_copied(__u64 bytes)
{
	__u32 zero = 0;
	struct counter_block *block = bpf_map_lookup_elem(&counters, &zero);

	if (!block)
		return;
	__sync_fetch_and_add(&block->v[EVENT_CNT_SEGMENTS], 1);
	__sync_fetch_and_add(&block->v[EVENT_CNT_COPIED_BYTES], bytes);
}

#endif /* __bpf__ */

#endif
