// SPDX-License-Identifier: GPL-2.0-only
#include "stats.h"

#include <errno.h>
#include <hdr/hdr_histogram.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "../reqfilter.h"
#include "../target.h"
#include "buf.h"
#include "redact.h"
#include "route.h"
#include "view.h"

/* Longer times are counted as this long in percentiles (the maximum is exact). */
#define LONGEST_NS INT64_C(3600000000000)
#define DIGITS	   2

struct group {
	struct stats_group g;
	struct hdr_histogram *histogram;
	uint64_t sum_ns;
	uint64_t marked; /* of its count: those before the latest mark */
	struct samples *samples;
	UT_hash_handle hh;
	size_t key_len;
	char key[]; /* the values, each with its NUL */
};

struct stats {
	struct stats_options opt;
	struct group *table;
	struct buf key, shown;
	struct stats_group *sorted;
	uint64_t first_ns, last_ns;
	bool marked;
};

const char *const stats_sort_names[] = {"count", "errors", "p50",  "p90", "p99", "p999", "max",
					"mean",	 "bytes",  "rate", "in",  "out", "key",	 NULL};

static const struct {
	const char *name, *json;
} keys[STATS_KEYS] = {
	[STATS_PROCESS] = {"process", "process.executable.name"},
	[STATS_PID] = {"pid", "process.pid"},
	[STATS_CONTAINER] = {"container", "container.name"},
	[STATS_POD] = {"pod", "k8s.pod.name"},
	[STATS_UNIT] = {"unit", "systemd.unit"},
	[STATS_CGROUP] = {"cgroup", "linux.cgroup.path"},
	[STATS_HOST] = {"host", "http.request.header.host"},
	[STATS_ROUTE] = {"route", "url.route"},
	[STATS_PATH] = {"path", "url.path"},
	[STATS_METHOD] = {"method", "http.request.method"},
	[STATS_STATUS] = {"status", "http.response.status_code"},
	[STATS_REMOTE] = {"remote", "network.peer.address"},
	[STATS_PORT] = {"port", "network.local.port"},
	[STATS_SIDE] = {"side", "side"},
};

const char *stats_key_name(enum stats_key key)
{
	return keys[key].name;
}

const char *stats_key_json(enum stats_key key)
{
	return keys[key].json;
}

/* --- the key of a transaction --------------------------------------------------------------- */

/* Values end with NUL, so one within is written as two bytes that no UTF-8 has (and some call modified). */
static void put_bytes(struct buf *b, const char *s, size_t len)
{
	const char *nul;
	size_t n;

	if (len >= STATS_KEY_MAX)
		len = STATS_KEY_MAX - 1;
	for (; (nul = len ? memchr(s, 0, len) : NULL); s += n + 1, len -= n + 1) {
		n = (size_t)(nul - s);
		buf_add(b, s, n);
		buf_add(b, "\xc0\x80", 2);
	}
	buf_add(b, s, len);
}

static void put_string(struct buf *b, const char *s)
{
	if (s)
		put_bytes(b, s, strlen(s));
}

static void put_slice(struct buf *b, struct slice s)
{
	if (s.len)
		put_bytes(b, s.ptr, s.len);
}

/* A target or an authority as it may be shown. It may point into s->shown: valid until that is used again. */
static struct slice shown(struct stats *s, struct slice text)
{
	char *dst;
	size_t n;

	if (!s->opt.redact || !text.len)
		return text;
	buf_reset(&s->shown);
	dst = buf_room(&s->shown, REDACT_MAX(text.len));
	if (!dst) {
		s->key.failed = true;
		return (struct slice){"", 0};
	}
	n = redact_target(dst, text.ptr, text.len);
	return n == (size_t)-1 ? text : (struct slice){dst, (uint32_t)n};
}

static void put_path(struct buf *b, struct slice target, bool fold)
{
	char route[STATS_KEY_MAX];
	struct slice path, query;

	target_split(target, &path, &query);
	/* CONNECT's authority, OPTIONS' asterisk */
	if (!path.len)
		path = target;
	if (!fold)
		put_slice(b, path);
	else
		put_bytes(b, route, route_fold(path, route, sizeof(route) - 1));
}

