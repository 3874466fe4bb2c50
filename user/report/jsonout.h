/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * jsonout.h - writes JSON (RFC 8259), a line at a time, into a buffer that is kept for the next.
 *
 * A record has some fifty keys, and writing them is most of what a record costs. So keys are literals whose length the
 * compiler knows, with their quotes and colon in one piece; nothing is looked up, and there is no state: each value is
 * written with a comma behind it, which is taken back where the object, the list or the line ends. Keys need no
 * escaping; values are escaped (escape.h), so that hostile bytes are valid JSON and do nothing to a terminal.
 *
 * Without memory b.failed is set: see buf.h.
 */
#ifndef HTTPLAT_JSONOUT_H
#define HTTPLAT_JSONOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "digits.h"

struct jsonout {
	struct buf b;
};

#define jsonout_inline static inline __attribute__((always_inline))

void jsonout_free(struct jsonout *o);

/* Empties it. */
void jsonout_reset(struct jsonout *o);

/* '{' or '[', as a value; '}' or ']'. */
void jsonout_open(struct jsonout *o, char bracket);
void jsonout_close(struct jsonout *o, char bracket);

/* Writes a key of len bytes at p, with its quotes and colon; returns the end. Inlined, so that a literal's length
 * is known. */
jsonout_inline char *jsonout_key_at(char *p, const char *key, size_t len)
{
	*p++ = '"';
	memcpy(p, key, len);
	p += len;
	*p++ = '"';
	*p++ = ':';
	return p;
}

#define JSONOUT_KEY_SIZE(len) ((len) + 3)

/* A key that needs no escaping; the value is next. */
jsonout_inline void jsonout_key(struct jsonout *o, const char *key)
{
	size_t len = strlen(key);
	char *p = buf_room(&o->b, JSONOUT_KEY_SIZE(len));

	if (p)
		o->b.len = (size_t)(jsonout_key_at(p, key, len) - o->b.ptr);
}

/* "PREFIX.NAME" as a key. */
void jsonout_key_of(struct jsonout *o, const char *prefix, const char *name, size_t len);

void jsonout_u64(struct jsonout *o, uint64_t value);
void jsonout_i64(struct jsonout *o, int64_t value);
void jsonout_bool(struct jsonout *o, bool value);

/* A number that is written already. */
void jsonout_number(struct jsonout *o, const char *digits, size_t len);

/* A string of hostile bytes. */
void jsonout_text(struct jsonout *o, const char *ptr, size_t len);

/* A string that needs no escaping. */
void jsonout_plain(struct jsonout *o, const char *text, size_t len);

/* How much of b.ptr is the value that was written: all but the comma behind it. */
static inline size_t jsonout_len(const struct jsonout *o)
{
	return o->b.len ? o->b.len - 1 : 0;
}

/* Prints what was written, which is one value, as a line, and empties it. 0, or -errno: -ENOMEM when some of it
 * is missing, and nothing was printed. */
int jsonout_print(struct jsonout *o, FILE *out);

/* With a key: those that are written most. */
jsonout_inline void jsonout_put_u64(struct jsonout *o, const char *key, uint64_t value)
{
	size_t len = strlen(key);
	char *p = buf_room(&o->b, JSONOUT_KEY_SIZE(len) + DIGITS_MAX + 1);

	if (!p)
		return;
	p = jsonout_key_at(p, key, len);
	if (value < 10)
		*p++ = (char)('0' + value);
	else
		p = digits_put(p, value);
	*p++ = ',';
	o->b.len = (size_t)(p - o->b.ptr);
}

jsonout_inline void jsonout_put_plain(struct jsonout *o, const char *key, const char *text,
				      size_t text_len)
{
	size_t len = strlen(key);
	char *p = buf_room(&o->b, JSONOUT_KEY_SIZE(len) + text_len + 3);

	if (!p)
		return;
	p = jsonout_key_at(p, key, len);
	*p++ = '"';
	memcpy(p, text, text_len);
	p += text_len;
	*p++ = '"';
	*p++ = ',';
	o->b.len = (size_t)(p - o->b.ptr);
}

jsonout_inline void jsonout_put_text(struct jsonout *o, const char *key, const char *ptr,
				     size_t len)
{
	jsonout_key(o, key);
	jsonout_text(o, ptr, len);
}

jsonout_inline void jsonout_put_string(struct jsonout *o, const char *key, const char *value)
{
	jsonout_put_text(o, key, value, strlen(value));
}

#endif
