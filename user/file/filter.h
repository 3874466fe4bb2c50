/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filter.h - a pcap-filter(7) expression over frames of one or several link types: libpcap compiles it
 * for each.
 */
#ifndef HTTPLAT_FILTER_H
#define HTTPLAT_FILTER_H

#include <stdbool.h>

#include "../diag.h"
#include "frames.h"

struct filter;

/* `expr` is copied. NULL without memory. */
struct filter *filter_new(const char *expr);

/* Compiles for a link type, once. -EINVAL with *d set (EXIT_USAGE) when the expression is wrong, or means
 * nothing on that link type. */
int filter_add(struct filter *ft, uint32_t link_type, struct diag *d);

/* What libpcap made of it for a link type that filter_add() took: *cnt instructions, borrowed; struct sock_filter of
 * linux/filter.h has the same layout. */
const void *filter_code(const struct filter *ft, uint32_t link_type, unsigned int *cnt);

/* Whether the frame matches: 1, 0, or what filter_add() said of its link type. */
int filter_match(struct filter *ft, const struct frame *frame, struct diag *d);

/* NULL is fine. */
void filter_free(struct filter *ft);

#endif