static const struct endpoint *remote_of(const struct transaction *tx)
{
	return tx->side == SIDE_CLIENT ? &tx->server : &tx->client;
}

static const struct endpoint *local_of(const struct transaction *tx)
{
	return tx->side == SIDE_CLIENT ? &tx->client : &tx->server;
}

static void put_pod(struct buf *b, const struct owner_names *n)
{
	if (n->pod && n->pod_namespace) {
		put_string(b, n->pod_namespace);
		buf_puts(b, "/");
	}
	put_string(b, n->pod);
}

static void put_value(struct stats *s, enum stats_key key, const struct transaction *tx,
		      const struct owner_names *n)
{
	static const char *const sides[] = {"", "client", "server", "transit"};
	char addr[VIEW_ADDRESS_MAX];
	struct buf *b = &s->key;

	switch (key) {
	case STATS_PROCESS:
		put_bytes(b, tx->owner.comm, strnlen(tx->owner.comm, sizeof(tx->owner.comm)));
		break;
	case STATS_PID:
		if (tx->owner.pid)
			buf_printf(b, "%" PRIu32, tx->owner.pid);
		break;
	case STATS_CONTAINER:
		put_string(b, n->container_name ? n->container_name : n->container_id);
		break;
	case STATS_POD:
		put_pod(b, n);
		break;
	case STATS_UNIT:
		put_string(b, n->unit);
		break;
	case STATS_CGROUP:
		put_string(b, n->cgroup_path);
		break;
	case STATS_HOST:
		put_slice(b, shown(s, target_header(&tx->req, "host")));
		break;
	case STATS_ROUTE:
	case STATS_PATH:
		put_path(b, shown(s, tx->target), key == STATS_ROUTE);
		break;
	case STATS_METHOD:
		put_slice(b, tx->method);
		break;
	case STATS_STATUS:
		if (tx->status)
			buf_printf(b, "%u", tx->status);
		break;
	case STATS_REMOTE:
		view_address(remote_of(tx), addr);
		buf_puts(b, addr);
		break;
	case STATS_PORT:
		buf_printf(b, "%u", local_of(tx)->port);
		break;
	case STATS_SIDE:
		buf_puts(b, sides[tx->side]);
		break;
	case STATS_KEYS:
		break;
	}
	buf_add(b, "", 1);
}

static void make_key(struct stats *s, const struct transaction *tx, const struct owner_names *names)
{
	static const struct owner_names none;

	buf_reset(&s->key);
	put_value(s, STATS_SIDE, tx, NULL);
	for (unsigned int i = 0; i < s->opt.by_cnt; i++)
		put_value(s, s->opt.by[i], tx, names ? names : &none);
}

static void make_other_key(struct stats *s, const struct transaction *tx)
{
	static const char other[] = "(other)";

	buf_reset(&s->key);
	put_value(s, STATS_SIDE, tx, NULL);
	for (unsigned int i = 0; i < s->opt.by_cnt; i++)
		buf_add(&s->key, other, sizeof(other));
	/* No group of the traffic has that. */
	buf_add(&s->key, "\n", 1);
}

/* --- groups ----------------------------------------------------------------------------------- */

static struct group *find(const struct stats *s)
{
	struct group *g;

	HASH_FIND(hh, s->table, s->key.ptr, s->key.len, g);
	return g;
}

static void free_group(struct group *g)
{
	if (!g)
		return;
	if (g->samples)
		samples_forget(g->samples);
	free(g->samples);
	if (g->histogram)
		hdr_close(g->histogram);
	free(g);
}

static struct group *make(struct stats *s, bool other)
{
	struct group *g = calloc(1, sizeof(*g) + s->key.len + 1);
	char *value;

	if (g && s->opt.keep)
		g->samples = calloc(1, sizeof(*g->samples));
	if (!g || (s->opt.keep && !g->samples) || hdr_init(1, LONGEST_NS, DIGITS, &g->histogram)) {
		free_group(g);
		return NULL;
	}
	memcpy(g->key, s->key.ptr, s->key.len);
	g->key_len = s->key.len;
	g->g.other = other;
	value = g->key;
	for (unsigned int i = 0; i <= s->opt.by_cnt; i++) {
		g->g.value[i] = value;
		value += strlen(value) + 1;
	}
	HASH_ADD_KEYPTR(hh, s->table, g->key, g->key_len, g);
	if (g->hh.tbl)
		return g;
	free_group(g);
	return NULL;
}

