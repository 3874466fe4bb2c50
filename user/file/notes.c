// SPDX-License-Identifier: GPL-2.0-only
#include "notes.h"

#include <string.h>

#include "../core/bytes.h"

static const char magic[4] = {'h', 'p', 'l', 't'};

/* Goes through a note's fields, in one order for both directions: each layout is described once. */
struct coder {
	bool reading, failed;
	uint8_t *at, *end;
};

/* The next n bytes; NULL where they are not there. */
static uint8_t *take(struct coder *c, size_t n)
{
	uint8_t *p = c->at;

	if (c->failed || n > (size_t)(c->end - c->at)) {
		c->failed = true;
		return NULL;
	}
	c->at += n;
	return p;
}

static void code_bytes(struct coder *c, void *bytes, size_t n)
{
	uint8_t *p = take(c, n);

	if (p && c->reading)
		memcpy(bytes, p, n);
	else if (p)
		memcpy(p, bytes, n);
}

static void code_u16(struct coder *c, uint16_t *v)
{
	uint8_t *p = take(c, 2);

	if (p && c->reading)
		*v = get_le16(p);
	else if (p)
		put_le16(p, *v);
}

static void code_u32(struct coder *c, uint32_t *v)
{
	uint8_t *p = take(c, 4);

	if (p && c->reading)
		*v = get_le32(p);
	else if (p)
		put_le32(p, *v);
}

static void code_u64(struct coder *c, uint64_t *v)
{
	uint8_t *p = take(c, 8);

	if (p && c->reading)
		*v = get_le64(p);
	else if (p)
		put_le64(p, *v);
}

/* A time, or a distance of two: in 73 years there is none that the rest cannot reckon with. */
static void code_time(struct coder *c, uint64_t *ns)
{
	code_u64(c, ns);
	c->failed |= *ns >> 61 != 0;
}

/* Either sign. */
static void code_offset(struct coder *c, int64_t *ns)
{
	uint64_t v = (uint64_t)*ns;

	code_u64(c, &v);
	*ns = (int64_t)v;
	c->failed |= *ns >= INT64_C(1) << 61 || *ns <= -(INT64_C(1) << 61);
}

static void code_u8(struct coder *c, uint8_t *v)
{
	code_bytes(c, v, 1);
}

static void code_bool(struct coder *c, bool *v)
{
	uint8_t byte = *v;

	code_u8(c, &byte);
	*v = byte;
}

/* NULL is the length 0xffff. When reading, *s points into the bytes. */
static void code_string(struct coder *c, const char **s)
{
	uint16_t len = UINT16_MAX;
	size_t long_len;
	uint8_t *p;

	if (!c->reading && *s) {
		long_len = strlen(*s);
		c->failed |= long_len >= UINT16_MAX;
		len = (uint16_t)long_len;
	}
	code_u16(c, &len);
	if (len == UINT16_MAX) {
		*s = NULL;
		return;
	}
	p = take(c, (size_t)len + 1);
	if (p && !c->reading) {
		memcpy(p, *s, (size_t)len + 1);
	} else if (p) {
		c->failed |= strnlen((const char *)p, (size_t)len + 1) != len;
		*s = (const char *)p;
	}
}

static void code_endpoint(struct coder *c, struct endpoint *e)
{
	code_bytes(c, e->addr, sizeof(e->addr));
	code_u16(c, &e->port);
}

static void code_owner_id(struct coder *c, struct owner *o)
{
	code_u32(c, &o->pid);
	code_u32(c, &o->tid);
	code_bytes(c, o->comm, sizeof(o->comm));
	code_u64(c, &o->cgroup_id);
}

enum segment_has {
	HAS_SOCK = 1 << 0,
	HAS_STREAM_START = 1 << 1,
	HAS_NOT_HTTP = 1 << 2,
	HAS_ELIDED = 1 << 3,
	HAS_LOST = 1 << 4,
	HAS_CONNECT = 1 << 5,
	HAS_TCP_INFO = 1 << 6,
	HAS_OWNER = 1 << 7,
};

static uint16_t segment_bits(const struct annotation *a)
{
	return (uint16_t)((a->has_sock ? HAS_SOCK : 0) |
			  (a->has_stream_start ? HAS_STREAM_START : 0) |
			  (a->not_http ? HAS_NOT_HTTP : 0) | (a->elided ? HAS_ELIDED : 0) |
			  (a->lost_events || a->lost_bytes ? HAS_LOST : 0) |
			  (a->has_connect ? HAS_CONNECT : 0) |
			  (a->has_tcp_info ? HAS_TCP_INFO : 0) |
			  (a->owner.pid || a->owner.cgroup_id ? HAS_OWNER : 0));
}

