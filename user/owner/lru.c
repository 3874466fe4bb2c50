// SPDX-License-Identifier: GPL-2.0-only
#include "lru.h"

#include <stdlib.h>
#include <string.h>

struct lru {
	uint32_t capacity, used;
	uint32_t mask; /* number of buckets - 1 */
	struct lru_entry **buckets;
	struct lru_entry *entries;
	struct lru_entry *newest, *oldest;
};

static struct lru_entry **bucket_of(const struct lru *l, uint64_t key)
{
	return &l->buckets[(key * 0x9e3779b97f4a7c15ull >> 32) & l->mask];
}

struct lru *lru_new(uint32_t capacity)
{
	struct lru *l = calloc(1, sizeof(*l));
	uint32_t buckets = 1;

	if (!l)
		return NULL;
	l->capacity = capacity ? capacity : 1;
	while (buckets < l->capacity)
		buckets *= 2;
	l->mask = buckets - 1;
	l->buckets = calloc(buckets, sizeof(*l->buckets));
	l->entries = calloc(l->capacity, sizeof(*l->entries));
	if (!l->buckets || !l->entries) {
		lru_free(l);
		return NULL;
	}
	return l;
}

void lru_free(struct lru *l)
{
	if (!l)
		return;
	for (uint32_t i = 0; i < l->used; i++) {
		free(l->entries[i].text);
		free(l->entries[i].value);
	}
	free(l->entries);
	free(l->buckets);
	free(l);
}

static void unlink_use(struct lru *l, struct lru_entry *e)
{
	if (e->newer)
		e->newer->older = e->older;
	else
		l->newest = e->older;
	if (e->older)
		e->older->newer = e->newer;
	else
		l->oldest = e->newer;
}

static void link_newest(struct lru *l, struct lru_entry *e)
{
	e->newer = NULL;
	e->older = l->newest;
	if (l->newest)
		l->newest->newer = e;
	else
		l->oldest = e;
	l->newest = e;
}

static void unlink_bucket(struct lru *l, struct lru_entry *e)
{
	struct lru_entry **at = bucket_of(l, e->key);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
}

struct lru_entry *lru_get(struct lru *l, uint64_t key)
{
	struct lru_entry *e = *bucket_of(l, key);

	while (e && e->key != key)
		e = e->next;
	if (e && e != l->newest) {
		unlink_use(l, e);
		link_newest(l, e);
	}
	return e;
}

struct lru_entry *lru_put(struct lru *l, uint64_t key)
{
	struct lru_entry *e = lru_get(l, key);

	if (e)
		return e;
	if (l->used < l->capacity) {
		e = &l->entries[l->used++];
	} else {
		e = l->oldest;
		unlink_use(l, e);
		unlink_bucket(l, e);
		free(e->text);
		free(e->value);
	}
	memset(e, 0, sizeof(*e));
	e->key = key;
	e->next = *bucket_of(l, key);
	*bucket_of(l, key) = e;
	link_newest(l, e);
	return e;
}

void lru_set_text(struct lru_entry *e, char *text)
{
	free(e->text);
	e->text = text;
}

void lru_set_value(struct lru_entry *e, void *value)
{
	free(e->value);
	e->value = value;
}

void lru_each(const struct lru *l, bool (*fn)(void *ctx, const struct lru_entry *e), void *ctx)
{
	const struct lru_entry *e = l->newest;

	while (e && fn(ctx, e))
		e = e->older;
}

uint32_t lru_count(const struct lru *l)
{
	return l->used;
}
