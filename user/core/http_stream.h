/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * http_stream.h - what the parts of http.h share, and nobody else needs.
 *
 *	http.c       the front door: chunks, holes, bytes to whom they are for in each state
 *	http_scan.c  SCAN: where does a message begin
 *	http_head.c  llhttp's callbacks: status, header lines, how the body is delimited
 *	http_line.c  header lines that llhttp need not see
 *	http_msg.c   a message from its first byte to its end
 */
#ifndef HTTPLAT_HTTP_STREAM_H
#define HTTPLAT_HTTP_STREAM_H

#include "http.h"

/* In parse->want: the header is none that is kept. */
#define HTTP_WANT_NONE UINT32_MAX

/* --- http_msg.c --- */

/* A message begins at offset off, in chunk c. False: no memory, which was counted. */
bool http_msg_begin(struct http_stream *s, const struct reasm_chunk *c, uint64_t off);

/* Makes room for so many bytes more in the message's arena, and returns where; NULL: no memory, or beyond the limit. */
char *http_msg_room(struct http_stream *s, struct http_msg *msg, size_t len);

/* Appends to the message's arena; what goes beyond the limit is cut and flagged. */
void http_msg_append(struct http_stream *s, struct http_msg *msg, const void *at, size_t len);

/* The current message is touched by the chunk being taken. */
void http_msg_touch(struct http_stream *s);

/* Its header section ended: asks ops->head. */
enum http_body http_msg_tell_head(struct http_stream *s);

/* A header section that breaks off inside a value that is kept. */
void http_msg_drop_half_value(struct http_stream *s);

/* The current message, which is the caller's now: the stream has none any more. */
struct http_msg *http_msg_detach(struct http_stream *s);

/* Ends the current message, if there is one; `complete`: its last byte was seen. */
void http_msg_end(struct http_stream *s, bool complete);

/*
 * The stream cannot be read on. A message whose start line was read is told as far as it came: after a hole
 * it ends here; after a syntax error the bytes up to the next start line are its rest, whatever they are.
 */
void http_msg_break(struct http_stream *s, uint32_t flags);

/* The position in the stream is not known from offset off on. boundary: a message started there. */
void http_lose_position(struct http_stream *s, uint64_t off, bool boundary);

/* --- http_head.c --- */

extern const llhttp_settings_t http_settings;

static inline const struct http_wanted *http_wanted(const struct http_stream *s)
{
	return s->cur->response ? &s->env->response : &s->env->request;
}

/* False: no header line whose name has that length is kept. */
static inline bool http_may_want(const struct http_stream *s, size_t name_len)
{
	return name_len < 64 && http_wanted(s)->lens >> name_len & 1;
}

/* A header line of the current message: its name, its value or a piece of it, the end of its value. Whether the
 * line is kept, and where, is in s->parse->want. */
void http_head_name(struct http_stream *s, const char *name, size_t len);
void http_head_value(struct http_stream *s, const char *at, size_t len);
void http_head_value_end(struct http_stream *s);

/* All of a header line, for whose length http_may_want(). */
void http_head_line(struct http_stream *s, const char *name, size_t name_len, const char *value,
		    size_t len);
void http_head_content_length(struct http_stream *s, uint64_t length);

/* --- http_line.c --- */

/* At the beginning of a response: takes the status line, if that is as they all are, and returns its length; else 0. */
uint32_t http_take_status(struct http_stream *s, const uint8_t *data, uint32_t len);

/* In a header section, at the beginning of a line: takes the lines at the front that leave no question open, and returns
 * their length. */
uint32_t http_take_lines(struct http_stream *s, const uint8_t *data, uint32_t len);

/* --- http_scan.c --- */

/* In HTTP_SCAN: the next bytes of chunk c, from s->off on. */
void http_scan(struct http_stream *s, const struct reasm_chunk *c, const uint8_t *data,
	       uint32_t len);

/* Gives up a start that had come in pieces. */
void http_scan_drop(struct http_stream *s);

/* Forgets what waits for it. */
void http_probe_free(struct http_stream *s);

/* In HTTP_JUNK: whether the rest of a message that could not be parsed ends here: a segment begins with a start
 * line. */
bool http_junk_ends(struct http_stream *s, const struct reasm_chunk *c);

/* Goes on with a copy of a parser of http_env's. */
static inline void http_set_parser(struct http_stream *s, const llhttp_t *parser)
{
	s->parse->llhttp = *parser;
	s->parse->llhttp.data = s;
}

/* --- http.c --- */

/* In any state but HTTP_SCAN: the next bytes, from s->off on. */
void http_take_bytes(struct http_stream *s, const uint8_t *data, uint32_t len);

#endif
