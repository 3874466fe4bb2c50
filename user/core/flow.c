// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of connections. Two hash indexes lead to a flow: by socket cookie, and by tuple, where the tuple is
 * oriented (local end first) if the local end is known and ordered otherwise. A list in order of the last
 * segment drives the timeouts and decides who is forgotten at the memory limit.
 */
#include "flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "conn.h"
#include "mem.h"

/* More connections than this do not fit the processor's own cache. */
#define WIDE 512
/* Flows visited in one go to make room. */
#define RELIEVE_MAX 64
/* Segments until it is tried again, where it was to no avail. */
#define RELIEVE_PAUSE 1024
/* Of the memory, where connections are parked after this time already; so many with each segment. */
#define CROWDED_SHARE	4
#define CROWDED_REST_NS 1000000000ull
#define CROWDED_PARKS	2
#define TABLE_MIN	256u

struct tuple {
	struct endpoint a, b;
	bool oriented; /* a is the local end; else a is the lower one */
};

struct flow {
	struct flow *cookie_next, *tuple_next; /* hash chains */
	struct flow *older, *newer;
	struct conn conn; /* its ends are the tuple, oriented if the local one is known */
	uint32_t tuple_hash;
};

struct flow_table {
	struct conn_env env;
	struct flow_config config;
	struct flow **by_cookie, **by_tuple;
	uint32_t mask;
	uint32_t flow_cnt;
	uint64_t stream_next, arrival;
	bool current_known;
	uint64_t current; /* stream */
	struct flow *oldest, *newest;
	struct flow *unflushed; /* the oldest that a flush has not met since its last segment */
	struct flow *unparked;	/* the same of being parked to make room */
	size_t crowded;		 /* of memory: beyond it connections rest earlier */
	size_t high_water, brim; /* beyond them room is made, and has to be */
	uint64_t room_after;	/* arrivals until that is tried */
};

static const char *const default_request_headers[] = { "host", "user-agent", "traceparent",
						       "x-request-id", NULL };
static const char *const default_response_headers[] = { "content-type", NULL };

const struct flow_config flow_config_default = {
	.gap_timeout_ns = 10000000000ull,
	.idle_timeout_ns = 600000000000ull,
	.max_memory = 64u << 20,
	.max_conn_memory = 4u << 20,
	.request_headers = default_request_headers,
	.response_headers = default_response_headers,
};

/* --- hashing --------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h)
{
	/* The finaliser of MurmurHash3 (public domain, A. Appleby). */
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdull;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ull;
	h ^= h >> 33;
	return h;
}

static uint64_t take_word(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0xff51afd7ed558ccdull;
	return h ^ h >> 32;
}

static uint64_t hash_endpoint(uint64_t h, const struct endpoint *e)
{
	uint64_t words[2];

	memcpy(words, e->addr, sizeof(words));
	return take_word(take_word(h + e->port, words[0]), words[1]);
}

static uint32_t hash_tuple(const struct tuple *t)
{
	return (uint32_t)mix(hash_endpoint(hash_endpoint(t->oriented, &t->a), &t->b));
}

static uint32_t hash_cookie(uint64_t cookie)
{
	return (uint32_t)mix(cookie);
}

/* Whether x comes before y, or is the same. */
static bool in_order(const struct endpoint *x, const struct endpoint *y)
{
	for (unsigned int i = 0; i < sizeof(x->addr); i += 8) {
		uint64_t a = get_be64(x->addr + i), b = get_be64(y->addr + i);

		if (a != b)
			return a < b;
	}
	return x->port <= y->port;
}

static bool has_tuple(const struct flow *f, const struct tuple *t)
{
	return f->conn.local_known == t->oriented && endpoint_equal(&f->conn.end[0], &t->a) &&
	       endpoint_equal(&f->conn.end[1], &t->b);
}

static void make_tuple(enum seg_dir dir, const struct endpoint *src, const struct endpoint *dst,
		       struct tuple *t)
{
	bool src_first;

	t->oriented = dir != SEG_DIR_UNKNOWN;
	src_first = t->oriented ? dir == SEG_DIR_EGRESS : in_order(src, dst);
	t->a = src_first ? *src : *dst;
	t->b = src_first ? *dst : *src;
}

