// SPDX-License-Identifier: GPL-2.0-only
#include "http_stream.h"

#include <string.h>

#include "keep.h"

/* --- body of known length ------------------------------------------------------------------- */

/* Bytes of body that certainly follow; llhttp counts them down in content_length. */
static uint64_t body_left(const struct http_stream *s)
{
	if (!s->cur || s->state != HTTP_MESSAGE)
		return 0;
	return s->in_body || s->in_chunk ? s->parse->llhttp.content_length : 0;
}

/* Tells which bytes that follow need not be copied. */
static void tell_body(struct http_stream *s)
{
	uint64_t left = body_left(s), to;

	if (!s->env->ops->body || !s->cur || keep_wants(s->env, s->cur))
		return;
	if (s->state == HTTP_MESSAGE && s->until_close && s->headers_done)
		to = UINT64_MAX;
	else if (left)
		to = s->off + left;
	else
		return;
	s->env->ops->body(s->ctx, s->dir, to);
}

static void parse_result(struct http_stream *s, llhttp_errno_t err);

/* n bytes of the body (n <= body_left) exist but are not at hand: O(1), whatever n is. One byte is fed,
 * so that llhttp itself sees the body end. */
static void skip_body(struct http_stream *s, uint64_t n)
{
	llhttp_errno_t err;

	s->parse->llhttp.content_length -= n - 1;
	s->cur->m.body_size += n - 1;
	s->off += n;
	err = llhttp_execute(&s->parse->llhttp, "", 1);
	parse_result(s, err);
}

/* --- feeding -------------------------------------------------------------------------------- */

static void parse_result(struct http_stream *s, llhttp_errno_t err)
{
	if (err == HPE_OK)
		return;
	if (err == HPE_PAUSED && s->state == HTTP_PEEK)
		return;
	if (err == HPE_PAUSED || err == HPE_PAUSED_UPGRADE) {
		http_msg_end(s, true);
		return;
	}
	if (s->cur && s->cur->m.seen)
		s->env->cnt->malformed++;
	http_msg_break(s, TX_MALFORMED);
}

/* Feeds llhttp; returns how many bytes it took. */
static uint32_t parse(struct http_stream *s, const uint8_t *data, uint32_t len)
{
	llhttp_errno_t err = llhttp_execute(&s->parse->llhttp, (const char *)data, len);
	uint32_t used = len;

	if (err != HPE_OK) {
		const char *pos = llhttp_get_error_pos(&s->parse->llhttp);

		used = pos ? pos - (const char *)data : 0;
		if (used > len)
			used = len;
	}
	s->off += used;
	parse_result(s, err);
	if (s->cur && !s->headers_done && s->off - s->cur->start_off > HTTP_HEAD_MAX) {
		s->env->cnt->oversize++;
		http_msg_break(s, TX_MALFORMED);
	}
	return used;
}

/*
 * In a header section: what needs no llhttp, then a line for it. Behind an empty line, which ends the section,
 * all is its.
 */
static uint32_t parse_head(struct http_stream *s, const uint8_t *data, uint32_t len)
{
	const uint8_t *end;
	uint32_t used = 0;

	if (s->off == s->cur->start_off) {
		used = http_take_status(s, data, len);
		s->at_line = used > 0;
	}
	if (s->at_line)
		used += http_take_lines(s, data + used, len - used);
	s->off += used;
	data += used;
	len -= used;
	if (!len)
		return used;
	if (s->at_line && len > 1 && data[0] == '\r' && data[1] == '\n')
		return used + parse(s, data, len);
	end = memchr(data, '\n', len);
	s->at_line = end;
	return used + parse(s, data, end ? (uint32_t)(end - data) + 1 : len);
}

