/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * jsontext.h - keys and strings for libyajl's generator, safe for a terminal.
 */
#ifndef HTTPLAT_JSONTEXT_H
#define HTTPLAT_JSONTEXT_H

#include <stddef.h>
#include <yajl/yajl_gen.h>

#include "buf.h"

/* A key of our own, or a value that needs no escaping. */
void jsontext_key(yajl_gen gen, const char *key);

/*
 * A string of hostile bytes as a value. yajl escapes what JSON demands and copies the rest, so what else
 * must not reach a terminal, and bytes that are not UTF-8, are escaped here. *scratch is overwritten
 * where that is needed; without memory its `failed` is set and the value is empty.
 */
void jsontext_value(yajl_gen gen, struct buf *scratch, const char *ptr, size_t len);

#endif
