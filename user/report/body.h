/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * body.h - the beginnings of message bodies (--body), as they are shown.
 *
 * A body is hostile bytes of any kind: escaped in text, base64 in JSON. In text, below a record:
 *
 *	  request body, 7 bytes: a=1&b=2
 *	  response body, 16 of 307200 bytes: \xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x01\x00H
 *	  response body, 9 of 20 bytes, the next are missing: {"id": 7,
 *	  response body, 20 bytes, missing
 *
 * Missing is what was asked for and not captured. Secrets in bodies are not looked for.
 */
#ifndef HTTPLAT_BODY_TEXT_H
#define HTTPLAT_BODY_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/transaction.h"
#include "buf.h"

/* Whether there is anything to say of a body: it was asked for, and the message has one. */
bool body_known(const struct body_bytes *body);

/* The lines above, each with its newline; none for what is not known. */
void body_add_lines(struct buf *b, const struct transaction *tx);

/* "16 of 307200 bytes", with ", the next are missing" where that is so; "307200 bytes" for all of it. */
void body_add_extent(struct buf *b, const struct body_bytes *body, uint64_t size);

/* RFC 4648 §4, padded, without line ends. */
void body_add_base64(struct buf *b, const struct body_bytes *body);

/* Whether all of it is UTF-8. */
bool body_is_text(const struct body_bytes *body);

#endif
