// SPDX-License-Identifier: GPL-2.0-only
#include "live/record.h"

#include <string.h>

#include "core/decode.h"

static void copy_owner(struct owner *to, const struct event_owner_id *from)
{
	to->pid = from->pid;
	to->tid = from->tid;
	to->cgroup_id = from->cgroup_id;
	memcpy(to->comm, from->comm, sizeof(to->comm));
}

static void copy_endpoint(struct endpoint *to, const uint8_t addr[16], uint16_t port)
{
	memcpy(to->addr, addr, 16);
	to->port = port;
}

static void copy_annotation(struct annotation *to, const struct event_segment *ev)
{
	memset(to, 0, sizeof(*to));
	to->cookie = ev->cookie;
	to->sock_cgroup_id = ev->sock_cgroup_id;
	to->ifindex = ev->ifindex;
	to->gso_segs = ev->gso_segs;
	to->not_http = ev->flags & EVENT_F_NOT_HTTP;
	to->elided = ev->flags & EVENT_F_ELIDED;
	copy_owner(&to->owner, &ev->owner);
	if (ev->flags & EVENT_F_SOCK_TUPLE) {
		to->has_sock = true;
		copy_endpoint(&to->local, ev->local_addr, ev->local_port);
		copy_endpoint(&to->remote, ev->remote_addr, ev->remote_port);
	}
	if (ev->flags & EVENT_F_STREAM_START) {
		to->has_stream_start = true;
		to->stream_start = ev->stream_start;
	}
	if (ev->flags & EVENT_F_LOST) {
		to->lost_events = ev->lost_events;
		to->lost_bytes = ev->lost_bytes;
	}
	if (ev->flags & EVENT_F_CONNECT) {
		to->has_connect = true;
		to->connect_ns = ev->connect_ns;
	}
	if (ev->flags & EVENT_F_TCP_INFO) {
		to->has_tcp_info = true;
		to->srtt_us = ev->srtt_us;
		to->rtt_min_us = ev->rtt_min_us;
		to->total_retrans = ev->total_retrans;
	}
}

static bool is_sound(const struct event_segment *ev, size_t size)
{
	return size >= sizeof(*ev) && ev->cap_len <= size - sizeof(*ev) &&
	       ev->cap_len <= ev->pkt_len && ev->hook >= EVENT_HOOK_CGROUP &&
	       ev->hook <= EVENT_HOOK_SOCKET && ev->dir <= EVENT_DIR_EGRESS;
}

/* What a tap sees may be neither from nor to this host. */
static enum seg_dir direction(struct localaddr *local, enum seg_dir dir, uint64_t cookie,
			      const struct endpoint *src, const struct endpoint *dst,
			      uint64_t now_ns)
{
	const struct endpoint *end = dir == SEG_DIR_EGRESS ? src : dst;

	if (!local || dir == SEG_DIR_UNKNOWN || cookie || localaddr_has(local, end, now_ns))
		return dir;
	return SEG_DIR_UNKNOWN;
}

static void take_segment(const struct record_env *env, const struct live_sink *sink,
			 const struct event_segment *ev, size_t size)
{
	struct counters *cnt = env->cnt;
	enum decode_result result;
	struct segment seg;

	if (!is_sound(ev, size)) {
		cnt->bad_records++;
		return;
	}
	cnt->packets++;
	memset(&seg, 0, sizeof(seg));
	result = decode_packet((const uint8_t *)(ev + 1), ev->cap_len, ev->pkt_len, &seg, NULL);
	if (result != DECODE_OK) {
		decode_count(result, cnt);
		return;
	}
	seg.time_ns = ev->time_ns;
	seg.hook = (enum hook)ev->hook;
	seg.dir = (enum seg_dir)ev->dir;
	copy_annotation(&seg.note, ev);
	/* Payload that still reaches the listener is the first of its stream. */
	if (ev->flags & EVENT_F_LISTENER && !seg.note.has_stream_start) {
		seg.note.has_stream_start = true;
		seg.note.stream_start = seg.seq + !!(seg.flags & TCP_SYN);
	}
	seg.dir = direction(env->local, seg.dir, seg.note.cookie, &seg.src, &seg.dst, seg.time_ns);
	if (sink->who && ev->owner.pid)
		sink->who(sink->ctx, &seg.note.owner, ev->owner_uid, ev->owner_vpid,
			  ev->flags & EVENT_F_FOLLOWED);
	if (sink->segment)
		sink->segment(sink->ctx, &seg);
}