/* Where the version begins in a request line without its line end: behind the last blank. 0: there is none. */
static uint32_t find_version(const char *line, uint32_t len)
{
	static const char name[] = "HTTP/1.";
	uint32_t pos = len - sizeof(name);

	if (len <= sizeof(name) || (line[pos - 1] != ' ' && line[pos - 1] != '\t') ||
	    memcmp(line + pos, name, sizeof(name) - 1))
		return 0;
	return line[len - 1] >= '0' && line[len - 1] <= '9' ? pos : 0;
}

/*
 * Takes the request line in the arena apart: the method up to the first blank, the version behind the last
 * one, and between them the target, exactly as sent. llhttp would refuse methods that it does not know and
 * targets with blanks or bytes over 0x7f, which servers take every day. Returns false for no request line; one
 * without a version is HTTP/0.9, whose response cannot be told from noise.
 */
static bool split_line(struct http_msg *msg)
{
	uint32_t len = msg->arena_len, version, pos = 0;
	const char *line = msg->arena;

	while (len && (line[len - 1] == '\r' || line[len - 1] == ' '))
		len--;
	version = find_version(line, len);
	while (pos < len && line[pos] > ' ' && line[pos] < 0x7f)
		pos++;
	if (!version || !pos || pos > STARTLINE_METHOD_MAX || line[pos] != ' ')
		return false;
	msg->method_len = pos;
	while (pos < version && line[pos] == ' ')
		pos++;
	msg->target_pos = pos;
	for (pos = version; pos > msg->target_pos && line[pos - 1] == ' ';)
		pos--;
	msg->target_len = pos - msg->target_pos;
	msg->m.version_major = 1;
	msg->m.version_minor = line[len - 1] - '0';
	return msg->target_len > 0;
}

static bool method_is(const struct http_msg *msg, const char *method)
{
	return msg->method_len == strlen(method) && !memcmp(msg->arena, method, msg->method_len);
}

/* Collects the request line; then llhttp parses on from behind one that stands for it. */
static uint32_t take_line(struct http_stream *s, const uint8_t *data, uint32_t len)
{
	const uint8_t *end = memchr(data, '\n', len);
	uint32_t used = end ? end - data + 1 : len;
	struct http_msg *msg = s->cur;

	http_msg_append(s, msg, (const char *)data, end ? used - 1 : used);
	s->off += used;
	if (msg->flags & TX_TRUNCATED) {
		s->env->cnt->oversize++;
		http_msg_break(s, TX_MALFORMED);
		return used;
	}
	if (!end)
		return used;
	if (!split_line(msg)) {
		http_msg_break(s, TX_MALFORMED);
		return used;
	}
	msg->m.seen = true;
	msg->is_head = method_is(msg, "HEAD");
	msg->is_connect = method_is(msg, "CONNECT");
	s->state = HTTP_MESSAGE;
	s->at_line = true;
	http_set_parser(s, &s->env->at_headers[false][msg->m.version_minor]);
	return used;
}

static void begin_message(struct http_stream *s, const struct reasm_chunk *c)
{
	if (!http_msg_begin(s, c, s->off)) {
		s->state = HTTP_SCAN;
		http_lose_position(s, s->off, true);
		return;
	}
	s->state = s->cur->response ? HTTP_MESSAGE : HTTP_LINE;
}

static bool is_upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

/* Between messages: RFC 9112 §2.2 lets empty lines precede a start line. Anything but a start line is
 * garbage: the position is lost. */
static uint32_t take_idle(struct http_stream *s, const uint8_t *data, uint32_t len)
{
	enum startline kind;
	uint32_t i = 0;

	while (i < len && (data[i] == '\r' || data[i] == '\n'))
		i++;
	s->off += i;
	s->env->cnt->skipped_bytes += i;
	if (i == len)
		return i;
	kind = startline_probe(data + i, len - i);
	if (kind == STARTLINE_NO && s->role == HTTP_ROLE_REQUEST && is_upper(data[i]) &&
	    (len - i == 1 || is_upper(data[i + 1])))
		kind = STARTLINE_REQUEST; /* perhaps an extension method: the whole line will tell */
	if (kind == STARTLINE_NO ||
	    (kind == STARTLINE_REQUEST && s->role == HTTP_ROLE_RESPONSE) ||
	    (kind == STARTLINE_RESPONSE && s->role == HTTP_ROLE_REQUEST))
		http_msg_break(s, TX_MALFORMED);
	else
		begin_message(s, s->chunk);
	return i;
}

