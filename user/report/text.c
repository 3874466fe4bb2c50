// SPDX-License-Identifier: GPL-2.0-only
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../units.h"
#include "escape.h"
#include "parts.h"

/* Bytes of a target that a line shows; the rest is in the JSON. */
#define URL_SHOWN	   1024
#define OWNER_SHOWN	   36 /* columns; a longer name is still whole */
#define CONTAINER_ID_LEN   64
#define CONTAINER_ID_SHOWN 12

/* Layouts that a column is in. */
#define PLAIN  (1u << TEXT_PLAIN | 1u << TEXT_WIDE)
#define WIDE   (1u << TEXT_WIDE)
#define JOINED (1u << TEXT_JOINED)
#define ALL    (PLAIN | JOINED)

static const struct column {
	const char *title;
	unsigned int layouts;
	unsigned int least, most; /* width in characters */
	bool right;
	bool owner; /* with struct text.owners only */
} columns[TEXT_COLUMNS] = {
	[TEXT_TIME] = {"TIME", ALL, 15, 15, false, false},
	[TEXT_SIDE] = {"S", PLAIN, 1, 1, false, false},
	[TEXT_PID] = {"PID", PLAIN, 7, 10, true, true},
	[TEXT_COMM] = {"COMM", PLAIN, 10, 15, false, true},
	[TEXT_OWNER] = {"OWNER", PLAIN, 20, OWNER_SHOWN, false, true},
	[TEXT_CLIENT] = {"CLIENT", PLAIN, 21, 47, false, false},
	[TEXT_SERVER] = {"SERVER", PLAIN, 21, 47, false, false},
	[TEXT_CLIENT_TASK] = {"CLIENT", JOINED, 16, 47, false, false},
	[TEXT_CLIENT_OWNER] = {"OWNER", JOINED, 14, OWNER_SHOWN, false, false},
	[TEXT_SERVER_TASK] = {"SERVER", JOINED, 16, 47, false, false},
	[TEXT_SERVER_OWNER] = {"OWNER", JOINED, 14, OWNER_SHOWN, false, false},
	[TEXT_METHOD] = {"METHOD", ALL, 6, 11, false, false},
	[TEXT_STATUS] = {"STATUS", ALL, 6, 6, true, false},
	[TEXT_LATENCY] = {"LATENCY", ALL, 9, 12, true, false},
	[TEXT_AT_SERVER] = {"AT-SERVER", JOINED, 9, 12, true, false},
	[TEXT_BETWEEN] = {"BETWEEN", JOINED, 9, 12, true, false},
	[TEXT_VERDICT] = {"VERDICT", WIDE, 8, 12, false, false},
	[TEXT_CONNECT] = {"CONNECT", WIDE, 8, 12, true, false},
	[TEXT_REQUEST] = {"REQUEST", WIDE, 8, 12, true, false},
	[TEXT_QUEUE] = {"QUEUE", WIDE, 8, 12, true, false},
	[TEXT_APP] = {"APP", WIDE, 8, 12, true, false},
	[TEXT_TTFB] = {"TTFB", WIDE, 8, 12, true, false},
	[TEXT_RESPONSE] = {"RESPONSE", WIDE, 8, 12, true, false},
	[TEXT_ACK] = {"ACK", WIDE, 8, 12, true, false},
	[TEXT_READ] = {"READ", WIDE, 8, 12, true, false},
	[TEXT_RETRANSMITS] = {"RETR", WIDE, 4, 12, true, false},
	[TEXT_SRTT] = {"SRTT", WIDE, 8, 12, true, false},
	[TEXT_SIZE] = {"SIZE", ALL, 8, 14, true, false},
	[TEXT_URL] = {"URL", ALL, 0, 0, false, false},
};

static bool is_shown(const struct text *t, enum text_column col)
{
	return columns[col].layouts & 1u << t->layout && (t->owners || !columns[col].owner);
}

void text_add_hostile(struct buf *b, const char *src, size_t len)
{
	char *dst = buf_room(b, len * ESCAPE_TEXT_GROWTH);

	if (dst)
		b->len += escape_text(dst, src, len);
}

/* The kernel's comm: NUL padded, 16 bytes at most. */
void text_add_comm(struct buf *b, const char comm[16])
{
	size_t len = strnlen(comm, 16);

	if (len)
		text_add_hostile(b, comm, len);
	else
		buf_puts(b, "-");
}

