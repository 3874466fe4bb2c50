// SPDX-License-Identifier: GPL-2.0-only
#include "json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yajl/yajl_gen.h>

#include "body.h"
#include "buf.h"
#include "jsontext.h"
#include "parts.h"
#include "summary.h"
#include "totals.h"

struct json {
	yajl_gen gen;
	struct buf scratch; /* an escaped string with its quotes, or a header's full key */
	struct buf redacted;
	int64_t second; /* whose text `date` is */
	char date[40];	/* "2026-11-22T21:50:01" */
};

struct json *json_new(void)
{
	struct json *js = calloc(1, sizeof(*js));

	if (!js)
		return NULL;
	js->gen = yajl_gen_alloc(NULL);
	if (!js->gen) {
		free(js);
		return NULL;
	}
	return js;
}

void json_free(struct json *js)
{
	if (!js)
		return;
	yajl_gen_free(js->gen);
	buf_free(&js->scratch);
	buf_free(&js->redacted);
	free(js);
}

static void put_key(struct json *js, const char *key)
{
	jsontext_key(js->gen, key);
}

/* A record has some forty numbers: printf() for each is a tenth of what a record costs. */
static void put_u64(struct json *js, const char *key, uint64_t value)
{
	char digits[20], *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	put_key(js, key);
	yajl_gen_number(js->gen, p, (size_t)(digits + sizeof(digits) - p));
}

static void put_value(struct json *js, const char *ptr, size_t len)
{
	jsontext_value(js->gen, &js->scratch, ptr, len);
}

static void put_string(struct json *js, const char *key, const char *value)
{
	put_key(js, key);
	put_value(js, value, strlen(value));
}

static void put_slice(struct json *js, const char *key, struct slice s)
{
	if (!s.len)
		return;
	put_key(js, key);
	put_value(js, s.ptr, s.len);
}

static void put_time(struct json *js, const struct view *v)
{
	int64_t second = v->time_ns / 1000000000, ns = v->time_ns % 1000000000;
	time_t when = (time_t)second;
	char text[64];
	struct tm tm;

	if (!v->has_time || v->time_ns < 0)
		return;
	if (second != js->second || !js->date[0]) {
		if (!gmtime_r(&when, &tm) || tm.tm_year > 9999 - 1900)
			return;
		strftime(js->date, sizeof(js->date), "%Y-%m-%dT%H:%M:%S", &tm);
		js->second = second;
	}
	snprintf(text, sizeof(text), "%s.%09" PRId64 "Z", js->date, ns);
	put_string(js, "time", text);
}

static void put_connection(struct json *js, const struct transaction *tx)
{
	static const char *const sides[] = {
		[SIDE_CLIENT] = "client",
		[SIDE_SERVER] = "server",
		[SIDE_TRANSIT] = "transit",
	};
	char addr[VIEW_ADDRESS_MAX];

	if (tx->side != SIDE_UNKNOWN)
		put_string(js, "side", sides[tx->side]);
	view_address(&tx->client, addr);
	put_string(js, "client.address", addr);
	put_u64(js, "client.port", tx->client.port);
	view_address(&tx->server, addr);
	put_string(js, "server.address", addr);
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
		char key[256];

		for (k = 0; k < i && !same_name(&msg->headers[k], h); k++)
			;
		if (k < i)
			continue;
		if (named(h, "user-agent")) {
			struct slice value = view_header(v, h, &js->redacted);

			put_key(js, "user_agent.original");
			put_value(js, value.ptr, value.len);
			continue;
		}
		snprintf(key, sizeof(key), "%s.%.*s", prefix, (int)h->name.len, h->name.ptr);
		put_key(js, key);
		yajl_gen_array_open(js->gen);
		for (; k < msg->header_cnt; k++) {
			struct slice value;

			if (!same_name(&msg->headers[k], h))
				continue;
			value = view_header(v, &msg->headers[k], &js->redacted);
			put_value(js, value.ptr, value.len);
		}
		yajl_gen_array_close(js->gen);
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
		put_key(js, keys[which]);
		yajl_gen_string(js->gen, (const unsigned char *)js->scratch.ptr, js->scratch.len);
	}
	if (body->cut) {
		put_key(js, cut[which]);
		yajl_gen_bool(js->gen, true);
	}
}

