// SPDX-License-Identifier: GPL-2.0-only
#include "json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "body.h"
#include "buf.h"
#include "jsonout.h"
#include "parts.h"
#include "summary.h"
#include "totals.h"

struct json {
	struct jsonout out;
	struct buf scratch; /* an escaped string with its quotes, or a header's full key */
	struct buf redacted;
	int64_t second; /* whose text `date` begins with */
	char date[40];	/* "2026-11-22T21:50:01.123456789Z" */
};

#define DATE_SECONDS 19 /* characters before the point */
#define DATE_LEN     30

struct json *json_new(void)
{
	return calloc(1, sizeof(struct json));
}

void json_free(struct json *js)
{
	if (!js)
		return;
	jsonout_free(&js->out);
	buf_free(&js->scratch);
	buf_free(&js->redacted);
	free(js);
}

jsonout_inline void put_u64(struct json *js, const char *key, uint64_t value)
{
	jsonout_put_u64(&js->out, key, value);
}

jsonout_inline void put_string(struct json *js, const char *key, const char *value)
{
	jsonout_put_string(&js->out, key, value);
}

jsonout_inline void put_slice(struct json *js, const char *key, struct slice s)
{
	if (s.len)
		jsonout_put_text(&js->out, key, s.ptr, s.len);
}

/* --- what is of bounded length ----------------------------------------------------------------- */

/* Enough for all of it: some forty numbers with their keys, two addresses, a dozen words. */
#define BOUNDED_MAX 4096

/* One of our own words. */
#define at_word(p, key, word) jsonout_at_plain(p, key, word, strlen(word))