static struct group *group_of(struct stats *s, const struct transaction *tx,
			      const struct owner_names *names)
{
	struct group *g;

	make_key(s, tx, names);
	if (s->key.failed)
		return NULL;
	g = find(s);
	if (g)
		return g;
	if (HASH_COUNT(s->table) < STATS_GROUPS_MAX)
		return make(s, false);
	make_other_key(s, tx);
	g = find(s);
	return g ? g : make(s, true);
}

struct stats *stats_new(const struct stats_options *opt)
{
	struct stats *s = calloc(1, sizeof(*s));

	if (s)
		s->opt = *opt;
	return s;
}

void stats_reset(struct stats *s)
{
	struct group *g, *next;

	HASH_ITER (hh, s->table, g, next) {
		HASH_DEL(s->table, g);
		free_group(g);
	}
	s->first_ns = s->last_ns = 0;
	s->marked = false;
}

void stats_free(struct stats *s)
{
	if (!s)
		return;
	stats_reset(s);
	buf_free(&s->key);
	buf_free(&s->shown);
	free(s->sorted);
	free(s);
}

static void note_span(struct stats *s, const struct transaction *tx)
{
	uint64_t first = view_start_ns(tx);
	uint64_t last = tx->resp.seen ? tx->resp.last_ns : tx->req.last_ns;

	if (!s->first_ns || first < s->first_ns)
		s->first_ns = first;
	if (last > s->last_ns)
		s->last_ns = last;
}

static void count(struct stats *s, struct group *g, const struct transaction *tx)
{
	uint64_t ns;

	note_span(s, tx);
	g->g.count++;
	g->g.errors += reqfilter_is_error(tx);
	g->g.request_bytes += tx->req.size;
	g->g.response_bytes += tx->resp.size;
	if (!part_get(tx, s->opt.time, &ns))
		return;
	g->g.timed++;
	g->sum_ns += ns;
	if (ns > g->g.max_ns)
		g->g.max_ns = ns;
	/* It takes values from 1 on; what took no time counts as 0 all the same: see
	 * percentiles(). */
	hdr_record_value(g->histogram, ns > (uint64_t)LONGEST_NS ? LONGEST_NS : (int64_t)ns);
}

int stats_add(struct stats *s, const struct transaction *tx, const struct owner_names *names)
{
	struct group *g = group_of(s, tx, names);

	if (!g)
		return -ENOMEM;
	count(s, g, tx);
	return 0;
}

int stats_add_sample(struct stats *s, struct sample *sample)
{
	const struct transaction *tx = &sample->record.tx;
	struct group *g = group_of(s, tx, &sample->record.names);
	uint64_t ns;

	if (!g)
		return -ENOMEM;
	count(s, g, tx);
	if (g->samples)
		samples_add(g->samples, sample, part_get(tx, s->opt.time, &ns) ? &ns : NULL);
	return 0;
}

void stats_forget_samples(struct stats *s)
{
	struct group *g, *next;

	HASH_ITER (hh, s->table, g, next)
		if (g->samples)
			samples_forget(g->samples);
}

void stats_mark(struct stats *s)
{
	struct group *g, *next;

	HASH_ITER (hh, s->table, g, next) {
		g->g.recent = g->g.count - g->marked;
		g->marked = g->g.count;
	}
	s->marked = true;
}

uint64_t stats_span_ns(const struct stats *s)
{
	return s->last_ns > s->first_ns ? s->last_ns - s->first_ns : 0;
}

/* --- what comes out --------------------------------------------------------------------------- */

/* Nearest rank: the smallest value with at least that share of all at or below it, ceil(n *
 * share). */
static uint64_t rank_of(uint64_t n, unsigned int per_mille)
{
	return (n * per_mille + 999) / 1000;
}

