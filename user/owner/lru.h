/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lru.h - a bounded table from a 64-bit key to a string and what the caller keeps beside it, the
 * least recently used entry going first.
 *
 *	buckets ──► entry ──► entry            (chained by `next`)
 *	newest ◄──► entry ◄──► ... ◄──► oldest (linked by use)
 *
 * All memory but the strings is taken once. Single-threaded.
 */
#ifndef HTTPLAT_LRU_H
#define HTTPLAT_LRU_H

#include <stdbool.h>
#include <stdint.h>

struct lru_entry {
	uint64_t key;
	char *text;	     /* heap string, owned by the table; NULL: known to be unknown */
	uint64_t generation; /* of the caller: what tells a reused key from the same one */
	uint64_t checked_ns; /* of the caller */
	uint64_t number;     /* of the caller */
	void *value;	     /* of the caller: one block of the heap, owned by the table; or NULL */
	struct lru_entry *next;
	struct lru_entry *newer, *older;
};

struct lru;

/* Room for `capacity` (at least 1) entries. NULL without memory. */
struct lru *lru_new(uint32_t capacity);
void lru_free(struct lru *l);

/* The entry of `key`, made the newest; NULL when there is none. */
struct lru_entry *lru_get(struct lru *l, uint64_t key);

/*
 * The entry of `key`, made the newest; created zeroed, in place of the oldest when the table is
 * full.
 */
struct lru_entry *lru_put(struct lru *l, uint64_t key);

/* Gives the entry another text (heap, or NULL), which the table then owns. */
void lru_set_text(struct lru_entry *e, char *text);

/* The same for its value. */
void lru_set_value(struct lru_entry *e, void *value);

/* Calls fn for each entry, the newest first, until it returns false. fn changes no order. */
void lru_each(const struct lru *l, bool (*fn)(void *ctx, const struct lru_entry *e), void *ctx);

uint32_t lru_count(const struct lru *l);

#endif