void text_add_endpoint(struct buf *b, const struct endpoint *ep)
{
	char addr[VIEW_ADDRESS_MAX];

	view_address(ep, addr);
	buf_printf(b, strchr(addr, ':') ? "[%s]:%u" : "%s:%u", addr, ep->port);
}

/* What looks like a blank: Unicode's Space_Separator but those that escape.c takes care of. */
static bool is_blank(uint32_t cp)
{
	return cp == ' ' || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) ||
	       cp == 0x205f || cp == 0x3000;
}

/* Flags follow a URL behind blanks: those within it are escaped, so that it cannot have flags of its own. */
static void add_without_blanks(struct buf *b, const char *src, size_t len)
{
	const char *end, *at = src;
	unsigned int n;
	uint32_t cp;

	if (!len) /* src may be NULL */
		return;
	for (end = src + len; at < end; at += n) {
		n = utf8_decode(at, (size_t)(end - at), &cp);
		if (!n || !is_blank(cp)) {
			n = n ? n : 1;
			continue;
		}
		text_add_hostile(b, src, (size_t)(at - src));
		buf_printf(b, cp < 0x80 ? "\\x%02x" : "\\u{%x}", cp);
		src = at + n;
	}
	text_add_hostile(b, src, (size_t)(end - src));
}

/* The beginning of s, at most URL_SHOWN bytes, never cut inside a character. `whole`: its length before it was
 * cut, if it was. */
static void add_url_part(struct buf *b, struct slice s, uint32_t whole)
{
	uint32_t len = s.len;

	if (len > URL_SHOWN) {
		len = URL_SHOWN;
		while (len > URL_SHOWN - 4 && (s.ptr[len] & 0xc0) == 0x80)
			len--;
	}
	add_without_blanks(b, s.ptr, len);
	if (len < whole)
		buf_printf(b, "..(%" PRIu32 " bytes)", whole);
}

void text_add_url(struct buf *b, const struct view *v)
{
	if (!v->target.len) {
		buf_puts(b, "-");
		return;
	}
	if (v->target.ptr[0] == '/')
		add_url_part(b, v->host, v->host_len);
	add_url_part(b, v->target, v->target_len);
}

/* HH:MM:SS.ffffff, local time as tcpdump shows it. */
void text_add_time(struct text *t, struct buf *b, const struct view *v)
{
	int64_t second = v->time_ns / 1000000000, ns = v->time_ns % 1000000000;
	time_t when = (time_t)second;
	struct tm tm;

	if (!v->has_time || v->time_ns < 0) {
		buf_puts(b, "-");
		return;
	}
	if (second != t->second || !t->clock[0]) {
		localtime_r(&when, &tm);
		strftime(t->clock, sizeof(t->clock), "%H:%M:%S", &tm);
		t->second = second;
	}
	buf_printf(b, "%s.%06" PRId64, t->clock, ns / 1000);
}

size_t text_shorten_cgroup(const char *path, size_t max, char *out)
{
	size_t n = 0, run;
	const char *p = path;

	while (*p) {
		for (run = 0; isxdigit((unsigned char)p[run]); run++)
			;
		if (!run) {
			out[n++] = *p++;
			continue;
		}
		memcpy(out + n, p, run == CONTAINER_ID_LEN ? CONTAINER_ID_SHOWN : run);
		n += run == CONTAINER_ID_LEN ? CONTAINER_ID_SHOWN : run;
		p += run;
	}
	if (n > max && max > 2) {
		memmove(out + 2, out + n - (max - 2), max - 2);
		memcpy(out, "..", 2);
		n = max;
	}
	return n;
}

static void add_cgroup(struct buf *b, const char *path)
{
	char shown[4096 + 3];

	if (!path || strlen(path) > 4096)
		buf_puts(b, "-");
	else
		text_add_hostile(b, shown, text_shorten_cgroup(path, OWNER_SHOWN, shown));
}

/* "namespace/pod/container", as far as it is known. */
static void add_pod(struct buf *b, const struct owner_names *n)
{
	if (n->pod_namespace) {
		text_add_hostile(b, n->pod_namespace, strlen(n->pod_namespace));
		buf_puts(b, "/");
	}
	text_add_hostile(b, n->pod, strlen(n->pod));
	if (n->pod_container) {
		buf_puts(b, "/");
		text_add_hostile(b, n->pod_container, strlen(n->pod_container));
	}
}

/*
 * What a person calls it: the pod, the container's name or the first digits of its id, the unit,
 * else the cgroup. A unit within a container says less than the container.
 */
