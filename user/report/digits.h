/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * digits.h - numbers as text, two decimal digits at a time: a division costs more than the table.
 *
 * All write at p, without a NUL, and return the end.
 */
#ifndef HTTPLAT_DIGITS_H
#define HTTPLAT_DIGITS_H

#include <stdint.h>
#include <string.h>

/* Longest decimal number of 64 bits. */
#define DIGITS_MAX 20

/* "00", "01", .. "99" */
extern const char digits_pairs[200];

/* value < 100: both digits. */
static inline char *digits_put_pair(char *p, unsigned int value)
{
	memcpy(p, digits_pairs + value * 2, 2);
	return p + 2;
}

/* Without leading zeros. */
static inline char *digits_put_byte(char *p, uint8_t value)
{
	if (value >= 100) {
		*p++ = value >= 200 ? '2' : '1';
		return digits_put_pair(p, value % 100u);
	}
	if (value >= 10)
		return digits_put_pair(p, value);
	*p++ = (char)('0' + value);
	return p;
}

/* Without leading zeros; DIGITS_MAX at most. */
char *digits_put(char *p, uint64_t value);

/* Nine digits: nanoseconds of a second. */
char *digits_put_nano(char *p, uint32_t value);

/* Sixteen hex digits. */
char *digits_put_hex(char *p, uint64_t value);

#endif
