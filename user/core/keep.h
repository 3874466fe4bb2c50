/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * keep.h - the beginning of a message's body, where it is asked for (http_env.body_bytes, 0: it isn't).
 *
 * Bytes come as llhttp gives them: without chunk framing, still compressed. What is missing ends them, for what
 * comes behind a hole is not the beginning any more; body_cut says so. They are charged to the memory limit, of
 * which they take the first half at most: no message is to be lost for them.
 */
#ifndef HTTPLAT_KEEP_H
#define HTTPLAT_KEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "http.h"

/* The next bytes of the body. Without memory they are missing, and counted. */
void keep_body(const struct http_env *env, struct http_msg *msg, const char *at, size_t len);

/* Whether more of it is to be kept. */
bool keep_wants(const struct http_env *env, const struct http_msg *msg);

/* The next bytes of the body are missing. */
void keep_cut(const struct http_env *env, struct http_msg *msg);

void keep_free(const struct http_env *env, struct http_msg *msg);

#endif