static char *at_time(char *p, struct json *js, const struct view *v)
{
	int64_t second = v->time_ns / 1000000000, ns = v->time_ns % 1000000000;
	time_t when = (time_t)second;
	struct tm tm;

	if (!v->has_time || v->time_ns < 0)
		return p;
	if (second != js->second || !js->date[0]) {
		if (!gmtime_r(&when, &tm) || tm.tm_year > 9999 - 1900)
			return p;
		strftime(js->date, sizeof(js->date), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
		js->second = second;
	}
	digits_put_nano(js->date + DATE_SECONDS + 1, (uint32_t)ns);
	return jsonout_at_plain(p, "time", js->date, DATE_LEN);
}

static char *at_side(char *p, enum tx_side side)
{
	switch (side) {
	case SIDE_CLIENT:
		return at_word(p, "side", "client");
	case SIDE_SERVER:
		return at_word(p, "side", "server");
	case SIDE_TRANSIT:
		return at_word(p, "side", "transit");
	default:
		return p;
	}
}

static char *at_connection(char *p, const struct transaction *tx)
{
	char addr[VIEW_ADDRESS_MAX];
	size_t len;

	p = at_side(p, tx->side);
	len = view_address(&tx->client, addr);
	p = jsonout_at_plain(p, "client.address", addr, len);
	p = jsonout_at_u64(p, "client.port", tx->client.port);
	len = view_address(&tx->server, addr);
	p = jsonout_at_plain(p, "server.address", addr, len);
	return jsonout_at_u64(p, "server.port", tx->server.port);
}

static char *at_sizes(char *p, const struct transaction *tx)
{
	if (tx->status)
		p = jsonout_at_u64(p, "http.response.status_code", tx->status);
	if (tx->resp.seen || tx->interim_cnt)
		p = jsonout_at_u64(p, "http.response.interim_count", tx->interim_cnt);
	if (tx->req.seen) {
		p = jsonout_at_u64(p, "http.request.body.size", tx->req.body_size);
		p = jsonout_at_u64(p, "http.request.size", tx->req.size);
	}
	if (tx->resp.seen) {
		p = jsonout_at_u64(p, "http.response.body.size", tx->resp.body_size);
		p = jsonout_at_u64(p, "http.response.size", tx->resp.size);
	}
	return p;
}

static char *at_times(char *p, const struct transaction *tx)
{
	uint64_t ns;

#define PUT(part, name)                                                                            \
	if (part_get(tx, PART_##part, &ns))                                                        \
		p = jsonout_at_u64(p, name "_ns", ns);
	PARTS_MAP(PUT)
#undef PUT
	if (tx->verdict)
		p = at_word(p, "verdict", view_verdict_name(tx->verdict));
	return p;
}

/* which: "request" or "response" */
#define AT_SEGMENTS(p, which, msg)                                                                 \
	do {                                                                                       \
		if (!(msg)->seen)                                                                  \
			break;                                                                     \
		p = jsonout_at_u64(p, which ".segments", (msg)->segments);                         \
		p = jsonout_at_u64(p, which ".retransmits", (msg)->retransmits);                   \
		p = jsonout_at_u64(p, which ".out_of_order", (msg)->out_of_order);                 \
		p = jsonout_at_u64(p, which ".lost_bytes", (msg)->lost_bytes);                     \
		p = jsonout_at_u64(p, which ".zero_window_ns", (msg)->zero_window_ns);             \
		p = jsonout_at_u64(p, which ".stall_ns", (msg)->stall_ns);                         \
	} while (0)

static char *at_tcp(char *p, const struct transaction *tx)
{
	AT_SEGMENTS(p, "request", &tx->req);
	AT_SEGMENTS(p, "response", &tx->resp);
	if (tx->resp.seen && tx->side == SIDE_SERVER)
		p = jsonout_at_u64(p, "response.idle_ns", tx->resp.idle_ns);
	if (tx->fin)
		p = at_word(p, "tcp.fin", view_end_name(tx->fin));
	if (tx->rst)
		p = at_word(p, "tcp.rst", view_end_name(tx->rst));
	if (tx->req.last_frame)
		p = jsonout_at_u64(p, "request.frame", tx->req.last_frame);
	if (tx->resp.last_frame)
		p = jsonout_at_u64(p, "response.frame", tx->resp.last_frame);
	p = jsonout_at_u64(p, "tcp.stream", tx->stream);
	if (tx->stream_request)
		p = jsonout_at_u64(p, "tcp.stream.request", tx->stream_request);
	return p;
}

static char *at_exchange(char *p, uint64_t id)
{
	p = jsonout_at(p, JSONOUT_KEY("exchange.id") "\"");
	return jsonout_at(digits_put_hex(p, id), "\",");
}

static char *at_flags(char *p, uint32_t flags)
{
	p = jsonout_at(p, JSONOUT_KEY("flags") "[");
	for (; flags; flags &= flags - 1) {
		const char *name = view_flag_name((unsigned int)__builtin_ctz(flags));

		if (name)
			p = jsonout_at_string(p, "\"", name, strlen(name));
	}
	if (p[-1] == ',')
		p--;
	return jsonout_at(p, "],");
}

static void put_begin(struct json *js, const struct view *v)
{
	char *p = jsonout_room(&js->out, BOUNDED_MAX);

	if (!p)
		return;
	p = at_time(p, js, v);
	p = at_connection(p, v->tx);
	jsonout_end(&js->out, p);
}

static void put_sizes(struct json *js, const struct transaction *tx)
{
	char *p = jsonout_room(&js->out, BOUNDED_MAX);

	if (p)
		jsonout_end(&js->out, at_sizes(p, tx));
}

static void put_rest(struct json *js, const struct transaction *tx)
{
	const char *hook = view_hook_name(tx->hook);
	char *p = jsonout_room(&js->out, BOUNDED_MAX);

	if (!p)
		return;
	p = at_times(p, tx);
	p = at_tcp(p, tx);
	if (tx->exchange_id)
		p = at_exchange(p, tx->exchange_id);
	if (hook)
		p = at_word(p, "hook", hook);
	jsonout_end(&js->out, at_flags(p, tx->flags));
}

/* --- what is as long as others like ------------------------------------------------------------ */

static bool same_name(const struct http_header *a, const struct http_header *b)
{
	return a->name.len == b->name.len && memcmp(a->name.ptr, b->name.ptr, a->name.len) == 0;
}

static bool named(const struct http_header *h, const char *name)
{
	return h->name.len == strlen(name) && memcmp(h->name.ptr, name, h->name.len) == 0;
}

/* Every header that was asked for, "PREFIX.name": [each occurrence]; user-agent has a key of its own in the
 * semantic conventions, where it is one string. */
static void put_headers(struct json *js, const struct view *v, const struct message *msg,
			const char *prefix)
{
	uint32_t i, k;

	for (i = 0; i < msg->header_cnt; i++) {
		const struct http_header *h = &msg->headers[i];
		for (k = 0; k < i && !same_name(&msg->headers[k], h); k++)
			;
		if (k < i)
			continue;
		if (named(h, "user-agent")) {
			struct slice value = view_header(v, h, &js->redacted);

			jsonout_key(&js->out, "user_agent.original");
			jsonout_text(&js->out, value.ptr, value.len);
			continue;
		}
		jsonout_key_of(&js->out, prefix, h->name.ptr, h->name.len);
		jsonout_open(&js->out, '[');
		for (; k < msg->header_cnt; k++) {
			struct slice value;

			if (!same_name(&msg->headers[k], h))
				continue;
			value = view_header(v, &msg->headers[k], &js->redacted);
			jsonout_text(&js->out, value.ptr, value.len);
		}
		jsonout_close(&js->out, ']');
	}
}

/* which: 0 request, 1 response */
static void put_body(struct json *js, const struct body_bytes *body, unsigned int which)
{
	static const char *const keys[] = {"request.body", "response.body"};
	static const char *const cut[] = {"request.body_cut", "response.body_cut"};

	if (body->ptr) {
		buf_reset(&js->scratch);
		body_add_base64(&js->scratch, body);
		jsonout_key(&js->out, keys[which]);
		jsonout_plain(&js->out, js->scratch.ptr, js->scratch.len);
	}
	if (body->cut) {
		jsonout_key(&js->out, cut[which]);
		jsonout_bool(&js->out, true);
	}
}

static void put_http(struct json *js, const struct view *v)
{
	const struct transaction *tx = v->tx;
	const struct message *first = tx->req.seen ? &tx->req : &tx->resp;
	char version[] = "1.1";

	put_slice(js, "http.request.method", tx->method);
	put_slice(js, "url.original", v->target);
	put_slice(js, "url.path", v->path);
	if (v->query.ptr) {
		jsonout_key(&js->out, "url.query");
		jsonout_text(&js->out, v->query.ptr, v->query.len);
	}
	if (first->seen) {
		/* llhttp takes one digit each. */
		version[0] = (char)('0' + first->version_major);
		version[2] = (char)('0' + first->version_minor);
		jsonout_key(&js->out, "network.protocol.version");
		jsonout_plain(&js->out, version, sizeof(version) - 1);
	}
	put_headers(js, v, &tx->req, "http.request.header");
	put_sizes(js, tx);
	put_headers(js, v, &tx->resp, "http.response.header");
	put_body(js, &tx->req_body, 0);
	put_body(js, &tx->resp_body, 1);
}

static void put_name(struct json *js, const char *key, const char *name)
{
	if (name)
		put_string(js, key, name);
}

static void put_owner(struct json *js, const struct view *v)
{
	const struct owner_names *n = &v->names;
	const struct owner *o = &v->tx->owner;

	if (o->pid)
		put_u64(js, "process.pid", o->pid);
	if (o->pid && n->inner_pid)
		put_u64(js, "process.vpid", n->inner_pid);
	if (o->pid && o->tid)
		put_u64(js, "thread.id", o->tid);
	put_slice(js, "process.executable.name",
		  (struct slice){o->comm, (uint32_t)strnlen(o->comm, sizeof(o->comm))});
	if (n->cgroup_id)
		put_u64(js, "linux.cgroup.id", n->cgroup_id);
	put_name(js, "linux.cgroup.path", n->cgroup_path);
	put_name(js, "container.id", n->container_id);
	put_name(js, "container.name", n->container_name);
	put_name(js, "container.runtime.name", n->runtime);
	put_name(js, "container.image.name", n->image);
	put_name(js, "k8s.pod.uid", n->pod_uid);
	put_name(js, "k8s.pod.name", n->pod);
	put_name(js, "k8s.namespace.name", n->pod_namespace);
	put_name(js, "k8s.container.name", n->pod_container);
	put_name(js, "systemd.unit", n->unit);
}

int json_transaction(struct json *js, FILE *out, const struct view *v)
{
	jsonout_open(&js->out, '{');
	put_begin(js, v);
	put_http(js, v);
	put_owner(js, v);
	put_rest(js, v->tx);
	jsonout_close(&js->out, '}');
	return jsonout_print(&js->out, out);
}

int json_summary(struct json *js, FILE *out, const struct counters *cnt,
		 const uint64_t kernel[EVENT_CNT_MAX], uint64_t printed)
{
	struct totals total = totals_of(cnt, kernel);

	jsonout_open(&js->out, '{');
	jsonout_key(&js->out, "httplat.summary");
	jsonout_open(&js->out, '{');
	put_u64(js, "transactions", printed);
	put_u64(js, "bytes_copied", total.bytes_copied);
	put_u64(js, "bytes_elided", total.bytes_elided);
#define PUT(member, key, what) put_u64(js, key, cnt->member);
	COUNTERS(PUT)
#undef PUT
#define PUT(index, key, what) put_u64(js, key, kernel[index]);
	if (kernel) {
		KERNEL_COUNTERS(PUT)
	}
#undef PUT
	if (!printed)
		put_string(js, "what_to_try", summary_next_step(cnt, kernel));
	jsonout_close(&js->out, '}');
	jsonout_close(&js->out, '}');
	return jsonout_print(&js->out, out);
}