static void percentiles(struct group *g)
{
	const struct {
		unsigned int per_mille;
		uint64_t *out;
	} want[] = {{500, &g->g.p50_ns},
		    {900, &g->g.p90_ns},
		    {990, &g->g.p99_ns},
		    {999, &g->g.p999_ns}};
	struct hdr_iter iter;
	size_t i = 0;

	hdr_iter_recorded_init(&iter, g->histogram);
	while (i < sizeof(want) / sizeof(want[0]) && hdr_iter_next(&iter)) {
		uint64_t value = (uint64_t)iter.highest_equivalent_value;

		if (value > g->g.max_ns)
			value = g->g.max_ns;
		while (i < sizeof(want) / sizeof(want[0]) &&
		       (uint64_t)iter.cumulative_count >= rank_of(g->g.timed, want[i].per_mille))
			*want[i++].out = value;
	}
	g->g.mean_ns = g->sum_ns / g->g.timed;
}

static uint64_t sort_value(const struct stats_group *g, enum stats_sort by)
{
	switch (by) {
	case STATS_BY_COUNT:
		return g->count;
	case STATS_BY_ERRORS:
		return g->errors;
	case STATS_BY_P50:
		return g->p50_ns;
	case STATS_BY_P90:
		return g->p90_ns;
	case STATS_BY_P99:
		return g->p99_ns;
	case STATS_BY_P999:
		return g->p999_ns;
	case STATS_BY_MAX:
		return g->max_ns;
	case STATS_BY_MEAN:
		return g->mean_ns;
	case STATS_BY_BYTES:
		return g->request_bytes + g->response_bytes;
	case STATS_BY_RATE:
		return g->recent;
	case STATS_BY_IN:
		return g->request_bytes;
	case STATS_BY_OUT:
		return g->response_bytes;
	case STATS_BY_KEY:
		break;
	}
	return 0;
}

struct order {
	enum stats_sort by;
	bool reverse;
};

/* The side comes last: rows of one thing stand together. */
static int compare_values(const struct stats_group *a, const struct stats_group *b)
{
	int d = 0;

	for (unsigned int i = 1; !d && i <= STATS_KEYS && a->value[i]; i++)
		d = strcmp(a->value[i], b->value[i]);
	return d ? d : strcmp(a->value[0], b->value[0]);
}

/* Groups that are equal in that are ordered by their names, so that output is reproducible. */
static int compare(const void *left, const void *right, void *arg)
{
	const struct stats_group *a = left, *b = right;
	const struct order *order = arg;
	uint64_t x = sort_value(a, order->by), y = sort_value(b, order->by);
	int d;

	if (a->other != b->other)
		return a->other ? 1 : -1;
	if (order->by == STATS_BY_KEY)
		return order->reverse ? compare_values(b, a) : compare_values(a, b);
	if (x != y)
		return (x < y) != order->reverse ? 1 : -1;
	for (unsigned int i = 0; i <= STATS_KEYS && a->value[i]; i++) {
		d = strcmp(a->value[i], b->value[i]);
		if (d)
			return d;
	}
	return 0;
}

void stats_order(struct stats_group *groups, size_t cnt, enum stats_sort by, bool reverse)
{
	struct order order = {by, reverse};

	qsort_r(groups, cnt, sizeof(*groups), compare, &order);
}

int stats_groups(struct stats *s, const struct stats_group **out, size_t *cnt)
{
	size_t n = HASH_COUNT(s->table), i = 0;
	struct stats_group *sorted = realloc(s->sorted, (n + 1) * sizeof(*sorted));
	struct group *g, *next;

	if (!sorted)
		return -ENOMEM;
	s->sorted = sorted;
	HASH_ITER (hh, s->table, g, next) {
		if (g->g.timed) {
			percentiles(g);
			g->g.histogram = g->histogram;
		}
		sorted[i] = g->g;
		sorted[i].samples = g->samples;
		if (!s->marked)
			sorted[i].recent = g->g.count;
		i++;
	}
	stats_order(sorted, n, s->opt.sort, s->opt.reverse);
	*out = sorted;
	*cnt = n;
	return 0;
}
