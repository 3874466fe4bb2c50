// SPDX-License-Identifier: GPL-2.0-only
#include "join.h"

#include <stdlib.h>
#include <string.h>

/* Without memory the record goes out alone, see join_add(). */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* uthash keeps the order of insertion: the first of the table is the oldest. */
struct held {
	struct record record;
	uint64_t id;
	uint64_t since_ns;
	size_t size;
	UT_hash_handle hh;
	char bytes[]; /* what `record` borrows; aligned for pointers, as what is before it */
};

struct join {
	struct held *table;
	size_t bytes;
	join_fn fn;
	void *ctx;
};

static struct held *copy(const struct record *record, uint64_t now_ns)
{
	size_t size = sizeof(struct held) + record_borrows(record);
	struct held *h = malloc(size);

	if (!h)
		return NULL;
	h->record = *record;
	h->id = record->tx.exchange_id;
	h->since_ns = now_ns;
	h->size = size;
	record_settle(&h->record, h->bytes);
	return h;
}

struct join *join_new(join_fn fn, void *ctx)
{
	struct join *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->fn = fn;
	j->ctx = ctx;
	return j;
}

void join_free(struct join *j)
{
	struct held *h, *next;

	if (!j)
		return;
	HASH_ITER (hh, j->table, h, next) {
		HASH_DEL(j->table, h);
		free(h);
	}
	free(j);
}

static int alone(const struct join *j, const struct record *record)
{
	bool client = record->tx.side == SIDE_CLIENT;

	return j->fn(j->ctx, client ? record : NULL, client ? NULL : record);
}

static void take_out(struct join *j, struct held *h)
{
	HASH_DEL(j->table, h);
	j->bytes -= h->size;
}

static int release(struct join *j, struct held *h)
{
	int err;

	take_out(j, h);
	err = alone(j, &h->record);
	free(h);
	return err;
}

static bool can_wait(const struct transaction *tx)
{
	return (tx->side == SIDE_CLIENT || tx->side == SIDE_SERVER) && tx->req.seen &&
	       tx->exchange_id;
}

static bool are_partners(const struct transaction *a, const struct transaction *b)
{
	return a->side != b->side && a->status == b->status && a->method.len == b->method.len &&
	       !memcmp(a->method.ptr, b->method.ptr, a->method.len);
}

static int meet(struct join *j, struct held *h, const struct record *record)
{
	bool client = record->tx.side == SIDE_CLIENT;
	int err;

	take_out(j, h);
	err = j->fn(j->ctx, client ? record : &h->record, client ? &h->record : record);
	free(h);
	return err;
}

static int wait(struct join *j, const struct record *record, uint64_t now_ns)
{
	struct held *h = copy(record, now_ns);
	int err = 0;

	if (!h)
		return alone(j, record);
	HASH_ADD(hh, j->table, id, sizeof(h->id), h);
	if (!h->hh.tbl) {
		free(h);
		return alone(j, record);
	}
	j->bytes += h->size;
	while (!err && j->table && (HASH_COUNT(j->table) > JOIN_MAX || j->bytes > JOIN_BYTES))
		err = release(j, j->table);
	return err;
}

int join_add(struct join *j, const struct transaction *tx, const struct owner_names *names,
	     uint64_t now_ns)
{
	const struct record record = {*tx, names ? *names : (struct owner_names){0}};
	struct held *h;
	int err = 0;

	if (!can_wait(tx))
		return alone(j, &record);
	HASH_FIND(hh, j->table, &tx->exchange_id, sizeof(tx->exchange_id), h);
	if (h && are_partners(&h->record.tx, tx))
		return meet(j, h, &record);
	/* The same id once more, from the same side: the earlier one waits no longer. */
	if (h)
		err = release(j, h);
	return err ? err : wait(j, &record, now_ns);
}

int join_expire(struct join *j, uint64_t now_ns)
{
	int err = 0;

	while (!err && j->table && (now_ns == UINT64_MAX || now_ns >= j->table->since_ns + JOIN_NS))
		err = release(j, j->table);
	return err;
}