static void put_http(struct json *js, const struct view *v)
{
	const struct transaction *tx = v->tx;
	const struct message *first = tx->req.seen ? &tx->req : &tx->resp;
	char version[8];

	put_slice(js, "http.request.method", tx->method);
	put_slice(js, "url.original", v->target);
	put_slice(js, "url.path", v->path);
	if (v->query.ptr) {
		put_key(js, "url.query");
		put_value(js, v->query.ptr, v->query.len);
	}
	if (first->seen) {
		snprintf(version, sizeof(version), "%u.%u", first->version_major,
			 first->version_minor);
		put_string(js, "network.protocol.version", version);
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
	enum part part;
	uint64_t ns;

	for (part = 0; part < PARTS; part++)
		if (part_get(tx, part, &ns))
			put_u64(js, part_key(part), ns);
	if (view_verdict_name(tx->verdict))
		put_string(js, "verdict", view_verdict_name(tx->verdict));
}

/* which: 0 request, 1 response */
static void put_segments(struct json *js, const struct message *msg, unsigned int which)
{
	const struct {
		const char *key[2];
		uint64_t value;
	} of[] = {
		{{"request.segments", "response.segments"}, msg->segments},
		{{"request.retransmits", "response.retransmits"}, msg->retransmits},
		{{"request.out_of_order", "response.out_of_order"}, msg->out_of_order},
		{{"request.lost_bytes", "response.lost_bytes"}, msg->lost_bytes},
		{{"request.zero_window_ns", "response.zero_window_ns"}, msg->zero_window_ns},
		{{"request.stall_ns", "response.stall_ns"}, msg->stall_ns},
	};

	for (size_t i = 0; msg->seen && i < sizeof(of) / sizeof(of[0]); i++)
		put_u64(js, of[i].key[which], of[i].value);
}

static void put_tcp(struct json *js, const struct transaction *tx)
{
	put_segments(js, &tx->req, 0);
	put_segments(js, &tx->resp, 1);
	if (tx->resp.seen && tx->side == SIDE_SERVER)
		put_u64(js, "response.idle_ns", tx->resp.idle_ns);
	if (view_end_name(tx->fin))
		put_string(js, "tcp.fin", view_end_name(tx->fin));
	if (view_end_name(tx->rst))
		put_string(js, "tcp.rst", view_end_name(tx->rst));
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
	unsigned int bit;

	put_key(js, "flags");
	yajl_gen_array_open(js->gen);
	for (bit = 0; view_flag_name(bit); bit++)
		if (flags >> bit & 1)
			put_value(js, view_flag_name(bit), strlen(view_flag_name(bit)));
	yajl_gen_array_close(js->gen);
}

/* Writes the finished object as a line and makes the generator ready for the next. */
static int end_line(struct json *js, FILE *out)
{
	const unsigned char *text = NULL;
	size_t len = 0;
	int err = 0;

	if (yajl_gen_get_buf(js->gen, &text, &len) != yajl_gen_status_ok)
		err = -ENOMEM;
	else if (fwrite(text, 1, len, out) != len || putc('\n', out) == EOF)
		err = errno ? -errno : -EIO;
	yajl_gen_clear(js->gen);
	yajl_gen_reset(js->gen, NULL);
	return err;
}

int json_transaction(struct json *js, FILE *out, const struct view *v)
{
	const struct transaction *tx = v->tx;
	char id[17];

	yajl_gen_map_open(js->gen);
	put_time(js, v);
	put_connection(js, tx);
	put_http(js, v);
	put_owner(js, v);
	put_times(js, tx);
	put_tcp(js, tx);
	if (tx->exchange_id) {
		snprintf(id, sizeof(id), "%016" PRIx64, tx->exchange_id);
		put_string(js, "exchange.id", id);
	}
	if (view_hook_name(tx->hook))
		put_string(js, "hook", view_hook_name(tx->hook));
	put_flags(js, tx->flags);
	yajl_gen_map_close(js->gen);
	return end_line(js, out);
}

int json_summary(struct json *js, FILE *out, const struct counters *cnt,
		 const uint64_t kernel[EVENT_CNT_MAX], uint64_t printed)
{
	struct totals total = totals_of(cnt, kernel);

	yajl_gen_map_open(js->gen);
	put_key(js, "httplat.summary");
	yajl_gen_map_open(js->gen);
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
	yajl_gen_map_close(js->gen);
	yajl_gen_map_close(js->gen);
	return end_line(js, out);
}