/* --- the list by age ------------------------------------------------------------------------- */

static void list_remove(struct flow_table *ft, struct flow *f)
{
	if (ft->unflushed == f)
		ft->unflushed = f->newer;
	if (ft->unparked == f)
		ft->unparked = f->newer;
	*(f->older ? &f->older->newer : &ft->oldest) = f->newer;
	*(f->newer ? &f->newer->older : &ft->newest) = f->older;
	f->older = f->newer = NULL;
}

static void list_append(struct flow_table *ft, struct flow *f)
{
	f->newer = NULL;
	f->older = ft->newest;
	*(ft->newest ? &ft->newest->newer : &ft->oldest) = f;
	ft->newest = f;
	if (!ft->unflushed)
		ft->unflushed = f;
	if (!ft->unparked)
		ft->unparked = f;
}

/* --- the indexes ----------------------------------------------------------------------------- */

static void index_cookie(struct flow_table *ft, struct flow *f)
{
	struct flow **slot = &ft->by_cookie[hash_cookie(f->conn.cookie) & ft->mask];

	f->cookie_next = *slot;
	*slot = f;
}

static void index_tuple(struct flow_table *ft, struct flow *f)
{
	struct flow **slot = &ft->by_tuple[f->tuple_hash & ft->mask];

	f->tuple_next = *slot;
	*slot = f;
}

static void unindex(struct flow_table *ft, struct flow *f)
{
	struct flow **link;

	for (link = &ft->by_tuple[f->tuple_hash & ft->mask]; *link; link = &(*link)->tuple_next) {
		if (*link == f) {
			*link = f->tuple_next;
			break;
		}
	}
	if (!f->conn.cookie)
		return;
	link = &ft->by_cookie[hash_cookie(f->conn.cookie) & ft->mask];
	for (; *link; link = &(*link)->cookie_next) {
		if (*link == f) {
			*link = f->cookie_next;
			break;
		}
	}
}

static size_t index_size(uint32_t mask)
{
	return ((size_t)mask + 1) * sizeof(struct flow *);
}

/* Doubles the indexes. Without memory the chains only grow longer. */
static void grow(struct flow_table *ft)
{
	uint32_t old = ft->mask, mask = old * 2 + 1;
	struct flow **cookies = mem_alloc(&ft->env.mem, index_size(mask));
	struct flow **tuples = mem_alloc(&ft->env.mem, index_size(mask));

	if (!cookies || !tuples) {
		mem_free(&ft->env.mem, cookies, index_size(mask));
		mem_free(&ft->env.mem, tuples, index_size(mask));
		return;
	}
	mem_free(&ft->env.mem, ft->by_cookie, index_size(old));
	mem_free(&ft->env.mem, ft->by_tuple, index_size(old));
	ft->by_cookie = cookies;
	ft->by_tuple = tuples;
	ft->mask = mask;
	/* Oldest first, so that the newest of equal tuples is found first. */
	for (struct flow *f = ft->oldest; f; f = f->newer) {
		index_tuple(ft, f);
		if (f->conn.cookie)
			index_cookie(ft, f);
	}
}

/* --- flows ----------------------------------------------------------------------------------- */

static void flow_forget(struct flow_table *ft, struct flow *f)
{
	conn_free(&f->conn);
	unindex(ft, f);
	list_remove(ft, f);
	ft->flow_cnt--;
	mem_free(&ft->env.mem, f, sizeof(*f));
}

/* Makes room: what waits in the oldest connections is given up, then they are forgotten. */
static void relieve(struct flow_table *ft, bool forget)
{
	struct flow *f, *newer;
	unsigned int i;

	for (f = ft->oldest, i = 0; f && i < RELIEVE_MAX; f = newer, i++) {
		newer = f->newer;
		if (forget) {
			ft->env.cnt->memory_evicted += !f->conn.closed;
			flow_forget(ft, f);
		} else {
			conn_relieve(&f->conn);
		}
	}
}

/* Parks what was not tried before, the oldest first. */
static void park_some(struct flow_table *ft)
{
	struct flow *f;
	unsigned int i;

	for (i = 0; ft->unparked && i < RELIEVE_MAX; i++) {
		f = ft->unparked;
		ft->unparked = f->newer;
		conn_park(&f->conn);
	}
}