static void take_owner(const struct record_env *env, const struct live_sink *sink,
		       const struct event_owner *ev, size_t size)
{
	struct endpoint local, remote;
	struct owner owner;

	if (size < sizeof(*ev)) {
		env->cnt->bad_records++;
		return;
	}
	copy_owner(&owner, &ev->owner);
	copy_endpoint(&local, ev->local_addr, ev->local_port);
	copy_endpoint(&remote, ev->remote_addr, ev->remote_port);
	if (sink->who)
		sink->who(sink->ctx, &owner, ev->owner_uid, ev->owner_vpid,
			  ev->owner_flags & EVENT_OWNER_FOLLOWED);
	if (sink->owner)
		sink->owner(sink->ctx, ev->cookie, &local, &remote, &owner);
	if (sink->read && ev->owner_flags & EVENT_OWNER_READ) {
		const struct reading reading = {
			.cookie = ev->cookie,
			.has_tuple = true,
			.local = local,
			.remote = remote,
			.seq = ev->read_seq,
			.time_ns = ev->time_ns,
			.lost_before = ev->owner_flags & EVENT_OWNER_READ_LOST,
			.wscale_in = ev->wscale & 15,
			.wscale_out = ev->wscale >> 4,
		};

		sink->read(sink->ctx, &reading);
	}
}

static void take_read(const struct record_env *env, const struct live_sink *sink,
		      const struct event_read *ev, size_t size)
{
	struct reading reading = {0};

	if (size < sizeof(*ev)) {
		env->cnt->bad_records++;
		return;
	}
	reading.cookie = ev->cookie;
	reading.seq = ev->seq;
	reading.time_ns = ev->time_ns;
	reading.lost_before = ev->flags & EVENT_READ_LOST;
	reading.wscale_in = ev->wscale & 15;
	reading.wscale_out = ev->wscale >> 4;
	if (sink->read)
		sink->read(sink->ctx, &reading);
}

static void take_sum(const struct record_env *env, const struct live_sink *sink,
		     const struct event_sum *ev, size_t size)
{
	struct sum sum = {0};

	if (size < sizeof(*ev) || ev->hook > EVENT_HOOK_SOCKET || ev->dir > EVENT_DIR_EGRESS) {
		env->cnt->bad_records++;
		return;
	}
	sum.cookie = ev->cookie;
	sum.hook = (enum hook)ev->hook;
	copy_endpoint(&sum.src, ev->saddr, ev->sport);
	copy_endpoint(&sum.dst, ev->daddr, ev->dport);
	for (unsigned int i = 0; i < 2; i++)
		sum.half[i] = (struct sum_half){ev->end[i], ev->cnt[i], ev->last_ns[i]};
	sum.quiet_ns = ev->quiet_ns;
	sum.idle_ns = ev->idle_ns;
	sum.dir = direction(env->local, (enum seg_dir)ev->dir, sum.cookie, &sum.src, &sum.dst,
			    sum.quiet_ns);
	if (sink->sum)
		sink->sum(sink->ctx, &sum);
}

static void take_cgroup(const struct record_env *env, const struct live_sink *sink,
			const struct event_cgroup *ev, size_t size)
{
	if (size < sizeof(*ev) || !memchr(ev->path, 0, sizeof(ev->path))) {
		env->cnt->bad_records++;
		return;
	}
	if (ev->path[0] == '/' && sink->cgroup)
		sink->cgroup(sink->ctx, ev->id, ev->path);
}

void record_take(const struct record_env *env, const struct live_sink *sink, const void *data,
		 size_t size)
{
	uint16_t type = EVENT_UNKNOWN;

	if (size >= sizeof(type))
		memcpy(&type, data, sizeof(type));
	if (type == EVENT_SEGMENT)
		take_segment(env, sink, data, size);
	else if (type == EVENT_OWNER)
		take_owner(env, sink, data, size);
	else if (type == EVENT_CGROUP)
		take_cgroup(env, sink, data, size);
	else if (type == EVENT_READ)
		take_read(env, sink, data, size);
	else if (type == EVENT_SUM)
		take_sum(env, sink, data, size);
	else
		env->cnt->bad_records++;
}

uint64_t record_cookie(const void *data, size_t size)
{
	const struct event_segment *ev = data;

	_Static_assert(offsetof(struct event_segment, cookie) == offsetof(struct event_owner, cookie) &&
			       offsetof(struct event_segment, cookie) ==
				       offsetof(struct event_read, cookie),
		       "cookie");
	if (size < sizeof(struct event_read) ||
	    (ev->type != EVENT_SEGMENT && ev->type != EVENT_OWNER && ev->type != EVENT_READ))
		return 0; /* a sum's segment follows it */
	return ev->cookie;
}
