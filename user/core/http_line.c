// SPDX-License-Identifier: GPL-2.0-only
/*
 * llhttp looks at each byte of a header section, which is most of what a message costs. A line is taken here if all of it
 * is at hand and it is beyond doubt: a name, a colon, printable bytes, CR LF, and no continuation behind it (RFC 9112
 * §5); if it tells of the framing, with the one value that nearly all have. Everything else is llhttp's: what it is
 * lenient with, what it refuses, codings, upgrades, the end of the section, and bodies.
 */
#include "http_stream.h"

#include <string.h>

#include "bytes.h"

/* RFC 9110 §5.6.2 */
static bool is_token(uint8_t c)
{
	static const bool tchar[256] = {
		['!'] = true,	      ['#'] = true,	    ['$'] = true, ['%'] = true,
		['&'] = true,	      ['\''] = true,	    ['*'] = true, ['+'] = true,
		['-'] = true,	      ['.'] = true,	    ['^'] = true, ['_'] = true,
		['`'] = true,	      ['|'] = true,	    ['~'] = true, ['0' ... '9'] = true,
		['A' ... 'Z'] = true, ['a' ... 'z'] = true,
	};

	return tchar[c];
}

/* Printable bytes against a word of small letters and hyphens, which all have the bit that tells small letters from
 * capitals. */
static inline bool is_word(const uint8_t *at, size_t len, const char *word)
{
	if (len != strlen(word))
		return false;
	for (size_t i = 0; i < len; i++)
		if ((at[i] | ('a' ^ 'A')) != (uint8_t)word[i])
			return false;
	return true;
}

/* False: not a number that fits, or what it says depends on other lines. */
static bool take_content_length(struct http_stream *s, const uint8_t *value, size_t len)
{
	uint64_t length = 0;
	size_t i;

	if (s->transfer_encoding_seen || s->parse->llhttp.flags & F_TRANSFER_ENCODING || !len || len > 18)
		return false;
	for (i = 0; i < len && value[i] >= '0' && value[i] <= '9'; i++)
		length = length * 10 + (value[i] - '0');
	if (i < len)
		return false;
	http_head_content_length(s, length);
	return true;
}

static bool take_connection(struct http_stream *s, const uint8_t *value, size_t len)
{
	if (is_word(value, len, "keep-alive"))
		s->parse->llhttp.flags |= F_CONNECTION_KEEP_ALIVE;
	else if (is_word(value, len, "close"))
		s->parse->llhttp.flags |= F_CONNECTION_CLOSE;
	else
		return false;
	return true;
}

/* What a line says of the framing. False: let llhttp look. The names are those that it knows. */
static bool take_framing(struct http_stream *s, const uint8_t *name, size_t name_len,
			 const uint8_t *value, size_t len)
{
	switch (name_len) {
	case 7:
		return !is_word(name, name_len, "upgrade");
	case 10:
		return !is_word(name, name_len, "connection") || take_connection(s, value, len);
	case 14:
		return !is_word(name, name_len, "content-length") ||
		       take_content_length(s, value, len);
	case 16:
		return !is_word(name, name_len, "proxy-connection");
	case 17:
		return !is_word(name, name_len, "transfer-encoding");
	default:
		return true;
	}
}

/* The line at data, if it is for us; returns where the next one begins, or NULL. end[-1] is the last LF at hand: no loop
 * goes beyond it, and of the line that it ends it is not known whether it goes on. */
static const uint8_t *take_line(struct http_stream *s, const uint8_t *data, const uint8_t *end)
{
	const uint8_t *colon = data, *value, *next;

	while (is_token(*colon))
		colon++;
	if (*colon != ':' || colon == data)
		return NULL;
	for (value = colon + 1; *value == ' ';)
		value++;
	next = value + printable_len(value, (size_t)(end - value));
	if (next[0] != '\r' || next[1] != '\n' || next + 2 == end || next[2] == ' ' ||
	    next[2] == '\t' ||
	    !take_framing(s, data, (size_t)(colon - data), value, (size_t)(next - value)))
		return NULL;
	/* The length tells most of them apart. */
	if (http_may_want(s, (size_t)(colon - data)))
		http_head_line(s, (const char *)data, (size_t)(colon - data), (const char *)value,
			       (size_t)(next - value));
	return next + 2;
}

/* llhttp has seen a line's end, but with the next byte only says what it thinks of it: a kept value may go on, and one
 * that tells of the framing (its header_state is not 0, "general") be refused. */
static bool is_open(const struct http_stream *s)
{
	return s->parse->want != HTTP_WANT_NONE || s->parse->llhttp.header_state;
}

uint32_t http_take_lines(struct http_stream *s, const uint8_t *data, uint32_t len)
{
	const uint8_t *at = data, *next = data, *end = memrchr(data, '\n', len);

	if (!end || is_open(s))
		return 0;
	end++;
	while (next && next < end) {
		at = next;
		next = take_line(s, at, end);
	}
	return (uint32_t)((next ? next : at) - data);
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

uint32_t http_take_status(struct http_stream *s, const uint8_t *data, uint32_t len)
{
	static const char before[] = "HTTP/1.";
	const uint8_t *minor = data + sizeof(before) - 1, *code = minor + 2, *reason = code + 4;
	uint32_t end = (uint32_t)(reason - data);
	struct http_msg *msg = s->cur;

	if (len < end || memcmp(data, before, sizeof(before) - 1) || !is_digit(*minor) ||
	    minor[1] != ' ' || !is_digit(code[0]) || !is_digit(code[1]) || !is_digit(code[2]) ||
	    code[3] != ' ')
		return 0;
	end += (uint32_t)printable_len(reason, len - end);
	if (len - end < 2 || data[end] != '\r' || data[end + 1] != '\n')
		return 0;
	msg->m.version_major = 1;
	msg->m.version_minor = (uint8_t)(*minor - '0');
	msg->m.seen = true;
	msg->status = (uint16_t)((code[0] - '0') * 100 + (code[1] - '0') * 10 + code[2] - '0');
	http_set_parser(s, &s->env->at_headers[true][msg->m.version_minor]);
	s->parse->llhttp.status_code = msg->status;
	return end + 2;
}