static const uint8_t version_prefix[] = "HTTP/1.";

/* The stream ends with the beginning of what could be a status line: as bytes of a body they need no further
 * explanation. */
static void end_peek(struct http_stream *s)
{
	uint32_t held = s->peek_len;

	s->off -= held;
	s->peek_len = 0;
	s->state = HTTP_MESSAGE;
	llhttp_resume(&s->parse->llhttp);
	parse(s, version_prefix, held);
}

/*
 * After a header section whose body is in doubt: a status line at once means that there was none. It may come in
 * pieces; what matched so far needs no memory.
 */
static uint32_t take_peek(struct http_stream *s, const uint8_t *data, uint32_t len)
{
	const uint8_t *version = version_prefix;
	uint32_t held = s->peek_len, i = 0;

	while (i < len && s->peek_len < sizeof(version_prefix) - 1 && data[i] == version[s->peek_len]) {
		s->peek_len++;
		i++;
	}
	if (i == len && s->peek_len < sizeof(version_prefix) - 1) {
		s->off += i;
		return i;
	}
	s->off -= held;
	if (s->peek_len == sizeof(version_prefix) - 1) {
		http_msg_end(s, true);
	} else {
		s->state = HTTP_MESSAGE;
		llhttp_resume(&s->parse->llhttp);
	}
	s->peek_len = 0;
	http_take_bytes(s, version, held);
	return 0;
}

void http_take_bytes(struct http_stream *s, const uint8_t *data, uint32_t len)
{
	while (len) {
		struct http_msg *before = s->cur;
		uint32_t used;

		switch (s->state) {
		case HTTP_IDLE:
			used = take_idle(s, data, len);
			break;
		case HTTP_LINE:
			http_msg_touch(s);
			used = take_line(s, data, len);
			break;
		case HTTP_MESSAGE:
			if (before)
				http_msg_touch(s);
			used = s->headers_done ? parse(s, data, len) : parse_head(s, data, len);
			break;
		case HTTP_PEEK:
			used = take_peek(s, data, len);
			break;
		default: /* HTTP_SCAN, HTTP_JUNK: up to the next segment; HTTP_OPAQUE */
			if (s->state == HTTP_SCAN)
				s->env->cnt->skipped_bytes += len;
			if (s->state == HTTP_JUNK)
				http_msg_touch(s);
			s->off += len;
			return;
		}
		data += used;
		len -= used;
	}
}

/* --- holes ---------------------------------------------------------------------------------- */

/* n bytes are missing (lost: nobody saw them) or were not copied (they arrived: times are right). */
static void take_missing(struct http_stream *s, uint64_t n, bool lost)
{
	uint32_t flag = lost ? TX_GAP : TX_TRUNCATED;

	if (s->state == HTTP_PEEK && !lost && !s->peek_len) {
		/* Whoever left these bytes out took them for the body. */
		s->state = HTTP_MESSAGE;
		llhttp_resume(&s->parse->llhttp);
	}
	while (n) {
		uint64_t left = body_left(s), step = left < n ? left : n;

		if (s->cur && s->headers_done)
			keep_cut(s->env, s->cur);
		if (s->state == HTTP_MESSAGE && s->cur && s->until_close && s->headers_done) {
			s->off += n;
			if (lost) {
				s->cur->flags |= flag;
				s->cur->m.lost_bytes += n;
			}
			s->cur->m.body_size += n;
			if (!lost)
				http_msg_touch(s);
			return;
		}
		if (!left) {
			if (s->state == HTTP_OPAQUE || s->state == HTTP_JUNK) {
				s->off += n;
				return;
			}
			if (lost && s->cur)
				s->cur->m.lost_bytes += n;
			http_msg_break(s, flag);
			s->off += n;
			return;
		}
		if (lost) {
			s->cur->flags |= flag;
			s->cur->m.lost_bytes += step;
			if (step == left && s->in_chunk) {
				skip_body(s, step);
			} else if (step == left) {
				/* Its last byte was lost: the end is known, its time is not. */
				s->off += step;
				s->cur->m.body_size += step;
				http_msg_end(s, false);
			} else {
				s->parse->llhttp.content_length -= step;
				s->cur->m.body_size += step;
				s->off += step;
			}
		} else {
			http_msg_touch(s);
			skip_body(s, step);
		}
		n -= step;
	}
}

