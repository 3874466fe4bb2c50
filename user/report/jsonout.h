/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * jsonout.h - writes JSON (RFC 8259), a line at a time, into a buffer that is kept for the next.
 *
 * A record has some fifty keys, and writing them is most of what a record costs. So keys are literals whose length the
 * compiler knows, with their quotes and colon in one piece; nothing is looked up, and no state is kept but whether
 * a comma is due. Keys need no escaping; values are escaped (escape.h), so that hostile bytes are valid JSON and do
 * nothing to a terminal.
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

struct jsonout {
	struct buf b;
	bool comma; /* what comes next stands behind a value */
};

void jsonout_free(struct jsonout *o);

/* Empties it. */
static inline void jsonout_reset(struct jsonout *o)
{
	buf_reset(&o->b);
	o->comma = false;
}

static inline void jsonout_byte(struct jsonout *o, char c)
{
	char *p = buf_room(&o->b, 1);

	if (p) {
		*p = c;
		o->b.len++;
	}
}

/* A comma, where one is due: before each value, or each key. */
static inline void jsonout_next(struct jsonout *o)
{
	if (o->comma)
		jsonout_byte(o, ',');
	o->comma = true;
}

/* '{' or '[', as a value; '}' or ']'. */
static inline void jsonout_open(struct jsonout *o, char bracket)
{
	jsonout_next(o);
	jsonout_byte(o, bracket);
	o->comma = false;
}

static inline void jsonout_close(struct jsonout *o, char bracket)
{
	jsonout_byte(o, bracket);
	o->comma = true;
}

/* A key of len bytes that need no escaping; the value is next. Inlined, so that a literal's length is known. */
static inline __attribute__((always_inline)) void jsonout_key_n(struct jsonout *o, const char *key,
								size_t len)
{
	char *p = buf_room(&o->b, len + 4);

	if (!p)
		return;
	if (o->comma)
		*p++ = ',';
	*p++ = '"';
	memcpy(p, key, len);
	p += len;
	*p++ = '"';
	*p++ = ':';
	o->b.len = (size_t)(p - o->b.ptr);
	o->comma = false;
}

static inline __attribute__((always_inline)) void jsonout_key(struct jsonout *o, const char *key)
{
	jsonout_key_n(o, key, strlen(key));
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
static inline __attribute__((always_inline)) void jsonout_plain(struct jsonout *o, const char *text,
								size_t len)
{
	char *p;

	jsonout_next(o);
	p = buf_room(&o->b, len + 2);
	if (!p)
		return;
	*p++ = '"';
	if (len)
		memcpy(p, text, len);
	p[len] = '"';
	o->b.len += len + 2;
}

/* Prints what was written as a line, and empties it. 0, or -errno: -ENOMEM when some of it is missing, and nothing
 * was printed. */
int jsonout_print(struct jsonout *o, FILE *out);

/* With a key: the three that are written most. */
static inline __attribute__((always_inline)) void jsonout_put_u64(struct jsonout *o, const char *key,
								  uint64_t value)
{
	jsonout_key(o, key);
	jsonout_u64(o, value);
}

static inline __attribute__((always_inline)) void jsonout_put_text(struct jsonout *o, const char *key,
								   const char *ptr, size_t len)
{
	jsonout_key(o, key);
	jsonout_text(o, ptr, len);
}

static inline __attribute__((always_inline)) void jsonout_put_string(struct jsonout *o,
								     const char *key,
								     const char *value)
{
	jsonout_put_text(o, key, value, strlen(value));
}

#endif
