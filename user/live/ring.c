// SPDX-License-Identifier: GPL-2.0-only
#include "live/ring.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/decode.h"

/* In one go, so that a ring that fills as fast as it is read does not keep the caller from its
 * signals. */
#define RECORDS_MAX 65536

struct ring {
	struct ring_buffer *rb;
	struct counters *cnt;
	struct localaddr *local; /* of a tap; NULL: the hook knows */
	const struct live_sink *sink; /* during ring_consume() */
	int done;
};

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
static enum seg_dir direction(struct localaddr *local, const struct segment *seg)
{
	const struct endpoint *end = seg->dir == SEG_DIR_EGRESS ? &seg->src : &seg->dst;

	if (!local || seg->dir == SEG_DIR_UNKNOWN || seg->note.cookie ||
	    localaddr_has(local, end, seg->time_ns))
		return seg->dir;
	return SEG_DIR_UNKNOWN;
}

static void take_segment(struct ring *rg, const struct event_segment *ev, size_t size)
{
	struct counters *cnt = rg->cnt;
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
	seg.dir = direction(rg->local, &seg);
	if (rg->sink->who && ev->owner.pid)
		rg->sink->who(rg->sink->ctx, &seg.note.owner, ev->owner_uid, ev->owner_vpid,
			      ev->flags & EVENT_F_FOLLOWED);
	if (rg->sink->segment)
		rg->sink->segment(rg->sink->ctx, &seg);
}

static void take_owner(struct ring *rg, const struct event_owner *ev, size_t size)
{
	struct endpoint local, remote;
	struct owner owner;

	if (size < sizeof(*ev)) {
		rg->cnt->bad_records++;
		return;
	}
	copy_owner(&owner, &ev->owner);
	copy_endpoint(&local, ev->local_addr, ev->local_port);
	copy_endpoint(&remote, ev->remote_addr, ev->remote_port);
	if (rg->sink->who)
		rg->sink->who(rg->sink->ctx, &owner, ev->owner_uid, ev->owner_vpid,
			      ev->owner_flags & EVENT_OWNER_FOLLOWED);
	if (rg->sink->owner)
		rg->sink->owner(rg->sink->ctx, ev->cookie, &local, &remote, &owner);
}

static void take_cgroup(struct ring *rg, const struct event_cgroup *ev, size_t size)
{
	if (size < sizeof(*ev) || !memchr(ev->path, 0, sizeof(ev->path))) {
		rg->cnt->bad_records++;
		return;
	}
	if (ev->path[0] == '/' && rg->sink->cgroup)
		rg->sink->cgroup(rg->sink->ctx, ev->id, ev->path);
}

static void take_record(struct ring *rg, const void *data, size_t size)
{
	uint16_t type = EVENT_UNKNOWN;

	if (size >= sizeof(type))
		memcpy(&type, data, sizeof(type));
	if (type == EVENT_SEGMENT)
		take_segment(rg, data, size);
	else if (type == EVENT_OWNER)
		take_owner(rg, data, size);
	else if (type == EVENT_CGROUP)
		take_cgroup(rg, data, size);
	else
		rg->cnt->bad_records++;
}

/* libbpf's callback; a negative result ends the round after this record. */
static int on_record(void *ctx, void *data, size_t size)
{
	struct ring *rg = ctx;

	take_record(rg, data, size);
	return ++rg->done < RECORDS_MAX ? 0 : -EAGAIN;
}

int ring_open(int fd, struct counters *cnt, struct localaddr *local, struct ring **out)
{
	struct ring *rg = calloc(1, sizeof(*rg));
	int err;

	if (!rg)
		return -ENOMEM;
	rg->cnt = cnt;
	rg->local = local;
	rg->rb = ring_buffer__new(fd, on_record, rg, NULL);
	if (!rg->rb) {
		err = -errno;
		free(rg);
		return err;
	}
	*out = rg;
	return 0;
}

void ring_close(struct ring *rg)
{
	if (!rg)
		return;
	ring_buffer__free(rg->rb);
	free(rg);
}

int ring_fd(const struct ring *rg)
{
	return ring_buffer__epoll_fd(rg->rb);
}

int ring_consume(struct ring *rg, const struct live_sink *sink)
{
	int err;

	rg->sink = sink;
	rg->done = 0;
	err = ring_buffer__consume(rg->rb);
	rg->sink = NULL;
	return err < 0 && err != -EAGAIN ? err : rg->done;
}