/* --- the front door ------------------------------------------------------------------------- */

void http_stream_init(struct http_stream *s, const struct http_env *env, void *ctx,
		      unsigned int dir)
{
	memset(s, 0, sizeof(*s));
	s->env = env;
	s->ctx = ctx;
	s->dir = (uint8_t)dir;
}

/* An end of the stream: right for a body that is delimited by it, too early for anything else. */
static void stream_end(struct http_stream *s)
{
	if (!s->cur)
		return;
	if (!s->cur->head_told && !s->cur->m.seen) {
		s->env->cnt->skipped_bytes += s->off - s->cur->start_off;
		http_msg_free(s->env, http_msg_detach(s));
		s->state = HTTP_SCAN;
		return;
	}
	http_msg_drop_half_value(s);
	if (!s->cur->head_told)
		http_msg_tell_head(s);
	if (s->state == HTTP_PEEK && s->peek_len) {
		end_peek(s);
		if (!s->cur)
			return;
	}
	http_msg_end(s, s->state == HTTP_PEEK ||
			   (s->until_close && s->headers_done && !(s->cur->flags & TX_GAP)));
}

void http_stream_chunk(struct http_stream *s, const struct reasm_chunk *chunk)
{
	s->chunk = chunk;
	if (chunk->start)
		s->from_start = chunk->skip >= 0;
	if (chunk->missing) {
		if (s->state == HTTP_SCAN && s->probe)
			http_scan_drop(s);
		s->missed = true;
		s->skipped_last = 0;
		s->off = chunk->off - chunk->missing;
		take_missing(s, chunk->missing, true);
	}
	s->off = chunk->off;
	if (s->probe)
		s->off = s->probe->chunk.off;
	if (chunk->cap_len) {
		if (s->state == HTTP_JUNK && http_junk_ends(s, chunk)) {
			http_msg_end(s, false);
			s->state = HTTP_SCAN;
		}
		if (s->state == HTTP_SCAN)
			http_scan(s, chunk, chunk->data, chunk->cap_len);
		else
			http_take_bytes(s, chunk->data, chunk->cap_len);
	}
	if (chunk->len > chunk->cap_len)
		take_missing(s, chunk->len - chunk->cap_len, false);
	tell_body(s);
	if (chunk->end)
		stream_end(s);
	s->chunk = NULL;
}

void http_stream_opaque(struct http_stream *s)
{
	if (s->cur && (s->cur->head_told || s->cur->m.seen)) {
		http_msg_drop_half_value(s);
		if (!s->cur->head_told)
			http_msg_tell_head(s);
		http_msg_end(s, false);
	} else if (s->cur) { /* what looked like a message belongs to the other protocol */
		http_msg_free(s->env, http_msg_detach(s));
	}
	http_probe_free(s);
	s->state = HTTP_OPAQUE;
	if (s->env->ops->body)
		s->env->ops->body(s->ctx, s->dir, UINT64_MAX);
}

void http_stream_finish(struct http_stream *s)
{
	stream_end(s);
	http_probe_free(s);
	s->state = HTTP_SCAN;
}
