/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cell.h - text in so many columns of a terminal, and not one more.
 *
 * Characters are as wide as wcwidth(3) says in the program's locale (LC_CTYPE): none, one or two columns. What
 * that has no width for, and in a locale that is not UTF-8 all but ASCII, is shown as \u{NNNN}. Text that
 * is too long ends with "..", never inside of a character or an escape.
 */
#ifndef HTTPLAT_CELL_H
#define HTTPLAT_CELL_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

/* Adds hostile bytes, escaped as escape_text() does. Returns the columns, at most `max`. */
unsigned int cell_put(struct buf *b, const char *src, size_t len, unsigned int max);

/* Adds text that is safe already. A control character in it is escaped all the same. */
unsigned int cell_put_safe(struct buf *b, const char *src, size_t len, unsigned int max);

/* The columns of safe text. */
unsigned int cell_width(const char *src, size_t len);

/* Bytes of safe text that fit into `max` columns, at least one character. For breaking lines. */
size_t cell_fit(const char *src, size_t len, unsigned int max);

/* n blanks. */
void cell_pad(struct buf *b, unsigned int n);

#endif
