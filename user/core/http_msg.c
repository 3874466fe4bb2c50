// SPDX-License-Identifier: GPL-2.0-only
#include "http_stream.h"

#include <string.h>

#include "keep.h"

static void free_arena(const struct http_env *env, struct http_msg *msg)
{
	if (msg->arena_cap == HTTP_ARENA_FIRST)
		mem_pool_free(env->mem, env->arenas, msg->arena);
	else
		mem_free(env->mem, msg->arena, msg->arena_cap);
}

void http_msg_free(const struct http_env *env, struct http_msg *msg)
{
	if (!msg)
		return;
	free_arena(env, msg);
	keep_free(env, msg);
	mem_pool_free(env->mem, env->msgs, msg);
}

void http_msg_stalled(struct http_msg *msg, uint64_t from_ns, uint64_t to_ns)
{
	if (from_ns < msg->m.first_ns)
		from_ns = msg->m.first_ns;
	if (from_ns < msg->stalled_to)
		from_ns = msg->stalled_to;
	if (to_ns <= from_ns)
		return;
	msg->m.stall_ns += to_ns - from_ns;
	if (msg->ended)
		msg->m.stall_late_ns += to_ns - from_ns;
	msg->stalled_to = to_ns;
}

bool http_msg_covers(const struct http_msg *msg, uint64_t from, uint64_t to)
{
	return msg && from < msg->start_off + msg->m.size && to > msg->start_off;
}

/* Makes room for `need` bytes in all. */
static bool grow_arena(const struct http_env *env, struct http_msg *msg, uint32_t need)
{
	uint32_t cap = msg->arena_cap ? msg->arena_cap : HTTP_ARENA_FIRST;
	char *grown;

	while (cap < need)
		cap *= 2;
	if (cap == HTTP_ARENA_FIRST)
		grown = mem_pool_alloc(env->mem, env->arenas);
	else
		grown = mem_realloc(env->mem, msg->arena, msg->arena_cap, cap);
	if (!grown)
		return false;
	msg->arena = grown;
	msg->arena_cap = cap;
	return true;
}

char *http_msg_room(struct http_stream *s, struct http_msg *msg, size_t len)
{
	size_t need = msg->arena_len + len;

	if (need > HTTP_ARENA_MAX ||
	    (need > msg->arena_cap && !grow_arena(s->env, msg, (uint32_t)need)))
		return NULL;
	return msg->arena + msg->arena_len;
}

void http_msg_append(struct http_stream *s, struct http_msg *msg, const void *at, size_t len)
{
	char *to;

	if (!len)
		return;
	if (msg->arena_len + len > HTTP_ARENA_MAX) {
		msg->flags |= TX_TRUNCATED;
		len = HTTP_ARENA_MAX - msg->arena_len;
	}
	to = http_msg_room(s, msg, len);
	if (!to) {
		msg->flags |= TX_TRUNCATED;
		return;
	}
	memcpy(to, at, len);
	msg->arena_len += len;
}

bool http_msg_begin(struct http_stream *s, const struct reasm_chunk *c, uint64_t off)
{
	struct http_msg *msg = mem_pool_alloc(s->env->mem, s->env->msgs);
	struct http_parse *parse = mem_pool_alloc(s->env->mem, s->env->parses);

	if (!msg || !parse) {
		mem_pool_free(s->env->mem, s->env->msgs, msg);
		mem_pool_free(s->env->mem, s->env->parses, parse);
		s->env->cnt->memory_dropped++;
		return false;
	}
	memset(msg, 0, offsetof(struct http_msg, held));
	msg->response = s->role == HTTP_ROLE_RESPONSE;
	msg->start_off = off;
	msg->m.start_seq = (uint32_t)off;
	msg->m.first_ns = c->seen.ns;
	msg->m.first_frame = c->seen.frame;
	msg->m.last_ns = c->done.ns;
	msg->m.last_frame = c->done.frame;
	msg->has_ack = c->has_ack;
	msg->ack = c->ack;
	msg->last_ack = c->ack;
	parse->content_length = 0;
	parse->want = HTTP_WANT_NONE;
	parse->field_len = 0;
	s->cur = msg;
	s->parse = parse;
	s->at_line = s->headers_done = s->in_body = s->in_chunk = s->until_close = false;
	s->content_length_seen = s->transfer_encoding_seen = s->tunnel = false;
	s->peek_len = 0;
	if (msg->response)
		http_set_parser(s, &s->env->at_response);
	return true;
}

