/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * target.h - the parts of a request target (RFC 9112 §3.2).
 *
 * Slices point into the target; its bytes are hostile.
 */
#ifndef HTTPLAT_TARGET_H
#define HTTPLAT_TARGET_H

#include "core/transaction.h"

/*
 * origin-form "/path?query", absolute-form "scheme://authority/path?query"; the authority of CONNECT
 * and the asterisk of OPTIONS have neither. *path is empty where there is none; query->ptr is NULL
 * without a '?'.
 */
void target_split(struct slice target, struct slice *path, struct slice *query);

/* The value of the first kept header line of that name; ptr NULL without one. */
struct slice target_header(const struct message *msg, const char *name);

#endif
