/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * owner_common.h - what the owner objects share: the `owners` hash, the events.
 *
 * Include after conn.h.
 */
#ifndef HTTPLAT_OWNER_COMMON_H
#define HTTPLAT_OWNER_COMMON_H

/* linux/tcp.h and linux/socket.h don't go with the kernel's own types. */
#define AF_INET	    2
#define AF_INET6    10
#define IPPROTO_TCP 6
#define SOCK_STREAM 1

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_CLOSE = 7,
	TCP_LISTEN = 10,
};

/* include/linux/sched.h */
#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD   0x00200000

/* The flags of a process that begins to use a socket. */
static __always_inline __u32 owner_flags(__u32 tgid, __u8 follow)
{
	if (follow == FOLLOW_NONE)
		return 0;
	if (follow == FOLLOW_MAP && !bpf_map_lookup_elem(&followed, &tgid))
		return 0;
	return EVENT_OWNER_FOLLOWED;
}

static __always_inline void put_by_cookie(__u64 cookie, const struct conn_owner *owner)
{
	struct owner_key key = {.cookie = cookie};

	bpf_map_update_elem(&owners, &key, owner, BPF_ANY);
}

static __always_inline void put_by_tuple(const struct conn_tuple *tuple,
					 const struct conn_owner *owner)
{
	struct owner_key key = {.tuple = *tuple};

	bpf_map_update_elem(&owners, &key, owner, BPF_ANY);
}

/* The key of a local end alone. */
static __always_inline void local_end(const struct conn_tuple *tuple, struct owner_key *key)
{
	__builtin_memcpy(key->tuple.local_addr, tuple->local_addr, sizeof(key->tuple.local_addr));
	key->tuple.local_port = tuple->local_port;
	key->tuple.netns = tuple->netns;
}

/* A client's: by its whole tuple, and by its end alone, for with NAT on output the wire shows
 * another remote end than the socket has. Its port is its own while it is connected. */
static __always_inline void put_client(const struct conn_tuple *tuple,
				       const struct conn_owner *owner)
{
	struct owner_key key = {};

	put_by_tuple(tuple, owner);
	local_end(tuple, &key);
	bpf_map_update_elem(&owners, &key, owner, BPF_ANY);
}

/* The tuple may serve another socket next, of another process. */
static __always_inline void forget_tuple(const struct conn_tuple *tuple)
{
	struct owner_key key = {.tuple = *tuple}, end = {};

	bpf_map_delete_elem(&owners, &key);
	local_end(tuple, &end);
	bpf_map_delete_elem(&owners, &end);
}

/* What of a socket was read, as far as that is known. */
struct owner_reading {
	__u32 seq;
	__u8 flags; /* EVENT_OWNER_READ and EVENT_OWNER_READ_LOST */
	__u8 wscale;
};

/* Tells user space. The segment that made a thread read has crossed already, without its reader.
 * Returns whether the ring had room. */
static __always_inline bool emit_owner(__u64 cookie, __u8 dir, const struct conn_tuple *tuple,
				       const struct conn_owner *owner,
				       const struct owner_reading *reading)
{
	struct event_owner *ev = bpf_ringbuf_reserve(&ring, sizeof(*ev), 0);

	if (!ev) {
		count(EVENT_CNT_OWNER_LOST, 1);
		return false;
	}
	ev->type = EVENT_OWNER;
	ev->owner_flags = owner->flags | reading->flags;
	ev->dir = dir;
	ev->owner_uid = owner->uid;
	ev->time_ns = bpf_ktime_get_ns();
	ev->cookie = cookie;
	ev->owner = owner->id;
	__builtin_memcpy(ev->local_addr, tuple->local_addr, sizeof(ev->local_addr));
	__builtin_memcpy(ev->remote_addr, tuple->remote_addr, sizeof(ev->remote_addr));
	ev->local_port = tuple->local_port;
	ev->remote_port = tuple->remote_port;
	ev->owner_vpid = owner->vpid;
	ev->read_seq = reading->seq;
	ev->wscale = reading->wscale;
	ev->pad[0] = ev->pad[1] = ev->pad[2] = 0;
	bpf_ringbuf_submit(ev, BPF_RB_NO_WAKEUP);
	count(EVENT_CNT_OWNER_EVENTS, 1);
	return true;
}

/* A cgroup was made. `path` is kernel memory, but no BTF pointer. */
static __always_inline void emit_cgroup(__u64 id, const char *path)
{
	struct event_cgroup *ev = bpf_ringbuf_reserve(&ring, sizeof(*ev), 0);

	if (!ev) {
		count(EVENT_CNT_OWNER_LOST, 1);
		return;
	}
	ev->type = EVENT_CGROUP;
	ev->pad[0] = ev->pad[1] = ev->pad[2] = 0;
	ev->id = id;
	/* What follows the path's end was in the ring before, which is no secret to its reader. */
	if (bpf_probe_read_kernel_str(ev->path, sizeof(ev->path), path) <= 0)
		ev->path[0] = 0;
	bpf_ringbuf_submit(ev, BPF_RB_NO_WAKEUP);
}

#endif
