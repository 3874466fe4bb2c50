/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * escape.h - hostile bytes made safe to print, on a terminal and in JSON.
 *
 * Dangerous are: C0 controls, DEL, C1 controls (also as UTF-8), invalid UTF-8, the bidirectional
 * controls, line and paragraph separators, and what cannot be seen (zero-width characters, byte order
 * mark, tags). All other UTF-8 passes as it is.
 *
 *	text	bytes as \xNN, characters as \u{NNNN}, the backslash itself as \\: nothing is ambiguous
 *	JSON	characters as \uNNNN; each byte that is not valid UTF-8 as the lone low surrogate
 *		\udc80..\udcff (Python's PEP 383, "surrogateescape"), so that nothing is lost and the
 *		line stays valid
 *
 * Pure functions; they allocate nothing.
 */
#ifndef HTTPLAT_ESCAPE_H
#define HTTPLAT_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decodes one character at src (len > 0). Returns its length, 1..4, and the code point in *cp; 0 when the
 * bytes are not UTF-8 (RFC 3629 §3: no overlong form, no surrogate, nothing above U+10FFFF).
 */
unsigned int utf8_decode(const char *src, size_t len, uint32_t *cp);

/* Most bytes that one input byte can become: a byte as \xNN, or \udcNN in JSON. A character of n bytes
 * never becomes more than n times as much. */
#define ESCAPE_TEXT_GROWTH 4
#define ESCAPE_JSON_GROWTH 6

/* True when escaping would change nothing. */
bool escape_text_is_plain(const char *src, size_t len);
/* The same for JSON, where '"' and '\' are changed too. */
bool escape_json_is_plain(const char *src, size_t len);

/* Writes the escaped form to dst, which has room for len * ESCAPE_*_GROWTH bytes. Returns the bytes
 * written; no NUL. escape_json() writes no quotes. */
size_t escape_text(char *dst, const char *src, size_t len);
size_t escape_json(char *dst, const char *src, size_t len);

#endif
