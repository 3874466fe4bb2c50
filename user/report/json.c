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

/* One of our own words. */
jsonout_inline void put_word(struct json *js, const char *key, const char *word)
{
	jsonout_put_plain(&js->out, key, word, strlen(word));
}

jsonout_inline void put_slice(struct json *js, const char *key, struct slice s)
{
	if (s.len)
		jsonout_put_text(&js->out, key, s.ptr, s.len);
}

static void put_time(struct json *js, const struct view *v)
{
	int64_t second = v->time_ns / 1000000000, ns = v->time_ns % 1000000000;
	time_t when = (time_t)second;
	struct tm tm;

	if (!v->has_time || v->time_ns < 0)
		return;
	if (second != js->second || !js->date[0]) {
		if (!gmtime_r(&when, &tm) || tm.tm_year > 9999 - 1900)
			return;
		strftime(js->date, sizeof(js->date), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
		js->second = second;
	}
	digits_put_nano(js->date + DATE_SECONDS + 1, (uint32_t)ns);
	jsonout_put_plain(&js->out, "time", js->date, DATE_LEN);
}

static void put_side(struct json *js, enum tx_side side)
{
	switch (side) {
	case SIDE_CLIENT:
		put_word(js, "side", "client");
		break;
	case SIDE_SERVER:
		put_word(js, "side", "server");
		break;
	case SIDE_TRANSIT:
		put_word(js, "side", "transit");
		break;
	default:
		break;
	}
}

static void put_connection(struct json *js, const struct transaction *tx)
{
	char addr[VIEW_ADDRESS_MAX];
	size_t len;

	put_side(js, tx->side);
	len = view_address(&tx->client, addr);
	jsonout_put_plain(&js->out, "client.address", addr, len);
	put_u64(js, "client.port", tx->client.port);
	len = view_address(&tx->server, addr);
	jsonout_put_plain(&js->out, "server.address", addr, len);
	put_u64(js, "server.port", tx->server.port);
}

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
		jsonout_put_plain(&js->out, "network.protocol.version", version, 3);
	}
	put_headers(js, v, &tx->req, "http.request.header");
	if (tx->status)
		put_u64(js, "http.response.status_code", tx->status);
	if (tx->resp.seen || tx->interim_cnt)
		put_u64(js, "http.response.interim_count", tx->interim_cnt);
	if (tx->req.seen) {
		put_u64(js, "http.request.body.size", tx->req.body_size);
		put_u64(js, "http.request.size", tx->req.size);
	}
	if (tx->resp.seen) {
		put_u64(js, "http.response.body.size", tx->resp.body_size);
		put_u64(js, "http.response.size", tx->resp.size);
	}
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

static void put_times(struct json *js, const struct transaction *tx)
{
	uint64_t ns;

#define PUT(part, name)                                                                            \
	if (part_get(tx, PART_##part, &ns))                                                        \
		put_u64(js, name "_ns", ns);
	PARTS_MAP(PUT)
#undef PUT
	if (tx->verdict)
		put_word(js, "verdict", view_verdict_name(tx->verdict));
}

/* which: "request" or "response" */
#define PUT_SEGMENTS(js, which, msg)                                                               \
	do {                                                                                       \
		if (!(msg)->seen)                                                                  \
			break;                                                                     \
		put_u64(js, which ".segments", (msg)->segments);                                   \
		put_u64(js, which ".retransmits", (msg)->retransmits);                             \
		put_u64(js, which ".out_of_order", (msg)->out_of_order);                           \
		put_u64(js, which ".lost_bytes", (msg)->lost_bytes);                               \
		put_u64(js, which ".zero_window_ns", (msg)->zero_window_ns);                       \
		put_u64(js, which ".stall_ns", (msg)->stall_ns);                                   \
	} while (0)

static void put_tcp(struct json *js, const struct transaction *tx)
{
	PUT_SEGMENTS(js, "request", &tx->req);
	PUT_SEGMENTS(js, "response", &tx->resp);
	if (tx->resp.seen && tx->side == SIDE_SERVER)
		put_u64(js, "response.idle_ns", tx->resp.idle_ns);
	if (tx->fin)
		put_word(js, "tcp.fin", view_end_name(tx->fin));
	if (tx->rst)
		put_word(js, "tcp.rst", view_end_name(tx->rst));
	if (tx->req.last_frame)
		put_u64(js, "request.frame", tx->req.last_frame);
	if (tx->resp.last_frame)
		put_u64(js, "response.frame", tx->resp.last_frame);
	put_u64(js, "tcp.stream", tx->stream);
	if (tx->stream_request)
		put_u64(js, "tcp.stream.request", tx->stream_request);
}

static void put_flags(struct json *js, uint32_t flags)
{
	jsonout_key(&js->out, "flags");
	jsonout_open(&js->out, '[');
	for (; flags; flags &= flags - 1) {
		const char *name = view_flag_name((unsigned int)__builtin_ctz(flags));

		if (name)
			jsonout_plain(&js->out, name, strlen(name));
	}
	jsonout_close(&js->out, ']');
}

static void put_exchange(struct json *js, uint64_t id)
{
	char hex[16];

	digits_put_hex(hex, id);
	jsonout_put_plain(&js->out, "exchange.id", hex, sizeof(hex));
}

int json_transaction(struct json *js, FILE *out, const struct view *v)
{
	const struct transaction *tx = v->tx;

	jsonout_open(&js->out, '{');
	put_time(js, v);
	put_connection(js, tx);
	put_http(js, v);
	put_owner(js, v);
	put_times(js, tx);
	put_tcp(js, tx);
	if (tx->exchange_id)
		put_exchange(js, tx->exchange_id);
	if (view_hook_name(tx->hook))
		put_word(js, "hook", view_hook_name(tx->hook));
	put_flags(js, tx->flags);
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
