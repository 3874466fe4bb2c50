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

/* Bytes of a target that a line shows; the rest is in the JSON. */
#define URL_SHOWN	   1024
#define OWNER_SHOWN	   36 /* columns; a longer name is still whole */
#define CONTAINER_ID_LEN   64
#define CONTAINER_ID_SHOWN 12

static const struct column {
	const char *title;
	unsigned int least, most; /* width in characters */
	bool right;
	bool owner; /* with struct text.owners only */
} columns[TEXT_COLUMNS] = {
	[TEXT_TIME] = {"TIME", 15, 15, false, false},
	[TEXT_SIDE] = {"S", 1, 1, false, false},
	[TEXT_PID] = {"PID", 7, 10, true, true},
	[TEXT_COMM] = {"COMM", 10, 15, false, true},
	[TEXT_OWNER] = {"OWNER", 20, OWNER_SHOWN, false, true},
	[TEXT_CLIENT] = {"CLIENT", 21, 47, false, false},
	[TEXT_SERVER] = {"SERVER", 21, 47, false, false},
	[TEXT_METHOD] = {"METHOD", 6, 11, false, false},
	[TEXT_STATUS] = {"STATUS", 6, 6, true, false},
	[TEXT_LATENCY] = {"LATENCY", 9, 12, true, false},
	[TEXT_SIZE] = {"SIZE", 8, 14, true, false},
	[TEXT_URL] = {"URL", 0, 0, false, false},
};

static void add_hostile(struct buf *b, const char *src, size_t len)
{
	char *dst = buf_room(b, len * ESCAPE_TEXT_GROWTH);

	if (dst)
		b->len += escape_text(dst, src, len);
}

/* The kernel's comm: NUL padded, 16 bytes at most. */
static void add_comm(struct buf *b, const char comm[16])
{
	size_t len = strnlen(comm, 16);

	if (len)
		add_hostile(b, comm, len);
	else
		buf_puts(b, "-");
}

static void add_endpoint(struct buf *b, const struct endpoint *ep)
{
	char addr[VIEW_ADDRESS_MAX];

	view_address(ep, addr);
	buf_printf(b, strchr(addr, ':') ? "[%s]:%u" : "%s:%u", addr, ep->port);
}

/* The beginning of s, at most URL_SHOWN bytes, never cut inside a character. */
static void add_url_part(struct buf *b, struct slice s)
{
	uint32_t len = s.len;

	if (len > URL_SHOWN) {
		len = URL_SHOWN;
		while (len > URL_SHOWN - 4 && (s.ptr[len] & 0xc0) == 0x80)
			len--;
	}
	add_hostile(b, s.ptr, len);
	if (len < s.len)
		buf_printf(b, "..(%" PRIu32 " bytes)", s.len);
}

static void add_url(struct buf *b, const struct view *v)
{
	if (!v->target.len) {
		buf_puts(b, "-");
		return;
	}
	if (v->target.ptr[0] == '/')
		add_url_part(b, v->host);
	add_url_part(b, v->target);
}

/* HH:MM:SS.ffffff, local time as tcpdump shows it. */
static void add_time(struct text *t, struct buf *b, const struct view *v)
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
		add_hostile(b, shown, text_shorten_cgroup(path, OWNER_SHOWN, shown));
}

/* "namespace/pod/container", as far as it is known. */
static void add_pod(struct buf *b, const struct owner_names *n)
{
	if (n->pod_namespace) {
		add_hostile(b, n->pod_namespace, strlen(n->pod_namespace));
		buf_puts(b, "/");
	}
	add_hostile(b, n->pod, strlen(n->pod));
	if (n->pod_container) {
		buf_puts(b, "/");
		add_hostile(b, n->pod_container, strlen(n->pod_container));
	}
}

/*
 * What a person calls it: the pod, the container's name or the first digits of its id, the unit,
 * else the cgroup. A unit within a container says less than the container.
 */
static void add_owner(struct buf *b, const struct owner_names *n)
{
	if (n->pod)
		add_pod(b, n);
	else if (n->container_name)
		add_hostile(b, n->container_name, strlen(n->container_name));
	else if (n->container_id)
		add_hostile(b, n->container_id, CONTAINER_ID_SHOWN);
	else if (n->unit)
		add_hostile(b, n->unit, strlen(n->unit));
	else
		add_cgroup(b, n->cgroup_path);
}

static void fill_cell(struct text *t, const struct view *v, enum text_column col)
{
	const struct transaction *tx = v->tx;
	char duration[UNITS_DURATION_MAX];
	struct buf *b = &t->cell;

	b->len = 0;
	switch (col) {
	case TEXT_TIME:
		add_time(t, b, v);
		return;
	case TEXT_SIDE:
		buf_puts(b, tx->side == SIDE_SERVER ? "<" : tx->side == SIDE_CLIENT ? ">" : "-");
		return;
	case TEXT_PID:
		if (tx->owner.pid)
			buf_printf(b, "%" PRIu32, tx->owner.pid);
		break;
	case TEXT_COMM:
		add_comm(b, tx->owner.comm);
		return;
	case TEXT_OWNER:
		add_owner(b, &v->names);
		return;
	case TEXT_CLIENT:
		add_endpoint(b, &tx->client);
		return;
	case TEXT_SERVER:
		add_endpoint(b, &tx->server);
		return;
	case TEXT_METHOD:
		add_hostile(b, tx->method.ptr, tx->method.len);
		break;
	case TEXT_STATUS:
		if (tx->status)
			buf_printf(b, "%u", tx->status);
		break;
	case TEXT_LATENCY:
		if (tx->has_latency)
			buf_puts(b, units_format_duration(tx->latency_ns, duration));
		break;
	case TEXT_SIZE:
		if (tx->resp.seen)
			buf_printf(b, "%" PRIu64, tx->resp.body_size);
		break;
	case TEXT_URL:
		add_url(b, v);
		return;
	case TEXT_COLUMNS:
		return;
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
		if (columns[col].owner && !t->owners)
			continue;
		t->cell.len = 0;
		buf_puts(&t->cell, columns[col].title);
		add_cell(t, line, col);
	}
	buf_puts(line, "\n");
}

static void add_flags(struct buf *line, uint32_t flags)
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

int text_transaction(struct text *t, const struct view *v, struct buf *line)
{
	enum text_column col;

	buf_reset(&t->cell);
	for (col = 0; col < TEXT_URL; col++) {
		fill_cell(t, v, col);
		grow_column(t, col);
	}
	if (!t->header_done)
		add_header(t, line);
	t->header_done = true;
	for (col = 0; col < TEXT_COLUMNS; col++) {
		if (columns[col].owner && !t->owners)
			continue;
		fill_cell(t, v, col);
		add_cell(t, line, col);
	}
	add_flags(line, v->tx->flags);
	buf_puts(line, "\n");
	return line->failed || t->cell.failed ? -ENOMEM : 0;
}

void text_free(struct text *t)
{
	buf_free(&t->cell);
}
