// SPDX-License-Identifier: GPL-2.0-only
/*
 * owner_classic.bpf.c - which task uses a socket, through classic tracepoints: for kernels without
 * BTF, and before 5.12.
 *
 *	connect()   sock/inet_sock_set_state CLOSE -> SYN_SENT   pending, by the socket's address
 *	            ... SYN_SENT -> ESTABLISHED                  owners, by tuple
 *	recv()...   tcp/tcp_rcv_space_adjust                     owners, by both; event
 *
 * Everything comes from the tracepoints' records: no kernel memory is read. So socket storage is
 * out of reach (hence the `owners` hash), the network namespace is not known (two of them with the
 * same tuple are confused until somebody reads), kernel threads are told by their names, and it
 * cannot be seen whether a connection is HTTP: each new reader of any connection gives an event.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "event.h"
#include "conn.h"
#include "owner_common.h"

/*
 * The records, as /sys/kernel/tracing/events/GROUP/NAME/format has them. Addresses are taken from
 * the _v6 members, which hold IPv4 as ::ffff:a.b.c.d; they are not aligned, hence halves.
 */
struct rcv_space_adjust { /* before 5.18 */
	__u64 common;
	__u64 skaddr;
	__u16 sport;
	__u16 dport;
	__u8 saddr[4];
	__u8 daddr[4];
	__u16 saddr_v6[8];
	__u16 daddr_v6[8];
	__u8 pad[4];
	__u64 sock_cookie;
};

struct rcv_space_adjust_family { /* since 5.18 */
	__u64 common;
	__u64 skaddr;
	__u16 sport;
	__u16 dport;
	__u16 family;
	__u8 saddr[4];
	__u8 daddr[4];
	__u16 saddr_v6[8];
	__u16 daddr_v6[8];
	__u8 pad[2];
	__u64 sock_cookie;
};

struct inet_sock_set_state {
	__u64 common;
	__u64 skaddr;
	int oldstate;
	int newstate;
	__u16 sport;
	__u16 dport;
	__u16 family;
	__u16 protocol;
	__u8 saddr[4];
	__u8 daddr[4];
	__u16 saddr_v6[8];
	__u16 daddr_v6[8];
};

_Static_assert(__builtin_offsetof(struct rcv_space_adjust, saddr_v6) == 28, "saddr_v6");
_Static_assert(__builtin_offsetof(struct rcv_space_adjust, sock_cookie) == 64, "sock_cookie");
_Static_assert(__builtin_offsetof(struct rcv_space_adjust_family, saddr_v6) == 30, "saddr_v6");
_Static_assert(__builtin_offsetof(struct rcv_space_adjust_family, sock_cookie) == 64,
	       "sock_cookie");
_Static_assert(__builtin_offsetof(struct inet_sock_set_state, protocol) == 30, "protocol");
_Static_assert(__builtin_offsetof(struct inet_sock_set_state, saddr_v6) == 40, "saddr_v6");

/* Clients between connect() and ESTABLISHED, by the socket's address, which is unique that long. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct conn_owner);
} pending SEC(".maps");

const volatile struct owner_config owner_cfg;

/* Copies both addresses and ports of a record into a zeroed tuple. */
#define FILL_TUPLE(t, rec)                                                                         \
	do {                                                                                       \
		__u16 *_local = (__u16 *)(t)->local_addr;                                          \
		__u16 *_remote = (__u16 *)(t)->remote_addr;                                        \
		_Pragma("unroll") for (int _i = 0; _i < 8; _i++) {                                 \
			_local[_i] = (rec)->saddr_v6[_i];                                          \
			_remote[_i] = (rec)->daddr_v6[_i];                                         \
		}                                                                                  \
		(t)->local_port = (rec)->sport;                                                    \
		(t)->remote_port = (rec)->dport;                                                   \
	} while (0)

/* Work that a softirq or a kernel thread does for nobody in particular. */
static __always_inline bool is_kernel_comm(const char comm[16])
{
	static const char worker[8] = "kworker/", softirq[8] = "ksoftirq";
	const __u64 *have = (const void *)comm;

	return *have == *(const __u64 *)worker || *have == *(const __u64 *)softirq;
}

