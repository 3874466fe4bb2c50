// SPDX-License-Identifier: GPL-2.0-only
#include "http_stream.h"

#include <string.h>

#include "keep.h"

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
	struct http_parse *parse = s->parse;
	size_t room = sizeof(parse->field) - parse->field_len;

	if (len > room)
		len = room;
	memcpy(parse->field + parse->field_len, at, len);
	parse->field_len += len;
	return 0;
}

/* Names differ in case only (RFC 9110 §5.1). `name` is in lower case; the field, of len bytes, has no NUL. */
static bool is_named(const char *field, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++) {
		int differ = field[i] ^ name[i];

		if (differ && (differ != ('a' ^ 'A') || name[i] < 'a' || name[i] > 'z'))
			return false;
	}
	return !name[len];
}

/* Index into http_wanted.names; HTTP_WANT_NONE. */
static uint32_t find_wanted(const struct http_stream *s, const char *name, size_t len)
{
	const char *const *names = http_wanted(s)->names;

	for (uint32_t i = 0; names && names[i]; i++)
		if (is_named(name, len, names[i]))
			return i;
	return HTTP_WANT_NONE;
}

static void keep_header(struct http_stream *s, uint32_t name)
{
	struct http_kept_header kept = {.name = name};
	struct http_msg *msg = s->cur;
	uint32_t pos = msg->arena_len;

	if (msg->kept_cnt == HTTP_HEADERS_MAX)
		return;
	if (pos + sizeof(kept) > HTTP_ARENA_MAX) {
		msg->flags |= TX_TRUNCATED;
		return;
	}
	http_msg_append(s, msg, &kept, sizeof(kept));
	if (msg->arena_len == pos)
		return; /* no memory */
	if (!msg->kept_cnt++)
		msg->kept_pos = pos;
	s->parse->want = pos;
}

/* Of the header line that is being kept: all that follows in the arena is its value, but for blanks behind it. */
static void set_value_len(struct http_stream *s, uint32_t len)
{
	memcpy(s->cur->arena + s->parse->want + offsetof(struct http_kept_header, len), &len,
	       sizeof(len));
}

void http_head_name(struct http_stream *s, const char *name, size_t len)
{
	uint32_t i = http_may_want(s, len) ? find_wanted(s, name, len) : HTTP_WANT_NONE;

	s->parse->want = HTTP_WANT_NONE;
	if (i != HTTP_WANT_NONE)
		keep_header(s, i);
}

void http_head_value(struct http_stream *s, const char *at, size_t len)
{
	if (s->parse->want != HTTP_WANT_NONE)
		http_msg_append(s, s->cur, at, len);
}

void http_head_value_end(struct http_stream *s)
{
	struct http_msg *msg = s->cur;
	uint32_t begin;

	if (s->parse->want == HTTP_WANT_NONE)
		return;
	begin = s->parse->want + sizeof(struct http_kept_header);
	while (msg->arena_len > begin && (msg->arena[msg->arena_len - 1] == ' ' ||
					  msg->arena[msg->arena_len - 1] == '\t'))
		msg->arena_len--;
	set_value_len(s, msg->arena_len - begin);
	s->parse->want = HTTP_WANT_NONE;
}

/* In one go, but for what goes beyond the arena's limit. */
static void keep_line(struct http_stream *s, uint32_t name, const char *value, size_t len)
{
	struct http_kept_header kept = {name, (uint32_t)len};
	struct http_msg *msg = s->cur;
	char *at;

	if (msg->kept_cnt == HTTP_HEADERS_MAX)
		return;
	at = http_msg_room(s, msg, sizeof(kept) + len);
	if (!at) {
		keep_header(s, name);
		http_head_value(s, value, len);
		http_head_value_end(s);
		return;
	}
	memcpy(at, &kept, sizeof(kept));
	memcpy(at + sizeof(kept), value, len);
	if (!msg->kept_cnt++)
		msg->kept_pos = msg->arena_len;
	msg->arena_len += sizeof(kept) + len;
}

