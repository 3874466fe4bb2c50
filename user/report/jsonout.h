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

/* A key that needs no escaping; the value is next. Inlined, so that a literal's length is known. */
jsonout_inline void jsonout_key(struct jsonout *o, const char *key)
{
	size_t len = strlen(key);
	char *p = buf_room(&o->b, len + 3);

	if (!p)
		return;
	*p++ = '"';
	memcpy(p, key, len);
	p += len;
	*p++ = '"';
	*p++ = ':';
	o->b.len = (size_t)(p - o->b.ptr);
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

/* With a key. */
jsonout_inline void jsonout_put_u64(struct jsonout *o, const char *key, uint64_t value)
{
	jsonout_key(o, key);
	jsonout_u64(o, value);
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

/*
 * Members whose length is bounded, many at a time: after jsonout_room() for all of them each is written at p, which
 * moves on, and jsonout_end() tells where the last one ended. Keys are literals.
 */
static inline char *jsonout_room(struct jsonout *o, size_t size)
{
	return buf_room(&o->b, size);
}

static inline void jsonout_end(struct jsonout *o, const char *p)
{
	o->b.len = (size_t)(p - o->b.ptr);
}

#define JSONOUT_KEY(key)		    "\"" key "\":"
#define jsonout_at_u64(p, key, value)	    jsonout_at_number(p, JSONOUT_KEY(key), value)
#define jsonout_at_plain(p, key, text, len) jsonout_at_string(p, JSONOUT_KEY(key) "\"", text, len)

jsonout_inline char *jsonout_at(char *p, const char *literal)
{
	memcpy(p, literal, strlen(literal));
	return p + strlen(literal);
}

jsonout_inline char *jsonout_at_number(char *p, const char *key, uint64_t value)
{
	p = jsonout_at(p, key);
	if (value < 10)
		*p++ = (char)('0' + value);
	else
		p = digits_put(p, value);
	*p++ = ',';
	return p;
}

jsonout_inline char *jsonout_at_string(char *p, const char *key, const char *text, size_t len)
{
	p = jsonout_at(p, key);
	memcpy(p, text, len);
	return jsonout_at(p + len, "\",");
}

#endif
