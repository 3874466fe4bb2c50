/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filter.h - which connections are asked for, by who uses them.
 *
 *	the socket's storage ─ same owner, same generation ─ the verdict of before
 *	                     └ else: pid, uid, comm; `cgroups` by the user's and the creator's
 *
 * User space decides about cgroups, by path and by the names of what runs there, when it meets
 * them, and puts what it decided into `cgroups`. What is not there is not decided, and is copied:
 * user space filters again, and exactly. So is what has no owner yet. A connection's verdict is
 * kept with the connection, so that a packet of one that is left out costs the look-up of its
 * storage; user space raises the generation when it has decided something.
 *
 * The owner at a server's socket is who read the last request, and the next may be for another. So
 * there the name is no reason to leave something out: threads of a pool have one each, and a
 * program may execute another. And a connection that went from one process to another is copied
 * from then on whoever has it, which comes late for the request that was under way.
 */
#ifndef HTTPLAT_FILTER_H
#define HTTPLAT_FILTER_H

/* LRU: cgroups that are gone make room by themselves, and one that was pushed out is copied. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u32); /* enum filter_verdict */
} cgroups SEC(".maps");

volatile __u32 filter_generation;

static __always_inline bool has_owner(const struct conn_state *st)
{
	return st && st->owner.id.pid;
}

/* A global function, so that the verifier looks at it once. */
__noinline int cgroup_verdict(__u64 id)
{
	__u32 *verdict = bpf_map_lookup_elem(&cgroups, &id);

	return verdict ? *verdict : FILTER_UNDECIDED;
}

/* Either may match: who uses the socket, or who made it. */
static __always_inline __u32 ask_cgroups(__u64 user_id, __u64 creator_id, __u32 hook)
{
	__u32 user = cgroup_verdict(user_id), creator = FILTER_NO;

	if (user == FILTER_YES || user_id == creator_id)
		return user;
	if (creator_id)
		creator = cgroup_verdict(creator_id);
	else if (hook != EVENT_HOOK_SOCKET) /* which never knows it */
		creator = FILTER_UNDECIDED;
	if (creator == FILTER_YES)
		return FILTER_YES;
	return user == FILTER_NO && creator == FILTER_NO ? FILTER_NO : FILTER_UNDECIDED;
}

static __always_inline __u32 ask_owner(const struct conn_owner *owner, bool by_comm)
{
	/* Volatile as cfg itself: as a constant the compiler would take it for zero. */
	const volatile __u64 *want = (const volatile void *)cfg.filter_comm;
	const __u64 *have = (const __u64 *)(const void *)owner->id.comm;

	if (cfg.follow && !(owner->flags & EVENT_OWNER_FOLLOWED))
		return FILTER_NO;
	if (!cfg.follow && cfg.filter_pid && owner->id.pid != cfg.filter_pid)
		return FILTER_NO;
	if (cfg.by_uid && owner->uid != cfg.filter_uid)
		return FILTER_NO;
	if (by_comm && want[0] && (have[0] != want[0] || have[1] != want[1]))
		return FILTER_NO;
	return FILTER_YES;
}

/* Whether a connection with this owner is left out, which is counted. */
static __always_inline bool left_out(struct conn_state *st, __u32 hook,
				     const struct conn_owner *owner)
{
	__u64 cgroup_id = owner->id.cgroup_id, creator_id = st ? st->sock_cgroup_id : 0;
	__u32 pid = owner->id.pid, tid = owner->id.tid, now = filter_generation, result;

	if (st && st->shared)
		return false;
	if (st && st->verdict.generation == now && st->verdict.pid == pid &&
	    st->verdict.tid == tid && st->verdict.cgroup_id == cgroup_id) {
		result = st->verdict.result;
	} else {
		result = ask_owner(owner, !has_owner(st) || st->sender_owns);
		if (cfg.by_cgroup && result != FILTER_NO)
			result = ask_cgroups(cgroup_id, creator_id, hook);
		/* Without the creator it is not the last word. */
		if (st && (creator_id || result == FILTER_NO)) {
			st->verdict.pid = 0;
			st->verdict.cgroup_id = cgroup_id;
			st->verdict.tid = tid;
			st->verdict.generation = now;
			st->verdict.result = result;
			st->verdict.pid = pid;
		}
	}
	if (result != FILTER_NO)
		return false;
	count(EVENT_CNT_FILTERED, 1);
	return true;
}

#endif
