// SPDX-License-Identifier: GPL-2.0-only
#include "http.h"

#include <string.h>

#include "keep.h"

static int on_version_complete(llhttp_t *p);
static int on_status_complete(llhttp_t *p);
static int on_header_field(llhttp_t *p, const char *at, size_t len);
static int on_header_field_complete(llhttp_t *p);
static int on_header_value(llhttp_t *p, const char *at, size_t len);
static int on_header_value_complete(llhttp_t *p);
static int on_headers_complete(llhttp_t *p);
static int on_body(llhttp_t *p, const char *at, size_t len);
static int on_chunk_header(llhttp_t *p);
static int on_chunk_complete(llhttp_t *p);
static int on_message_complete(llhttp_t *p);

static const llhttp_settings_t http_settings = {
	.on_version_complete = on_version_complete,
	.on_status_complete = on_status_complete,
	.on_header_field = on_header_field,
	.on_header_field_complete = on_header_field_complete,
	.on_header_value = on_header_value,
	.on_header_value_complete = on_header_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_chunk_header = on_chunk_header,
	.on_chunk_complete = on_chunk_complete,
	.on_message_complete = on_message_complete,
};

/* In s->want: the header is none that is kept. */
#define WANT_NONE (-1)

/* --- messages ------------------------------------------------------------------------------- */

