// SPDX-License-Identifier: GPL-2.0-only
#include "http_stream.h"

#include <string.h>

/* A start line was found at the probe's beginning. */
static void synchronise(struct http_stream *s, enum startline kind, uint64_t off)
{
	enum http_role role = kind == STARTLINE_REQUEST ? HTTP_ROLE_REQUEST : HTTP_ROLE_RESPONSE;

	if (s->role == HTTP_ROLE_UNKNOWN) {
		if (!s->env->ops->role(s->ctx, s->dir, role))
			return;
		s->role = role;
	}
	if (s->role != role)
		return;
	if (s->broken) {
		bool hole = s->synced || s->missed;

		s->env->cnt->resyncs++;
		s->env->ops->hole(s->ctx, s->dir, hole ? s->lost_off : off, off, s->lost_boundary);
	}
	s->broken = false;
	s->synced = true;
	s->state = HTTP_IDLE;
}

/* Bytes that are no start line. The stream's very first ones tell what it is. */
static void not_a_start(struct http_stream *s, const uint8_t *data, uint32_t len)
{
	if (!s->probed && !s->synced && s->env->ops->other)
		s->env->ops->other(s->ctx, s->dir, startline_protocol(data, len));
	s->probed = true;
	http_lose_position(s, s->off, false);
	s->env->cnt->skipped_bytes += len;
	s->off += len;
	s->skipped_last = data[len - 1];
}

void http_scan_drop(struct http_stream *s)
{
	s->probed = true;
	http_lose_position(s, s->off, false);
}

static bool knows_method(const uint8_t *data, uint32_t len)
{
	const uint8_t *blank = memchr(data, ' ', len);

	/* Without its line end only a known method is one. */
	return blank && blank + 2 <= data + len &&
	       startline_probe(data, blank + 2 - data) == STARTLINE_REQUEST;
}

/* Methods that are the end of another one: UNLOCK, UNLINK, REBIND, UNBIND, UNSUBSCRIBE, M-SEARCH. */
static bool may_be_tail(const uint8_t *data, uint32_t len, char before)
{
	static const char *const tails[] = { "LOCK ", "LINK ", "BIND ", "SUBSCRIBE ", "SEARCH " };

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
		if (len >= strlen(tails[i]) && !memcmp(data, tails[i], strlen(tails[i])))
			return before == 'N' || before == 'E' || before == '-';
	return false;
}

/* Behind a hole a word may be the end of one: only a known method is a method, and LOCK none behind UN. */
static enum startline accept_start(const struct http_stream *s, const struct reasm_chunk *c,
				   const uint8_t *data, uint32_t len)
{
	enum startline kind = startline_probe(data, len);

	if (kind == STARTLINE_REQUEST && (s->missed || !c->start) &&
	    (!knows_method(data, len) || may_be_tail(data, len, s->skipped_last)))
		return STARTLINE_NO;
	return kind;
}

void http_probe_free(struct http_stream *s)
{
	mem_free(s->env->mem, s->probe, sizeof(*s->probe));
	s->probe = NULL;
}

/* Lets bytes of chunk c wait. False: no memory, which was counted. */
static bool probe_keep(struct http_stream *s, const struct reasm_chunk *c, const uint8_t *data,
		       uint32_t len)
{
	if (!s->probe) {
		s->probe = mem_alloc(s->env->mem, sizeof(*s->probe));
		if (!s->probe) {
			s->env->cnt->memory_dropped++;
			return false;
		}
		s->probe->chunk = *c;
	}
	memcpy(s->probe->bytes + s->probe->len, data, len);
	s->probe->len += len;
	return true;
}

/* A start line may come in pieces: up to STARTLINE_PROBE_MAX bytes wait in s->probe. */
static void scan_pieces(struct http_stream *s, const struct reasm_chunk *c, const uint8_t *data,
			uint32_t len)
{
	struct http_probe held = {0};
	enum startline kind;
	uint32_t take;

	if (s->probe)
		held = *s->probe;
	take = STARTLINE_PROBE_MAX - held.len;
	if (take > len)
		take = len;
	memcpy(held.bytes + held.len, data, take);
	kind = accept_start(s, c, held.bytes, held.len + take);
	if (kind == STARTLINE_MAYBE && held.len + take < STARTLINE_PROBE_MAX &&
	    probe_keep(s, c, data, take))
		return;
	http_probe_free(s);
	if (kind == STARTLINE_REQUEST || kind == STARTLINE_RESPONSE)
		synchronise(s, kind, s->off);
	if (s->state != HTTP_IDLE && held.len) {
		/* What waited was no start; what came now may be one. */
		not_a_start(s, held.bytes, held.len);
		http_scan(s, c, data, len);
		return;
	}
	if (s->state != HTTP_IDLE) {
		not_a_start(s, data, len);
		return;
	}
	/* The bytes that waited belong to the segments that brought them. */
	s->chunk = &held.chunk;
	http_take_bytes(s, held.bytes, held.len);
	s->chunk = c;
	http_take_bytes(s, data, len);
}

bool http_junk_ends(struct http_stream *s, const struct reasm_chunk *c)
{
	enum startline kind = startline_probe(c->data, c->cap_len);
	enum startline own = s->role == HTTP_ROLE_REQUEST ? STARTLINE_REQUEST : STARTLINE_RESPONSE;

	return c->seg_start && kind == own;
}

void http_scan(struct http_stream *s, const struct reasm_chunk *c, const uint8_t *data,
		 uint32_t len)
{
	enum startline kind;

	if (s->probe) {
		scan_pieces(s, c, data, len);
		return;
	}
	kind = c->seg_start || c->start ? accept_start(s, c, data, len) : STARTLINE_NO;
	if (kind == STARTLINE_MAYBE) {
		scan_pieces(s, c, data, len);
		return;
	}
	if (kind == STARTLINE_NO) {
		not_a_start(s, data, len);
		return;
	}
	s->probed = true;
	synchronise(s, kind, s->off);
	if (s->state == HTTP_IDLE)
		http_take_bytes(s, data, len);
	else
		not_a_start(s, data, len);
}