static void code_annotation(struct coder *c, struct annotation *a)
{
	uint16_t has = segment_bits(a);

	code_u16(c, &has);
	a->has_sock = has & HAS_SOCK;
	a->has_stream_start = has & HAS_STREAM_START;
	a->not_http = has & HAS_NOT_HTTP;
	a->elided = has & HAS_ELIDED;
	a->has_connect = has & HAS_CONNECT;
	a->has_tcp_info = has & HAS_TCP_INFO;
	code_u64(c, &a->cookie);
	code_u64(c, &a->sock_cgroup_id);
	code_u32(c, &a->ifindex);
	code_u32(c, &a->gso_segs);
	if (has & HAS_OWNER)
		code_owner_id(c, &a->owner);
	if (has & HAS_SOCK) {
		code_endpoint(c, &a->local);
		code_endpoint(c, &a->remote);
	}
	if (has & HAS_STREAM_START)
		code_u32(c, &a->stream_start);
	if (has & HAS_LOST) {
		code_u32(c, &a->lost_events);
		code_u64(c, &a->lost_bytes);
	}
	if (has & HAS_CONNECT)
		code_time(c, &a->connect_ns);
	if (has & HAS_TCP_INFO) {
		code_u32(c, &a->srtt_us);
		code_u32(c, &a->rtt_min_us);
		code_u32(c, &a->total_retrans);
	}
}

static void code_segment(struct coder *c, struct segment *seg)
{
	uint8_t dir = (uint8_t)seg->dir;

	code_time(c, &seg->time_ns);
	code_u8(c, &dir);
	c->failed |= dir > SEG_DIR_EGRESS;
	seg->dir = (enum seg_dir)dir;
	code_annotation(c, &seg->note);
}

static void code_reading(struct coder *c, struct reading *r)
{
	code_u64(c, &r->cookie);
	code_bool(c, &r->has_tuple);
	if (r->has_tuple) {
		code_endpoint(c, &r->local);
		code_endpoint(c, &r->remote);
	}
	code_u32(c, &r->seq);
	code_time(c, &r->time_ns);
	code_bool(c, &r->lost_before);
	code_u8(c, &r->wscale_in);
	code_u8(c, &r->wscale_out);
	c->failed |= r->wscale_in > 15 || r->wscale_out > 15;
}

static void code_names(struct coder *c, struct note_names *n)
{
	struct owner_names *names = &n->names;
	const char **strings[] = {
		&names->cgroup_path, &names->container_id, &names->container_name,
		&names->runtime,     &names->image,	   &names->pod_uid,
		&names->pod,	     &names->pod_namespace, &names->pod_container,
		&names->unit,
	};

	code_u32(c, &n->pid);
	code_u64(c, &n->cgroup_id);
	code_u64(c, &n->sock_cgroup_id);
	code_u64(c, &names->cgroup_id);
	code_u32(c, &names->inner_pid);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		code_string(c, strings[i]);
}

static void code(struct coder *c, struct note *n)
{
	switch (n->kind) {
	case NOTE_SESSION:
		code_bool(c, &n->session.sees_reads);
		return;
	case NOTE_CLOCK:
		code_time(c, &n->clock.since_ns);
		code_offset(c, &n->clock.offset_ns);
		return;
	case NOTE_SEGMENT:
		code_segment(c, &n->segment);
		return;
	case NOTE_OWNER:
		code_u64(c, &n->owner.cookie);
		code_endpoint(c, &n->owner.local);
		code_endpoint(c, &n->owner.remote);
		code_owner_id(c, &n->owner.owner);
		return;
	case NOTE_READ:
		code_reading(c, &n->read);
		return;
	case NOTE_NAMES:
		code_names(c, &n->names);
		return;
	case NOTE_NONE:
		break;
	}
	c->failed = true;
}

size_t note_write(uint8_t out[NOTE_MAX], const struct note *n)
{
	struct coder c = {.at = out, .end = out + NOTE_MAX};
	uint8_t kind = (uint8_t)n->kind;
	struct note copy = *n;

	code_bytes(&c, (void *)magic, sizeof(magic));
	code_u8(&c, &kind);
	code(&c, &copy);
	return c.failed ? 0 : (size_t)(c.at - out);
}

bool note_read(const uint8_t *bytes, size_t len, struct note *out)
{
	struct coder c = {.reading = true, .at = (uint8_t *)bytes, .end = (uint8_t *)bytes + len};
	char start[sizeof(magic)] = "";
	uint8_t kind = NOTE_NONE;

	memset(out, 0, sizeof(*out));
	code_bytes(&c, start, sizeof(start));
	code_u8(&c, &kind);
	if (c.failed || memcmp(start, magic, sizeof(magic)) != 0)
		return false;
	out->kind = (enum note_kind)kind;
	code(&c, out);
	return !c.failed;
}