void text_add_owner(struct buf *b, const struct owner_names *n)
{
	if (n->pod)
		add_pod(b, n);
	else if (n->container_name)
		text_add_hostile(b, n->container_name, strlen(n->container_name));
	else if (n->container_id)
		text_add_hostile(b, n->container_id, CONTAINER_ID_SHOWN);
	else if (n->unit)
		text_add_hostile(b, n->unit, strlen(n->unit));
	else
		add_cgroup(b, n->cgroup_path);
}

static enum part part_of(enum text_column col)
{
	static const enum part parts[TEXT_COLUMNS] = {
		[TEXT_LATENCY] = PART_LATENCY,	 [TEXT_CONNECT] = PART_CONNECT,
		[TEXT_REQUEST] = PART_REQUEST,	 [TEXT_QUEUE] = PART_QUEUE,
		[TEXT_APP] = PART_APP,		 [TEXT_TTFB] = PART_TTFB,
		[TEXT_RESPONSE] = PART_RESPONSE, [TEXT_ACK] = PART_ACK,
		[TEXT_READ] = PART_READ,	 [TEXT_SRTT] = PART_SRTT,
	};

	return parts[col];
}

static void add_part(struct buf *b, const struct transaction *tx, enum part part)
{
	char duration[UNITS_DURATION_MAX];
	uint64_t ns;

	if (part_get(tx, part, &ns))
		buf_puts(b, units_format_duration(ns, duration));
}

static void add_side(struct buf *b, enum tx_side side)
{
	buf_puts(b, side == SIDE_SERVER ? "<" : side == SIDE_CLIENT ? ">" : "-");
}

static void add_verdict(struct buf *b, enum tx_verdict verdict)
{
	if (view_verdict_name(verdict))
		buf_puts(b, view_verdict_name(verdict));
}

static void add_retransmits(struct buf *b, const struct transaction *tx)
{
	buf_printf(b, "%" PRIu32 "/%" PRIu32, tx->req.retransmits, tx->resp.retransmits);
}

/* Of one end; `at` is its address, for when it was not seen itself. */
static void add_task(struct buf *b, const struct view *v, const struct endpoint *at)
{
	if (!v || !v->tx->owner.pid) {
		text_add_endpoint(b, at);
		return;
	}
	text_add_comm(b, v->tx->owner.comm);
	buf_printf(b, "[%" PRIu32 "]", v->tx->owner.pid);
}

/* What lies between the two sockets: what the client waited longer than the server took. */
static void add_between(struct buf *b, const struct view *client, const struct view *server)
{
	char duration[UNITS_DURATION_MAX];

	if (client && server && client->tx->has_latency && server->tx->has_latency &&
	    client->tx->latency_ns >= server->tx->latency_ns)
		buf_puts(b, units_format_duration(client->tx->latency_ns - server->tx->latency_ns,
						  duration));
}

/* What a line is made from: `v` alone, or the ends of an exchange, of which v is one. */
struct row {
	const struct view *v, *client, *server;
};

static void fill_joined(struct buf *b, const struct row *row, enum text_column col)
{
	switch (col) {
	case TEXT_CLIENT_TASK:
		add_task(b, row->client, &row->v->tx->client);
		return;
	case TEXT_SERVER_TASK:
		add_task(b, row->server, &row->v->tx->server);
		return;
	case TEXT_CLIENT_OWNER:
		if (row->client)
			text_add_owner(b, &row->client->names);
		return;
	case TEXT_SERVER_OWNER:
		if (row->server)
			text_add_owner(b, &row->server->names);
		return;
	case TEXT_AT_SERVER:
		if (row->server)
			add_part(b, row->server->tx, PART_LATENCY);
		return;
	case TEXT_BETWEEN:
		add_between(b, row->client, row->server);
		return;
	default:
		return;
	}
}

