// SPDX-License-Identifier: GPL-2.0-only
#include "view.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../target.h"
#include "digits.h"
#include "redact.h"

/* Replaces *s by its redacted form at buf, if there is something secret. Returns the bytes used. */
static size_t hide_secrets(struct slice *s, char *buf)
{
	size_t n = s->len ? redact_target(buf, s->ptr, s->len) : (size_t)-1;

	if (n == (size_t)-1)
		return 0;
	*s = (struct slice){buf, (uint32_t)n};
	return n;
}

uint64_t view_start_ns(const struct transaction *tx)
{
	if (tx->req.seen)
		return tx->req.first_ns;
	return tx->resp.seen ? tx->resp.first_ns : 0;
}

int view_make(struct view *v, const struct transaction *tx, const struct owner_names *names,
	      int64_t clock_offset_ns, bool redact)
{
	v->tx = tx;
	v->has_time = tx->req.seen || tx->resp.seen;
	v->time_ns = (int64_t)view_start_ns(tx) + clock_offset_ns;
	v->target = tx->target;
	v->host = target_header(&tx->req, "host");
	v->names = names ? *names : (struct owner_names){0};
	v->redact = redact;

	if (redact) {
		size_t need = REDACT_MAX(v->target.len) + REDACT_MAX(v->host.len);

		if (v->buf_size < need) {
			char *buf = realloc(v->buf, need);

			if (!buf)
				return -ENOMEM;
			v->buf = buf;
			v->buf_size = need;
		}
		hide_secrets(&v->host, v->buf + hide_secrets(&v->target, v->buf));
	}
	v->target_len = v->target.len;
	v->host_len = v->host.len;
	target_split(v->target, &v->path, &v->query);
	return 0;
}

static bool named(const struct http_header *h, const char *name)
{
	return h->name.len == strlen(name) && memcmp(h->name.ptr, name, h->name.len) == 0;
}

/* Whether there may be a secret in it: user information in an authority, a parameter in a URL. */
static bool may_hide(const struct http_header *h)
{
	if (!redact_may_hide(h->value.ptr, h->value.len))
		return false;
	if (named(h, "host"))
		return memchr(h->value.ptr, '@', h->value.len);
	return h->value.ptr[0] == '/' || memmem(h->value.ptr, h->value.len, "://", 3);
}

struct slice view_header(const struct view *v, const struct http_header *h, struct buf *scratch)
{
	struct slice value = h->value;
	char *dst;
	size_t n;

	if (!v->redact || !value.len)
		return value;
	if (redact_is_secret(h->name.ptr, h->name.len))
		return (struct slice){REDACT_TEXT, sizeof(REDACT_TEXT) - 1};
	if (!may_hide(h))
		return value;
	buf_reset(scratch);
	dst = buf_room(scratch, REDACT_MAX(value.len));
	if (!dst)
		return (struct slice){"", 0};
	n = redact_target(dst, value.ptr, value.len);
	return n == (size_t)-1 ? value : (struct slice){dst, (uint32_t)n};
}

void view_free(struct view *v)
{
	free(v->buf);
	v->buf = NULL;
	v->buf_size = 0;
}

size_t view_address(const struct endpoint *ep, char buf[VIEW_ADDRESS_MAX])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char *p = buf;

	if (memcmp(ep->addr, mapped, sizeof(mapped)) != 0) {
		inet_ntop(AF_INET6, ep->addr, buf, VIEW_ADDRESS_MAX);
		return strlen(buf);
	}
	for (unsigned int i = 12; i < 16; i++) {
		p = digits_put_byte(p, ep->addr[i]);
		*p++ = '.';
	}
	*--p = '\0';
	return (size_t)(p - buf);
}

const char *view_flag_name(unsigned int bit)
{
	static const char *const names[] = {
		"midstream",	   "gap",      "truncated",
		"no-response",	   "reset",    "early-response",
		"orphan-response", "upgraded", "tunnel",
		"malformed",	   "conflict", "pipelined",
	};

	_Static_assert(TX_PIPELINED == 1 << 11, "a name for each flag");
	return bit < sizeof(names) / sizeof(names[0]) ? names[bit] : NULL;
}

const char *view_hook_name(enum hook hook)
{
	switch (hook) {
	case HOOK_CGROUP:
		return "cgroup";
	case HOOK_TC:
		return "tc";
	case HOOK_SOCKET:
		return "socket";
	case HOOK_FILE:
		return "file";
	case HOOK_UNKNOWN:
		break;
	}
	return NULL;
}

const char *view_verdict_name(enum tx_verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_NONE] = NULL,	       [VERDICT_APP] = "app",
		[VERDICT_QUEUE] = "queue",     [VERDICT_NETWORK] = "network",
		[VERDICT_CLIENT] = "client",   [VERDICT_SERVER] = "server",
		[VERDICT_UPLOAD] = "upload",   [VERDICT_DOWNLOAD] = "download",
		[VERDICT_CONNECT] = "connect", [VERDICT_HOL] = "head-of-line",
	};

	return names[verdict];
}

const char *view_end_name(unsigned int ends)
{
	static const char *const names[] = {NULL, "client", "server", "both"};

	return names[ends & (TX_END_CLIENT | TX_END_SERVER)];
}
