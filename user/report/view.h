/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * view.h - a transaction as it is to be shown, whatever the format: secrets gone, wall time, names.
 *
 *	transaction + owner names ─ view_make ─ struct view ─ text.h | json.h
 *
 * Slices point into the transaction or into the view's own buffer; both are valid until the next
 * view_make(). The bytes are still hostile: formats escape them.
 */
#ifndef HTTPLAT_VIEW_H
#define HTTPLAT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/transaction.h"
#include "../owner/owner.h"
#include "buf.h"

struct view {
	const struct transaction *tx;
	bool has_time;
	int64_t time_ns; /* since 1970: the first byte of the request, or of an orphan response */
	struct slice target;	       /* as sent, without secrets */
	struct slice path, query;      /* parts of target; empty where it has none */
	struct slice host;	       /* Host header, without user information; empty: none */
	uint32_t target_len, host_len; /* of these; more than is there where a copy was cut */
	struct owner_names names;      /* its strings are the owner cache's */
	bool redact;

	char *buf; /* redacted bytes */
	size_t buf_size;
};

/* names may be NULL. clock_offset_ns is added to the transaction's times. 0, or -ENOMEM. */
int view_make(struct view *v, const struct transaction *tx, const struct owner_names *names,
	      int64_t clock_offset_ns, bool redact);
void view_free(struct view *v);

/* A header's value as it is to be shown. It may point into *scratch: valid until that is used
 * again. */
struct slice view_header(const struct view *v, const struct http_header *h, struct buf *scratch);

/* The monotonic (or file) time that view_make() shows, for looking up the clock offset; 0: none. */
uint64_t view_start_ns(const struct transaction *tx);

/* Longest result of view_address() with its NUL: "ffff:...:255.255.255.255". */
#define VIEW_ADDRESS_MAX 46
/* The address alone; IPv4 in dotted form. Returns its length. */
size_t view_address(const struct endpoint *ep, char buf[VIEW_ADDRESS_MAX]);

/* The name of flag number `bit` as in the JSON `flags` array; NULL past the last. */
const char *view_flag_name(unsigned int bit);
const char *view_hook_name(enum hook hook);
/* NULL for VERDICT_NONE. */
const char *view_verdict_name(enum tx_verdict verdict);
/* "client", "server", "both"; NULL for 0. ends: enum tx_end. */
const char *view_end_name(unsigned int ends);

#endif