/* Parks what has been idle for a while. */
static void park_idle(struct flow_table *ft, uint64_t now_ns)
{
	struct flow *f;

	for (unsigned int i = 0; i < CROWDED_PARKS; i++) {
		f = ft->unparked;
		if (!f || f->conn.last_ns + CROWDED_REST_NS >= now_ns)
			return;
		ft->unparked = f->newer;
		conn_park(&f->conn);
	}
}

/* Forgets what is at rest, the oldest first. */
static void forget_some(struct flow_table *ft)
{
	struct flow *f, *newer;
	unsigned int i;

	for (f = ft->oldest, i = 0; f && i < RELIEVE_MAX; f = newer, i++) {
		newer = f->newer;
		conn_park(&f->conn);
		if (conn_is_busy(&f->conn))
			continue;
		ft->env.cnt->memory_evicted += !f->conn.closed;
		flow_forget(ft, f);
	}
}

/* Before the limit is reached, so that connections that are used find memory. Where there is nothing to gain it is not
 * tried again soon, until there is nearly none left: then what waits is given up, or the oldest are forgotten. */
static void make_room(struct flow_table *ft, uint64_t now_ns)
{
	size_t before = ft->env.mem.used;

	if (before >= ft->crowded)
		park_idle(ft, now_ns);
	if (before < ft->high_water || (ft->arrival < ft->room_after && before < ft->brim))
		return;
	park_some(ft);
	if (ft->env.mem.used >= ft->high_water)
		forget_some(ft);
	if (ft->env.mem.used < before)
		return;
	ft->room_after = ft->arrival + RELIEVE_PAUSE;
	if (before < ft->brim)
		return;
	relieve(ft, false);
	if (ft->env.mem.used >= before)
		relieve(ft, true);
}

static struct flow *flow_new(struct flow_table *ft, const struct segment *seg,
			     const struct tuple *t)
{
	struct flow *f = mem_alloc(&ft->env.mem, sizeof(*f));

	if (!f) {
		relieve(ft, true);
		f = mem_alloc(&ft->env.mem, sizeof(*f));
	}
	if (!f)
		return NULL;
	if (conn_init(&f->conn, &ft->env)) {
		mem_free(&ft->env.mem, f, sizeof(*f));
		return NULL;
	}
	f->tuple_hash = hash_tuple(t);
	f->conn.end[0] = t->a;
	f->conn.end[1] = t->b;
	f->conn.local_known = t->oriented;
	f->conn.hook = (uint8_t)seg->hook;
	f->conn.cookie = seg->note.cookie;
	f->conn.stream = ft->stream_next++;
	if (ft->flow_cnt++ > ft->mask)
		grow(ft);
	index_tuple(ft, f);
	if (f->conn.cookie)
		index_cookie(ft, f);
	list_append(ft, f);
	ft->env.cnt->flows++;
	return f;
}

static struct flow *find_cookie(const struct flow_table *ft, uint64_t cookie)
{
	struct flow *f = ft->by_cookie[hash_cookie(cookie) & ft->mask];

	while (f && f->conn.cookie != cookie)
		f = f->cookie_next;
	return f;
}

static struct flow *find_tuple(const struct flow_table *ft, const struct tuple *t, bool unbound)
{
	struct flow *f = ft->by_tuple[hash_tuple(t) & ft->mask];

	for (; f; f = f->tuple_next)
		if (has_tuple(f, t) && !(unbound && f->conn.cookie))
			return f;
	return NULL;
}

/* A hook may know the local end of one direction only: a bridge's port sees the sender's socket on what
 * leaves, and nobody's on what enters. */
static struct flow *find_either_end(const struct flow_table *ft, const struct tuple *t)
{
	struct tuple low = { t->a, t->b, true }, high = { t->b, t->a, true };
	struct flow *f = find_tuple(ft, &low, false);

	return f ? f : find_tuple(ft, &high, false);
}

/*
 * A cookie that is not known yet binds the flow that began without one: with TCP_DEFER_ACCEPT, with data on the
 * handshake's last ACK and with TCP Fast Open the first request reached the listener.
 */
