/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * units.h - quantities as people type and read them.
 *
 *	durations	500us  10ms  2s  1.5s  5m  1h	(a bare number has no unit and is refused; 0 is fine)
 *	sizes		4096  64K  16M  1G		(a bare number is bytes; K, M, G are powers of 1024)
 *	numbers		decimal, without sign or blanks
 *
 * Pure functions. The parsers return 0, or -EINVAL (not of that form) or -ERANGE (does not fit), with
 * *out untouched and the sentence for the user in *d (EXIT_USAGE). `what` names the option in it.
 */
#ifndef HTTPLAT_UNITS_H
#define HTTPLAT_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "diag.h"

int units_parse_duration(const char *what, const char *text, uint64_t *out_ns, struct diag *d);
int units_parse_size(const char *what, const char *text, uint64_t *out_bytes, struct diag *d);
int units_parse_number(const char *what, const char *text, uint64_t min, uint64_t max,
		       uint64_t *out, struct diag *d);

/* Longest result of units_format_duration() with its NUL. */
#define UNITS_DURATION_MAX 24

/*
 * "812ns", "12.3us", "1.234ms", "2.500s", "125.000s": rounded to nearest, the unit follows the
 * magnitude. Returns buf.
 */
const char *units_format_duration(uint64_t ns, char buf[UNITS_DURATION_MAX]);

#endif