void http_msg_free(const struct http_env *env, struct http_msg *msg)
{
	if (!msg)
		return;
	mem_free(env->mem, msg->arena, msg->arena_cap);
	keep_free(env, msg);
	mem_free(env->mem, msg, sizeof(*msg));
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

/* Appends to the arena; what goes beyond the limit is cut and flagged. */
static void msg_append(struct http_stream *s, struct http_msg *msg, const char *at, size_t len)
{
	if (!len)
		return;
	if (msg->arena_len + len > HTTP_ARENA_MAX) {
		msg->flags |= TX_TRUNCATED;
		len = HTTP_ARENA_MAX - msg->arena_len;
	}
	if (msg->arena_len + len > msg->arena_cap) {
		uint32_t cap = msg->arena_cap ? msg->arena_cap : 256;
		char *grown;

		while (cap < msg->arena_len + len)
			cap *= 2;
		grown = mem_realloc(s->env->mem, msg->arena, msg->arena_cap, cap);
		if (!grown) {
			msg->flags |= TX_TRUNCATED;
			return;
		}
		msg->arena = grown;
		msg->arena_cap = cap;
	}
	memcpy(msg->arena + msg->arena_len, at, len);
	msg->arena_len += len;
}

static bool msg_begin(struct http_stream *s, const struct reasm_chunk *c, uint64_t off)
{
	struct http_msg *msg = mem_alloc(s->env->mem, sizeof(*msg));

	if (!msg) {
		s->env->cnt->memory_dropped++;
		return false;
	}
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
	s->cur = msg;
	s->headers_done = s->in_body = s->in_chunk = s->until_close = s->failed = false;
	s->content_length_seen = s->transfer_encoding_seen = s->tunnel = false;
	s->peek_len = 0;
	s->want = WANT_NONE;
	s->field_len = 0;
	llhttp_init(&s->parser, msg->response ? HTTP_RESPONSE : HTTP_REQUEST, &http_settings);
	s->parser.data = s;
	llhttp_set_lenient_headers(&s->parser, 1);
	llhttp_set_lenient_version(&s->parser, 1);
	llhttp_set_lenient_keep_alive(&s->parser, 1);
	llhttp_set_lenient_chunked_length(&s->parser, 1);
	llhttp_set_lenient_optional_lf_after_cr(&s->parser, 1);
	llhttp_set_lenient_optional_cr_before_lf(&s->parser, 1);
	llhttp_set_lenient_spaces_after_chunk_size(&s->parser, 1);
	return true;
}

/* The current message is touched by the chunk being taken. */
static void msg_touch(struct http_stream *s)
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

static enum http_body msg_tell_head(struct http_stream *s)
{
	s->cur->head_told = true;
	return s->env->ops->head(s->ctx, s->dir, s->cur);
}

/* A header section that breaks off inside a value that is kept. */
static void drop_half_value(struct http_stream *s)
{
	if (!s->headers_done && s->want >= 0)
		s->cur->kept_cnt = s->want;
}

/* Ends the current message; `complete`: its last byte was seen. */
static void msg_end(struct http_stream *s, bool complete)
{
	struct http_msg *msg = s->cur;
	bool tunnel = s->tunnel;

	if (!msg)
		return;
	s->cur = NULL;
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

static void lose_position(struct http_stream *s, uint64_t off, bool boundary)
{
	s->probe_len = 0;
	if (s->broken)
		return;
	s->broken = true;
	s->lost_off = off;
	s->lost_boundary = boundary;
	s->env->ops->lost(s->ctx, s->dir, off);
}

/*
 * The stream cannot be read on. A message whose start line was read is told as far as it came: after a hole
 * it ends here; after a syntax error the bytes up to the next start line are its rest, whatever they are.
 */
static void msg_break(struct http_stream *s, uint32_t flags)
{
	struct http_msg *msg = s->cur;
	uint64_t start;

	s->state = HTTP_SCAN;
	if (!msg) {
		/* Garbage is no message. */
		lose_position(s, s->off, (s->synced || s->from_start) && !(flags & TX_MALFORMED));
		return;
	}
	start = msg->start_off;
	msg->flags |= flags;
	if (!msg->m.seen) {
		s->env->cnt->skipped_bytes += s->off - start;
		s->cur = NULL;
		http_msg_free(s->env, msg);
		lose_position(s, start, !(flags & TX_MALFORMED));
		return;
	}
	drop_half_value(s);
	if (!msg->head_told)
		msg_tell_head(s);
	lose_position(s, s->off, false);
	if (flags & TX_MALFORMED) {
		s->state = HTTP_JUNK;
		return;
	}
	msg_end(s, false);
	s->state = HTTP_SCAN;
}

/* --- llhttp's callbacks --------------------------------------------------------------------- */

static int on_version_complete(llhttp_t *p)
{
	struct http_stream *s = p->data;

	if (!s->cur->response)
		return 0;
	s->cur->m.version_major = p->http_major;
	s->cur->m.version_minor = p->http_minor;
	return p->http_major == 1 ? 0 : HPE_USER;
}

static int on_status_complete(llhttp_t *p)
{
	struct http_stream *s = p->data;

	s->cur->m.seen = true;
	s->cur->status = p->status_code;
	return 0;
}

static int on_header_field(llhttp_t *p, const char *at, size_t len)
{
	struct http_stream *s = p->data;

	for (size_t i = 0; i < len && s->field_len < sizeof(s->field); i++) {
		char c = at[i];

		s->field[s->field_len++] = c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
	}
	return 0;
}

static bool field_is(const struct http_stream *s, const char *name)
{
	return strlen(name) == s->field_len && !memcmp(name, s->field, s->field_len);
}

static void keep_header(struct http_stream *s, const char *name)
{
	struct http_msg *msg = s->cur;

	if (msg->kept_cnt == HTTP_HEADERS_MAX)
		return;
	msg->kept[msg->kept_cnt].name = name;
	msg->kept[msg->kept_cnt].pos = msg->arena_len;
	msg->kept[msg->kept_cnt].len = 0;
	s->want = msg->kept_cnt++;
}

static int on_header_field_complete(llhttp_t *p)
{
	struct http_stream *s = p->data;
	const char *const *names = s->cur->response ? s->env->response_headers :
						      s->env->request_headers;

	s->want = WANT_NONE;
	if (!s->headers_done) {
		for (; names && *names; names++)
			if (field_is(s, *names))
				keep_header(s, *names);
		if (field_is(s, "transfer-encoding"))
			s->transfer_encoding_seen = true;
	}
	s->field_len = 0;
	return 0;
}

static int on_header_value(llhttp_t *p, const char *at, size_t len)
{
	struct http_stream *s = p->data;

	if (s->want < 0)
		return 0;
	msg_append(s, s->cur, at, len);
	s->cur->kept[s->want].len = s->cur->arena_len - s->cur->kept[s->want].pos;
	return 0;
}

/*
 * llhttp refuses a second Content-Length, also an equal one that RFC 9110 §8.6 allows. So each one is taken
 * out of the parser as soon as it was read, compared here, and put back at the end of the section.
 */
static int on_header_value_complete(llhttp_t *p)
{
	struct http_stream *s = p->data;

	if (s->want >= 0) {
		struct http_kept_header *k = &s->cur->kept[s->want];

		while (k->len && (s->cur->arena[k->pos + k->len - 1] == ' ' ||
				  s->cur->arena[k->pos + k->len - 1] == '\t'))
			k->len--;
	}
	s->want = WANT_NONE;
	if (s->headers_done || !(p->flags & F_CONTENT_LENGTH))
		return 0;
	if (s->content_length_seen && s->content_length != p->content_length)
		s->cur->flags |= TX_MALFORMED;
	else
		s->content_length = p->content_length;
	s->content_length_seen = true;
	p->flags &= ~F_CONTENT_LENGTH;
	p->content_length = 0;
	return 0;
}

static void restore_content_length(struct http_stream *s, llhttp_t *p)
{
	if (!s->content_length_seen)
		return;
	if (s->transfer_encoding_seen) {
		s->cur->flags |= TX_MALFORMED; /* RFC 9112 §6.3 rule 3 */
		return;
	}
	p->flags |= F_CONTENT_LENGTH;
	p->content_length = s->content_length;
}

static bool status_has_no_body(uint16_t status)
{
	return status / 100 == 1 || status == 204 || status == 304;
}

static int on_headers_complete(llhttp_t *p)
{
	struct http_stream *s = p->data;
	struct http_msg *msg = s->cur;
	enum http_body body;

	restore_content_length(s, p);
	s->headers_done = true;
	msg->m.seen = true;
	msg->status = msg->response ? p->status_code : 0;
	msg->says_close = p->flags & F_CONNECTION_CLOSE;
	body = msg_tell_head(s);
	p->upgrade = 0; /* only the other side's answer makes it one */
	if (!msg->response) {
		s->in_body = !(p->flags & F_CHUNKED) && p->content_length;
		return msg->is_connect;
	}
	s->tunnel = body == HTTP_BODY_TUNNEL;
	if (body == HTTP_BODY_NONE || body == HTTP_BODY_TUNNEL || status_has_no_body(msg->status))
		return 1;
	s->in_body = !(p->flags & F_CHUNKED) && (p->flags & F_CONTENT_LENGTH) && p->content_length;
	s->until_close = !(p->flags & (F_CHUNKED | F_CONTENT_LENGTH));
	if (body == HTTP_BODY_UNSURE && (s->in_body || s->until_close || p->flags & F_CHUNKED)) {
		s->state = HTTP_PEEK;
		return HPE_PAUSED;
	}
	return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t len)
{
	struct http_stream *s = p->data;

	s->cur->m.body_size += len;
	if (s->env->body_bytes)
		keep_body(s->env, s->cur, at, len);
	return 0;
}

static int on_chunk_header(llhttp_t *p)
{
	struct http_stream *s = p->data;

	s->in_chunk = p->content_length > 0;
	return 0;
}

static int on_chunk_complete(llhttp_t *p)
{
	struct http_stream *s = p->data;

	s->in_chunk = false;
	return 0;
}

static int on_message_complete(llhttp_t *p)
{
	(void)p;
	return HPE_PAUSED;
}

/* --- body of known length ------------------------------------------------------------------- */

/* Bytes of body that certainly follow; llhttp counts them down in content_length. */
static uint64_t body_left(const struct http_stream *s)
{
	if (!s->cur || s->state != HTTP_MESSAGE)
		return 0;
	return s->in_body || s->in_chunk ? s->parser.content_length : 0;
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

	s->parser.content_length -= n - 1;
	s->cur->m.body_size += n - 1;
	s->off += n;
	err = llhttp_execute(&s->parser, "", 1);
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
		msg_end(s, true);
		return;
	}
	if (s->cur && s->cur->m.seen)
		s->env->cnt->malformed++;
	msg_break(s, TX_MALFORMED);
}

/* Feeds llhttp; returns how many bytes it took. */
static uint32_t parse(struct http_stream *s, const uint8_t *data, uint32_t len)
{
	llhttp_errno_t err = llhttp_execute(&s->parser, (const char *)data, len);
	uint32_t used = len;

	if (err != HPE_OK) {
		const char *pos = llhttp_get_error_pos(&s->parser);

		used = pos ? pos - (const char *)data : 0;
		if (used > len)
			used = len;
	}
	s->off += used;
	parse_result(s, err);
	if (s->cur && !s->headers_done && s->off - s->cur->start_off > HTTP_HEAD_MAX) {
		s->env->cnt->oversize++;
		msg_break(s, TX_MALFORMED);
	}
	return used;
}

/* Where the version begins in a request line without its line end: behind the last blank. 0: there is none. */
static uint32_t find_version(const char *line, uint32_t len)
{
	static const char name[] = "HTTP/1.";
	uint32_t pos = len;

	while (pos && line[pos - 1] != ' ' && line[pos - 1] != '\t')
		pos--;
	if (len - pos != sizeof(name) || memcmp(line + pos, name, sizeof(name) - 1))
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
	memcpy(msg->method, line, pos);
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

/* Collects the request line; then llhttp gets one that stands for it and parses on from there. */
static uint32_t take_line(struct http_stream *s, const uint8_t *data, uint32_t len)
{
	char stand_in[] = "GET / HTTP/1.1\r\n";
	const uint8_t *end = memchr(data, '\n', len);
	uint32_t used = end ? end - data + 1 : len;
	struct http_msg *msg = s->cur;

	msg_append(s, msg, (const char *)data, end ? used - 1 : used);
	s->off += used;
	if (msg->flags & TX_TRUNCATED) {
		s->env->cnt->oversize++;
		msg_break(s, TX_MALFORMED);
		return used;
	}
	if (!end)
		return used;
	if (!split_line(msg)) {
		msg_break(s, TX_MALFORMED);
		return used;
	}
	msg->m.seen = true;
	msg->is_head = !strcmp(msg->method, "HEAD");
	msg->is_connect = !strcmp(msg->method, "CONNECT");
	s->state = HTTP_MESSAGE;
	stand_in[sizeof(stand_in) - 4] = '0' + msg->m.version_minor;
	llhttp_execute(&s->parser, stand_in, sizeof(stand_in) - 1);
	return used;
}

static void begin_message(struct http_stream *s, const struct reasm_chunk *c)
{
	if (!msg_begin(s, c, s->off)) {
		s->state = HTTP_SCAN;
		lose_position(s, s->off, true);
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
		msg_break(s, TX_MALFORMED);
	else
		begin_message(s, s->chunk);
	return i;
}

static void take_bytes(struct http_stream *s, const uint8_t *data, uint32_t len);

static const uint8_t version_prefix[] = "HTTP/1.";

/* The stream ends with the beginning of what could be a status line: as bytes of a body they need no further
 * explanation. */
static void end_peek(struct http_stream *s)
{
	uint32_t held = s->peek_len;

	s->off -= held;
	s->peek_len = 0;
	s->state = HTTP_MESSAGE;
	llhttp_resume(&s->parser);
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
		msg_end(s, true);
	} else {
		s->state = HTTP_MESSAGE;
		llhttp_resume(&s->parser);
	}
	s->peek_len = 0;
	take_bytes(s, version, held);
	return 0;
}

static void take_bytes(struct http_stream *s, const uint8_t *data, uint32_t len)
{
	while (len) {
		struct http_msg *before = s->cur;
		uint32_t used;

		switch (s->state) {
		case HTTP_IDLE:
			used = take_idle(s, data, len);
			break;
		case HTTP_LINE:
			msg_touch(s);
			used = take_line(s, data, len);
			break;
		case HTTP_MESSAGE:
			if (before)
				msg_touch(s);
			used = parse(s, data, len);
			break;
		case HTTP_PEEK:
			used = take_peek(s, data, len);
			break;
		default: /* HTTP_SCAN, HTTP_JUNK: up to the next segment; HTTP_OPAQUE */
			if (s->state == HTTP_SCAN)
				s->env->cnt->skipped_bytes += len;
			if (s->state == HTTP_JUNK)
				msg_touch(s);
			s->off += len;
			return;
		}
		data += used;
		len -= used;
	}
}

/* --- finding a message's start -------------------------------------------------------------- */

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
	lose_position(s, s->off, false);
	s->env->cnt->skipped_bytes += len;
	s->off += len;
	s->skipped_last = data[len - 1];
}

/* Gives up a start that had come in pieces. */
static void drop_probe(struct http_stream *s)
{
	s->probed = true;
	lose_position(s, s->off, false);
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

static void scan(struct http_stream *s, const struct reasm_chunk *c, const uint8_t *data,
		 uint32_t len);

/* A start line may come in pieces: up to STARTLINE_PROBE_MAX bytes wait in s->probe. */
static void scan_pieces(struct http_stream *s, const struct reasm_chunk *c, const uint8_t *data,
			uint32_t len)
{
	uint32_t take = STARTLINE_PROBE_MAX - s->probe_len, held = s->probe_len;
	struct reasm_chunk first = s->probe_chunk;
	uint8_t bytes[STARTLINE_PROBE_MAX];
	enum startline kind;

	if (take > len)
		take = len;
	memcpy(s->probe + held, data, take);
	kind = accept_start(s, c, s->probe, held + take);
	if (kind == STARTLINE_MAYBE && held + take < STARTLINE_PROBE_MAX) {
		s->probe_len += take;
		if (!held)
			s->probe_chunk = *c;
		return;
	}
	memcpy(bytes, s->probe, held);
	s->probe_len = 0;
	if (kind == STARTLINE_REQUEST || kind == STARTLINE_RESPONSE)
		synchronise(s, kind, s->off);
	if (s->state != HTTP_IDLE && held) {
		/* What waited was no start; what came now may be one. */
		not_a_start(s, bytes, held);
		scan(s, c, data, len);
		return;
	}
	if (s->state != HTTP_IDLE) {
		not_a_start(s, data, len);
		return;
	}
	/* The bytes that waited belong to the segments that brought them. */
	s->chunk = &first;
	take_bytes(s, bytes, held);
	s->chunk = c;
	take_bytes(s, data, len);
}

/* The rest of a message that could not be parsed ends where a segment begins with a start line. */
static bool junk_ends(struct http_stream *s, const struct reasm_chunk *c)
{
	enum startline kind = startline_probe(c->data, c->cap_len);
	enum startline own = s->role == HTTP_ROLE_REQUEST ? STARTLINE_REQUEST : STARTLINE_RESPONSE;

	return c->seg_start && kind == own;
}

static void scan(struct http_stream *s, const struct reasm_chunk *c, const uint8_t *data,
		 uint32_t len)
{
	enum startline kind;

	if (s->probe_len) {
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
		take_bytes(s, data, len);
	else
		not_a_start(s, data, len);
}

/* --- holes ---------------------------------------------------------------------------------- */

/* n bytes are missing (lost: nobody saw them) or were not copied (they arrived: times are right). */
static void take_missing(struct http_stream *s, uint64_t n, bool lost)
{
	uint32_t flag = lost ? TX_GAP : TX_TRUNCATED;

	if (s->state == HTTP_PEEK && !lost && !s->peek_len) {
		/* Whoever left these bytes out took them for the body. */
		s->state = HTTP_MESSAGE;
		llhttp_resume(&s->parser);
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
				msg_touch(s);
			return;
		}
		if (!left) {
			if (s->state == HTTP_OPAQUE || s->state == HTTP_JUNK) {
				s->off += n;
				return;
			}
			if (lost && s->cur)
				s->cur->m.lost_bytes += n;
			msg_break(s, flag);
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
				msg_end(s, false);
			} else {
				s->parser.content_length -= step;
				s->cur->m.body_size += step;
				s->off += step;
			}
		} else {
			msg_touch(s);
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
	s->dir = dir;
	s->want = WANT_NONE;
}

/* An end of the stream: right for a body that is delimited by it, too early for anything else. */
static void stream_end(struct http_stream *s)
{
	if (!s->cur)
		return;
	if (!s->cur->head_told && !s->cur->m.seen) {
		s->env->cnt->skipped_bytes += s->off - s->cur->start_off;
		http_msg_free(s->env, s->cur);
		s->cur = NULL;
		s->state = HTTP_SCAN;
		return;
	}
	drop_half_value(s);
	if (!s->cur->head_told)
		msg_tell_head(s);
	if (s->state == HTTP_PEEK && s->peek_len) {
		end_peek(s);
		if (!s->cur)
			return;
	}
	msg_end(s, s->state == HTTP_PEEK ||
			   (s->until_close && s->headers_done && !(s->cur->flags & TX_GAP)));
}

void http_stream_chunk(struct http_stream *s, const struct reasm_chunk *chunk)
{
	s->chunk = chunk;
	if (chunk->start)
		s->from_start = chunk->skip >= 0;
	if (chunk->missing) {
		if (s->state == HTTP_SCAN && s->probe_len)
			drop_probe(s);
		s->missed = true;
		s->skipped_last = 0;
		s->off = chunk->off - chunk->missing;
		take_missing(s, chunk->missing, true);
	}
	s->off = chunk->off;
	if (s->probe_len)
		s->off = s->probe_chunk.off;
	if (chunk->cap_len) {
		if (s->state == HTTP_JUNK && junk_ends(s, chunk)) {
			msg_end(s, false);
			s->state = HTTP_SCAN;
		}
		if (s->state == HTTP_SCAN)
			scan(s, chunk, chunk->data, chunk->cap_len);
		else
			take_bytes(s, chunk->data, chunk->cap_len);
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
		drop_half_value(s);
		if (!s->cur->head_told)
			msg_tell_head(s);
		msg_end(s, false);
	} else if (s->cur) { /* what looked like a message belongs to the other protocol */
		http_msg_free(s->env, s->cur);
		s->cur = NULL;
	}
	s->state = HTTP_OPAQUE;
	if (s->env->ops->body)
		s->env->ops->body(s->ctx, s->dir, UINT64_MAX);
}

void http_stream_finish(struct http_stream *s)
{
	stream_end(s);
	s->state = HTTP_SCAN;
}