static struct flow *find_socket(struct flow_table *ft, uint64_t cookie, const struct tuple *t)
{
	struct flow *f = find_cookie(ft, cookie);

	if (f || !t)
		return f;
	f = find_tuple(ft, t, true);
	if (!f || f->conn.closed)
		return NULL;
	f->conn.cookie = cookie;
	index_cookie(ft, f);
	return f;
}

/* The flow of a segment, or NULL. */
static struct flow *flow_find(struct flow_table *ft, uint64_t cookie, const struct tuple *t)
{
	struct flow *f = ft->newest;

	/* Segments often come in trains. */
	if (f && f->conn.cookie == cookie && (cookie || has_tuple(f, t)))
		return f;
	if (!cookie) {
		f = find_tuple(ft, t, false);
		return f || t->oriented ? f : find_either_end(ft, t);
	}
	return find_socket(ft, cookie, t);
}

static unsigned int flow_dir(const struct flow *f, enum seg_dir dir, const struct endpoint *src,
			     const struct endpoint *dst)
{
	if (dir == SEG_DIR_EGRESS)
		return 0;
	if (dir == SEG_DIR_INGRESS)
		return 1;
	return !endpoint_equal(src, &f->conn.end[0]) || !endpoint_equal(dst, &f->conn.end[1]);
}

static unsigned int segment_dir(const struct flow *f, const struct segment *seg)
{
	return flow_dir(f, seg->dir, &seg->src, &seg->dst);
}

/* --- the public face ------------------------------------------------------------------------- */

struct flow_table *flow_table_new(const struct flow_config *config, const struct flow_sink *sink,
				  struct counters *cnt)
{
	struct flow_table *ft = calloc(1, sizeof(*ft));

	if (!ft)
		return NULL;
	ft->config = *config;
	conn_env_init(&ft->env, config, sink, cnt);
	ft->crowded = config->max_memory ? config->max_memory / CROWDED_SHARE : SIZE_MAX;
	ft->high_water = config->max_memory ? config->max_memory / 16 * 15 : SIZE_MAX;
	ft->brim = config->max_memory ? config->max_memory / 32 * 31 : SIZE_MAX;
	ft->mask = TABLE_MIN - 1;
	ft->by_cookie = mem_alloc(&ft->env.mem, index_size(ft->mask));
	ft->by_tuple = mem_alloc(&ft->env.mem, index_size(ft->mask));
	if (!ft->by_cookie || !ft->by_tuple) {
		flow_table_free(ft);
		return NULL;
	}
	return ft;
}

static void set_current(struct flow_table *ft, const struct flow *f)
{
	ft->current_known = f != NULL;
	if (f)
		ft->current = f->conn.stream;
}

bool flow_current(const struct flow_table *ft, uint64_t *stream)
{
	if (ft->current_known)
		*stream = ft->current;
	return ft->current_known;
}

/* The end of a connection that is not known, or not any more; live, where nothing comes late. */
static bool says_nothing(const struct segment *seg)
{
	return seg->note.cookie && !seg->payload_len && seg->flags & (TCP_FIN | TCP_RST) &&
	       !(seg->flags & TCP_SYN);
}

int flow_push(struct flow_table *ft, const struct segment *seg)
{
	struct tuple t;
	struct flow *f;
	int err;

	ft->current_known = false;
	ft->env.cnt->segments++;
	ft->env.cnt->segment_bytes += seg->payload_len;
	ft->env.cnt->captured_bytes += seg->payload_cap;
	make_room(ft, seg->time_ns);
	make_tuple(seg->dir, &seg->src, &seg->dst, &t);
	f = flow_find(ft, seg->note.cookie, &t);
	if (f && !f->conn.closed && conn_wake(&f->conn)) {
		ft->env.cnt->memory_dropped++;
		return -ENOMEM;
	}
	if (f && conn_is_reuse(&f->conn, segment_dir(f, seg), seg)) {
		flow_forget(ft, f);
		f = NULL;
	}
	if (!f && says_nothing(seg))
		return 0;
	if (!f)
		f = flow_new(ft, seg, &t);
	if (!f) {
		ft->env.cnt->memory_dropped++;
		return -ENOMEM;
	}
	set_current(ft, f);
	if (f != ft->newest || !ft->unflushed || !ft->unparked) {
		list_remove(ft, f);
		list_append(ft, f);
	}
	err = conn_push(&f->conn, segment_dir(f, seg), seg, ++ft->arrival);
	if (err == -ENOMEM)
		relieve(ft, false);
	return err;
}