static void fill_cell(struct text *t, const struct row *row, enum text_column col)
{
	const struct transaction *tx = row->v->tx;
	struct buf *b = &t->cell;

	b->len = 0;
	switch (col) {
	case TEXT_TIME:
		text_add_time(t, b, row->v);
		break;
	case TEXT_SIDE:
		add_side(b, tx->side);
		break;
	case TEXT_PID:
		if (tx->owner.pid)
			buf_printf(b, "%" PRIu32, tx->owner.pid);
		break;
	case TEXT_COMM:
		text_add_comm(b, tx->owner.comm);
		break;
	case TEXT_OWNER:
		text_add_owner(b, &row->v->names);
		break;
	case TEXT_CLIENT:
		text_add_endpoint(b, &tx->client);
		break;
	case TEXT_SERVER:
		text_add_endpoint(b, &tx->server);
		break;
	case TEXT_METHOD:
		text_add_hostile(b, tx->method.ptr, tx->method.len);
		break;
	case TEXT_STATUS:
		if (tx->status)
			buf_printf(b, "%u", tx->status);
		break;
	case TEXT_LATENCY:
		/* Joined, it is the client's. */
		if (t->layout != TEXT_JOINED || row->client)
			add_part(b, tx, PART_LATENCY);
		break;
	case TEXT_VERDICT:
		add_verdict(b, tx->verdict);
		break;
	case TEXT_RETRANSMITS:
		add_retransmits(b, tx);
		break;
	case TEXT_CONNECT:
	case TEXT_REQUEST:
	case TEXT_QUEUE:
	case TEXT_APP:
	case TEXT_TTFB:
	case TEXT_RESPONSE:
	case TEXT_ACK:
	case TEXT_READ:
	case TEXT_SRTT:
		add_part(b, tx, part_of(col));
		break;
	case TEXT_SIZE:
		if (tx->resp.seen)
			buf_printf(b, "%" PRIu64, tx->resp.body_size);
		break;
	case TEXT_URL:
		text_add_url(b, row->v);
		break;
	default:
		fill_joined(b, row, col);
		break;
	}
	if (!b->len)
		buf_puts(b, "-");
}

/* Characters, not bytes: what continues a UTF-8 character has no width. */
static unsigned int width_of(const struct buf *b)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < b->len; i++)
		n += (b->ptr[i] & 0xc0) != 0x80;
	return n;
}

static void pad(struct buf *line, unsigned int n)
{
	char *dst = buf_room(line, n);

	if (!dst)
		return;
	memset(dst, ' ', n);
	line->len += n;
}

static void add_cell(struct text *t, struct buf *line, enum text_column col)
{
	unsigned int width = width_of(&t->cell);
	unsigned int fill = t->width[col] > width ? t->width[col] - width : 0;

	if (columns[col].right)
		pad(line, fill);
	buf_add(line, t->cell.ptr, t->cell.len);
	if (col == TEXT_URL)
		return;
	pad(line, (columns[col].right ? 0 : fill) + 1);
}

/* Widths only grow, so that lines after a long one stay aligned with it. */
static void grow_column(struct text *t, enum text_column col)
{
	unsigned int width = width_of(&t->cell);

	if (width < columns[col].least)
		width = columns[col].least;
	if (width > columns[col].most)
		width = columns[col].most;
	if (t->width[col] < width)
		t->width[col] = width;
}

static void add_header(struct text *t, struct buf *line)
{
	enum text_column col;

	for (col = 0; col < TEXT_COLUMNS; col++) {
		if (!is_shown(t, col))
			continue;
		t->cell.len = 0;
		buf_puts(&t->cell, columns[col].title);
		add_cell(t, line, col);
	}
	buf_puts(line, "\n");
}

void text_add_flags(struct buf *line, uint32_t flags)
{
	const char *before = "  [";
	unsigned int bit;

	if (!flags)
		return;
	for (bit = 0; view_flag_name(bit); bit++) {
		if (!(flags >> bit & 1))
			continue;
		buf_puts(line, before);
		buf_puts(line, view_flag_name(bit));
		before = ",";
	}
	buf_puts(line, "]");
}

static int add_row(struct text *t, const struct row *row, uint32_t flags, struct buf *line)
{
	enum text_column col;

	buf_reset(&t->cell);
	for (col = 0; col < TEXT_URL; col++) {
		if (!is_shown(t, col))
			continue;
		fill_cell(t, row, col);
		grow_column(t, col);
	}
	if (!t->header_done)
		add_header(t, line);
	t->header_done = true;
	for (col = 0; col < TEXT_COLUMNS; col++) {
		if (!is_shown(t, col))
			continue;
		fill_cell(t, row, col);
		add_cell(t, line, col);
	}
	text_add_flags(line, flags);
	buf_puts(line, "\n");
	return line->failed || t->cell.failed ? -ENOMEM : 0;
}

int text_transaction(struct text *t, const struct view *v, struct buf *line)
{
	const struct row row = {.v = v};

	return add_row(t, &row, v->tx->flags, line);
}

int text_joined(struct text *t, const struct view *client, const struct view *server,
		struct buf *line)
{
	const struct row row = {client ? client : server, client, server};

	return add_row(t, &row, row.v->tx->flags | (server ? server->tx->flags : 0), line);
}

void text_free(struct text *t)
{
	buf_free(&t->cell);
}
