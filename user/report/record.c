// SPDX-License-Identifier: GPL-2.0-only
#include "record.h"

#include <string.h>

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

static void put_record(struct store *s, struct record *r)
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

size_t record_borrows(const struct record *r)
{
	struct record counted = *r;
	struct store size = {0};

	put_record(&size, &counted);
	return size.used;
}

void record_settle(struct record *r, char *bytes)
{
	struct store store = {.at = bytes};

	put_record(&store, r);
}