/* The flow of a socket event, whose tuple, where it is told, is the socket's own; or NULL. */
static struct flow *find_local(struct flow_table *ft, uint64_t cookie,
			       const struct endpoint *local, const struct endpoint *remote)
{
	struct tuple t = { .oriented = true };

	if (!local || !remote)
		return cookie ? find_cookie(ft, cookie) : NULL;
	t.a = *local;
	t.b = *remote;
	return cookie ? find_socket(ft, cookie, &t) : find_tuple(ft, &t, false);
}

void flow_expect(const struct flow_table *ft, uint64_t cookie, unsigned int stage)
{
	struct flow *const *slot = &ft->by_cookie[hash_cookie(cookie) & ft->mask];
	const struct flow *f;

	if (stage == 0) {
		__builtin_prefetch(slot);
		return;
	}
	f = stage == 1 ? *slot : find_cookie(ft, cookie);
	if (f && stage == 1)
		mem_prefetch(f, sizeof(*f));
	else if (f)
		conn_expect(&f->conn, stage == 2);
	/* Between these it will be taken out. */
	if (f && stage == 2) {
		__builtin_prefetch(f->older);
		__builtin_prefetch(f->newer);
	}
}

bool flow_is_wide(const struct flow_table *ft)
{
	return ft->flow_cnt > WIDE;
}

void flow_owner(struct flow_table *ft, uint64_t cookie, const struct endpoint *local,
		const struct endpoint *remote, const struct owner *owner)
{
	struct flow *f = find_local(ft, cookie, local, remote);

	set_current(ft, f);
	if (f && !f->conn.closed)
		f->conn.owner = *owner;
}

void flow_read(struct flow_table *ft, const struct reading *reading)
{
	struct flow *f = find_local(ft, reading->cookie,
				    reading->has_tuple ? &reading->local : NULL,
				    reading->has_tuple ? &reading->remote : NULL);

	set_current(ft, f);
	if (f)
		conn_read(&f->conn, reading);
}

void flow_sum(struct flow_table *ft, const struct sum *sum)
{
	struct tuple t;
	struct flow *f;

	make_tuple(sum->dir, &sum->src, &sum->dst, &t);
	f = flow_find(ft, sum->cookie, &t);
	set_current(ft, f);
	if (!f)
		return;
	conn_sum(&f->conn, flow_dir(f, sum->dir, &sum->src, &sum->dst), sum, ft->arrival + 1);
	ft->arrival += 2;
}

void flow_settle(struct flow_table *ft, uint64_t now_ns)
{
	struct conn *c, *next;

	for (c = ft->env.waiting; c; c = next) {
		next = c->next_waiting;
		conn_settle(c, now_ns);
	}
}

void flow_flush(struct flow_table *ft, uint64_t older_than_ns, uint64_t close_older_than_ns)
{
	struct flow *f;

	while ((f = ft->unflushed) && f->conn.last_ns < older_than_ns) {
		ft->unflushed = f->newer;
		conn_flush(&f->conn, older_than_ns);
		/* Nothing comes late any more. */
		if (f->conn.closed)
			flow_forget(ft, f);
	}
	while ((f = ft->oldest) && f != ft->unflushed && f->conn.last_ns < close_older_than_ns) {
		ft->env.cnt->flows_idle += !f->conn.closed;
		flow_forget(ft, f);
	}
}

void flow_finish(struct flow_table *ft)
{
	/* In the order in which the connections were last heard of, which is reproducible. */
	for (struct flow *f = ft->oldest; f; f = f->newer)
		conn_end(&f->conn);
}

void flow_table_free(struct flow_table *ft)
{
	if (!ft)
		return;
	ft->env.silent = true;
	while (ft->oldest)
		flow_forget(ft, ft->oldest);
	mem_free(&ft->env.mem, ft->by_cookie, index_size(ft->mask));
	mem_free(&ft->env.mem, ft->by_tuple, index_size(ft->mask));
	conn_env_free(&ft->env);
	free(ft);
}
