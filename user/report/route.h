/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * route.h - a path with its identifiers folded, so that requests for the same thing fall together.
 *
 *	/users/123/orders/9f8e7d6c -> /users/{id}/orders/{id}		/img/20240131.png -> /img/{id}.png
 *
 * An identifier is a segment of digits; of eight or more hexadecimal digits and dashes, a digit among
 * them (UUIDs, hashes, dates); or of twenty or more letters, digits, '-', '_', '=', '.', '~', with both a
 * letter and a digit (tokens). "v2", "user7" and "2fa" are none.
 */
#ifndef HTTPLAT_ROUTE_H
#define HTTPLAT_ROUTE_H

#include <stddef.h>

#include "../core/transaction.h"

/* Writes the route of a path, at most `max` bytes; what is longer is cut. Returns the length. */
size_t route_fold(struct slice path, char *out, size_t max);

#endif