/* Fills a zeroed *owner; false when the task is no owner. */
static __always_inline bool fill_current(struct conn_owner *owner)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();

	owner->id.pid = pid_tgid >> 32;
	owner->id.tid = (__u32)pid_tgid;
	bpf_get_current_comm(owner->id.comm, sizeof(owner->id.comm));
	if (!owner->id.pid || is_kernel_comm(owner->id.comm))
		return false;
	owner->id.cgroup_id = bpf_get_current_cgroup_id();
	owner->uid = (__u32)bpf_get_current_uid_gid(); /* the real one: there is no other */
	owner->flags = owner_flags(owner->id.pid, owner_cfg.follow);
	return true;
}

SEC("tracepoint/sock/inet_sock_set_state")
int owner_set_state(struct inet_sock_set_state *rec)
{
	int oldstate = rec->oldstate, newstate = rec->newstate;
	__u64 skaddr = rec->skaddr;
	struct conn_tuple tuple = {};
	struct conn_owner *known;

	if (rec->protocol != IPPROTO_TCP)
		return 0;
	if (oldstate == TCP_CLOSE && newstate == TCP_SYN_SENT) {
		struct conn_owner owner = {};

		if (fill_current(&owner))
			bpf_map_update_elem(&pending, &skaddr, &owner, BPF_ANY);
		return 0;
	}
	if (oldstate == TCP_SYN_SENT && newstate == TCP_ESTABLISHED) {
		known = bpf_map_lookup_elem(&pending, &skaddr);
		if (!known)
			return 0;
		FILL_TUPLE(&tuple, rec);
		put_client(&tuple, known);
	} else if (newstate == TCP_CLOSE) {
		FILL_TUPLE(&tuple, rec);
		forget_tuple(&tuple);
	} else {
		return 0;
	}
	bpf_map_delete_elem(&pending, &skaddr);
	return 0;
}

static __always_inline bool is_same_id(const struct event_owner_id *a,
				       const struct event_owner_id *b)
{
	const __u64 *x = (const void *)a, *y = (const void *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}

/*
 * Fills a zeroed *owner. True when it is another than the last one who read, be it by name or
 * cgroup, and fit to be one.
 */
static __always_inline bool is_new_reader(__u64 cookie, struct conn_owner *owner)
{
	struct owner_key key = {.cookie = cookie};
	const struct conn_owner *known;

	if (!fill_current(owner))
		return false;
	known = bpf_map_lookup_elem(&owners, &key);
	return !known || known->uid != owner->uid || !is_same_id(&known->id, &owner->id);
}

static __always_inline int on_read(__u64 cookie, const struct conn_tuple *tuple,
				   const struct conn_owner *owner)
{
	const struct owner_reading none = {};

	put_by_cookie(cookie, owner);
	put_by_tuple(tuple, owner);
	emit_owner(cookie, EVENT_DIR_INGRESS, tuple, owner, &none);
	return 0;
}

/* The loader picks the one that fits the kernel's record. */
SEC("tracepoint/tcp/tcp_rcv_space_adjust")
int owner_read(struct rcv_space_adjust *rec)
{
	struct conn_tuple tuple = {};
	struct conn_owner owner = {};

	if (!is_new_reader(rec->sock_cookie, &owner))
		return 0;
	FILL_TUPLE(&tuple, rec);
	return on_read(rec->sock_cookie, &tuple, &owner);
}

SEC("tracepoint/tcp/tcp_rcv_space_adjust")
int owner_read_family(struct rcv_space_adjust_family *rec)
{
	struct conn_tuple tuple = {};
	struct conn_owner owner = {};

	if (!is_new_reader(rec->sock_cookie, &owner))
		return 0;
	FILL_TUPLE(&tuple, rec);
	return on_read(rec->sock_cookie, &tuple, &owner);
}

char LICENSE[] SEC("license") = "GPL";