void http_head_line(struct http_stream *s, const char *name, size_t name_len, const char *value,
		    size_t len)
{
	uint32_t i = find_wanted(s, name, name_len);

	if (i == HTTP_WANT_NONE)
		return;
	while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	keep_line(s, i, value, len);
}

static int on_header_field_complete(llhttp_t *p)
{
	struct http_stream *s = p->data;

	if (!s->headers_done) {
		http_head_name(s, s->parse->field, s->parse->field_len);
		if (is_named(s->parse->field, s->parse->field_len, "transfer-encoding"))
			s->transfer_encoding_seen = true;
	}
	s->parse->field_len = 0;
	return 0;
}

static int on_header_value(llhttp_t *p, const char *at, size_t len)
{
	http_head_value(p->data, at, len);
	return 0;
}

void http_head_content_length(struct http_stream *s, uint64_t length)
{
	if (s->content_length_seen && s->parse->content_length != length)
		s->cur->flags |= TX_MALFORMED;
	else
		s->parse->content_length = length;
	s->content_length_seen = true;
}

/*
 * llhttp refuses a second Content-Length, also an equal one that RFC 9110 §8.6 allows. So each one is taken
 * out of the parser as soon as it was read, compared here, and put back at the end of the section.
 */
static int on_header_value_complete(llhttp_t *p)
{
	struct http_stream *s = p->data;

	http_head_value_end(s);
	if (s->headers_done || !(p->flags & F_CONTENT_LENGTH))
		return 0;
	http_head_content_length(s, p->content_length);
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
	p->content_length = s->parse->content_length;
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
	body = http_msg_tell_head(s);
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

const llhttp_settings_t http_settings = {
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

/* --- what is the same for every message ------------------------------------------------------- */

static uint64_t bit_of(const char *name)
{
	size_t len = strlen(name);

	return len < 64 ? UINT64_C(1) << len : 0;
}

static struct http_wanted wanted_of(const char *const *names)
{
	struct http_wanted w = {.names = names};

	for (; names && *names; names++)
		w.lens |= bit_of(*names);
	return w;
}

static void parser_init(llhttp_t *p, llhttp_type_t type, const llhttp_settings_t *settings)
{
	llhttp_init(p, type, settings);
	llhttp_set_lenient_headers(p, 1);
	llhttp_set_lenient_version(p, 1);
	llhttp_set_lenient_keep_alive(p, 1);
	llhttp_set_lenient_chunked_length(p, 1);
	llhttp_set_lenient_optional_lf_after_cr(p, 1);
	llhttp_set_lenient_optional_cr_before_lf(p, 1);
	llhttp_set_lenient_spaces_after_chunk_size(p, 1);
}

static void parser_after(llhttp_t *p, llhttp_type_t type, const char *line)
{
	static const llhttp_settings_t silent;

	parser_init(p, type, &silent);
	llhttp_execute(p, line, strlen(line));
	p->settings = (void *)&http_settings;
}

void http_env_init(struct http_env *env, const char *const *request_headers,
		   const char *const *response_headers)
{
	char request[] = "GET / HTTP/1.0\r\n", response[] = "HTTP/1.0 200 OK\r\n";

	env->request = wanted_of(request_headers);
	env->response = wanted_of(response_headers);
	parser_init(&env->at_response, HTTP_RESPONSE, &http_settings);
	for (unsigned int minor = 0; minor < 10; minor++) {
		request[sizeof("GET / HTTP/1.") - 1] = (char)('0' + minor);
		response[sizeof("HTTP/1.") - 1] = (char)('0' + minor);
		parser_after(&env->at_headers[false][minor], HTTP_REQUEST, request);
		parser_after(&env->at_headers[true][minor], HTTP_RESPONSE, response);
	}
}