void http_msg_touch(struct http_stream *s)
{
	const struct reasm_chunk *c = s->chunk;
	struct http_msg *msg = s->cur;

	if (msg->seen_last.arrival != c->seen.arrival) {
		msg->m.segments++;
		msg->m.out_of_order += c->out_of_order;
		if (c->has_ack)
			msg->last_ack = c->ack;
	}
	msg->seen_last = c->seen;
	/* It waited for a hole before it to be filled. */
	if (c->done.arrival > c->seen.arrival)
		http_msg_stalled(msg, c->seen.ns, c->done.ns);
	msg->m.last_ns = c->done.ns;
	msg->m.last_frame = c->done.frame;
	if (c->conflict)
		msg->flags |= TX_CONFLICT;
}

enum http_body http_msg_tell_head(struct http_stream *s)
{
	s->cur->head_told = true;
	return s->env->ops->head(s->ctx, s->dir, s->cur);
}

void http_msg_drop_half_value(struct http_stream *s)
{
	if (s->headers_done || s->parse->want == HTTP_WANT_NONE)
		return;
	s->cur->arena_len = s->parse->want;
	s->cur->kept_cnt--;
	s->parse->want = HTTP_WANT_NONE;
}

struct http_msg *http_msg_detach(struct http_stream *s)
{
	struct http_msg *msg = s->cur;

	mem_pool_free(s->env->mem, s->env->parses, s->parse);
	s->parse = NULL;
	s->cur = NULL;
	return msg;
}

void http_msg_end(struct http_stream *s, bool complete)
{
	struct http_msg *msg;
	bool tunnel = s->tunnel;

	if (!s->cur)
		return;
	msg = http_msg_detach(s);
	msg->ended = true;
	msg->end_off = s->off;
	msg->m.size = s->off - msg->start_off;
	msg->m.end_seq = (uint32_t)s->off;
	msg->m.complete = complete;
	if (!complete && !(msg->flags & TX_MALFORMED))
		msg->flags |= TX_TRUNCATED;
	s->state = tunnel && complete ? HTTP_OPAQUE : HTTP_IDLE;
	s->env->ops->message(s->ctx, s->dir, msg);
	if (s->state == HTTP_OPAQUE && s->env->ops->body)
		s->env->ops->body(s->ctx, s->dir, UINT64_MAX);
}

void http_lose_position(struct http_stream *s, uint64_t off, bool boundary)
{
	http_probe_free(s);
	if (s->broken)
		return;
	s->broken = true;
	s->lost_off = off;
	s->lost_boundary = boundary;
	s->env->ops->lost(s->ctx, s->dir, off);
}

void http_msg_break(struct http_stream *s, uint32_t flags)
{
	struct http_msg *msg = s->cur;
	uint64_t start;

	s->state = HTTP_SCAN;
	if (!msg) {
		/* Garbage is no message. */
		http_lose_position(s, s->off, (s->synced || s->from_start) && !(flags & TX_MALFORMED));
		return;
	}
	start = msg->start_off;
	msg->flags |= flags;
	if (!msg->m.seen) {
		s->env->cnt->skipped_bytes += s->off - start;
		http_msg_free(s->env, http_msg_detach(s));
		http_lose_position(s, start, !(flags & TX_MALFORMED));
		return;
	}
	http_msg_drop_half_value(s);
	if (!msg->head_told)
		http_msg_tell_head(s);
	http_lose_position(s, s->off, false);
	if (flags & TX_MALFORMED) {
		s->state = HTTP_JUNK;
		return;
	}
	http_msg_end(s, false);
	s->state = HTTP_SCAN;
}
