// SPDX-License-Identifier: GPL-2.0-only
#include "join.h"

#include <stdlib.h>
#include <string.h>

/* Without memory the record goes out alone, see join_add(). */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* uthash keeps the order of insertion: the first of the table is the oldest. */
struct held {
	struct joinable record;
	uint64_t id;
	uint64_t since_ns;
	size_t size;
	UT_hash_handle hh;
	char bytes[]; /* what `record` borrows */
};

struct join {
	struct held *table;
	size_t bytes;
	join_fn fn;
	void *ctx;
};

/* --- deep copies ------------------------------------------------------------------------------ */

/* Where copies go: counts first, with `at` NULL, then copies. */
struct store {
	char *at;
	size_t used;
};

static const char *put(struct store *s, const void *bytes, size_t len)
{
	char *to = s->at ? s->at + s->used : NULL;

	if (to && len)
		memcpy(to, bytes, len);
	s->used += len;
	return to;
}

static void put_slice(struct store *s, struct slice *slice)
{
	slice->ptr = put(s, slice->ptr, slice->len);
}

static void put_string(struct store *s, const char **string)
{
	if (*string)
		*string = put(s, *string, strlen(*string) + 1);
}

static void put_body(struct store *s, struct body_bytes *body)
{
	if (body->ptr)
		body->ptr = put(s, body->ptr, body->len);
}

static void put_headers(struct store *s, struct message *m)
{
	const struct http_header *from = m->headers;
	struct http_header *to;

	s->used = (s->used + 7) & ~(size_t)7;
	to = (struct http_header *)put(s, from, m->header_cnt * sizeof(*from));
	for (uint32_t i = 0; i < m->header_cnt; i++) {
		struct http_header h = from[i];

		put_slice(s, &h.name);
		put_slice(s, &h.value);
		if (to)
			to[i] = h;
	}
	m->headers = to;
}

static void put_record(struct store *s, struct joinable *r)
{
	struct owner_names *n = &r->names;
	const char **strings[] = {
		&n->cgroup_path, &n->container_id, &n->container_name, &n->runtime,	  &n->image,
		&n->pod_uid,	 &n->pod,	   &n->pod_namespace,  &n->pod_container, &n->unit,
	};

	put_headers(s, &r->tx.req);
	put_headers(s, &r->tx.resp);
	put_slice(s, &r->tx.method);
	put_slice(s, &r->tx.target);
	put_body(s, &r->tx.req_body);
	put_body(s, &r->tx.resp_body);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		put_string(s, strings[i]);
}

static struct held *copy(const struct joinable *record, uint64_t now_ns)
{
	struct joinable counted = *record;
	struct store size = {0}, store = {0};
	struct held *h;

	put_record(&size, &counted);
	h = malloc(sizeof(*h) + size.used);
	if (!h)
		return NULL;
	h->record = *record;
	h->id = record->tx.exchange_id;
	h->since_ns = now_ns;
	h->size = sizeof(*h) + size.used;
	store.at = h->bytes;
	put_record(&store, &h->record);
	return h;
}

/* --- the table -------------------------------------------------------------------------------- */

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

static int alone(const struct join *j, const struct joinable *record)
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

static int meet(struct join *j, struct held *h, const struct joinable *record)
{
	bool client = record->tx.side == SIDE_CLIENT;
	int err;

	take_out(j, h);
	err = j->fn(j->ctx, client ? record : &h->record, client ? &h->record : record);
	free(h);
	return err;
}

static int wait(struct join *j, const struct joinable *record, uint64_t now_ns)
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
	const struct joinable record = {*tx, names ? *names : (struct owner_names){0}};
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
