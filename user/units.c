// SPDX-License-Identifier: GPL-2.0-only
#include "units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_US  UINT64_C(1000)
#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit duration_units[] = {
	{"ns", 1},	   {"us", NS_PER_US},	   {"ms", NS_PER_MS},
	{"s", NS_PER_SEC}, {"m", 60 * NS_PER_SEC}, {"h", 3600 * NS_PER_SEC},
	{NULL, 0},
};

static const struct unit size_units[] = {
	{"", 1},
	{"K", UINT64_C(1) << 10},
	{"k", UINT64_C(1) << 10},
	{"M", UINT64_C(1) << 20},
	{"G", UINT64_C(1) << 30},
	{NULL, 0},
};

/* A decimal number without sign, as `whole` and a fraction of 1e-9 steps. Returns where it ends, or NULL
 * when there is no digit or `whole` overflows (*overflow says which). */
static const char *read_decimal(const char *text, uint64_t *whole, uint64_t *nano, bool *overflow)
{
	const char *p = text;
	uint64_t step = NS_PER_SEC;

	*whole = 0;
	*nano = 0;
	*overflow = false;
	if (!isdigit((unsigned char)*p))
		return NULL;
	for (; isdigit((unsigned char)*p); p++) {
		if (__builtin_mul_overflow(*whole, UINT64_C(10), whole) ||
		    __builtin_add_overflow(*whole, (uint64_t)(*p - '0'), whole)) {
			*overflow = true;
			return NULL;
		}
	}
	if (*p != '.' || !isdigit((unsigned char)p[1]))
		return p;
	for (p++; isdigit((unsigned char)*p); p++) {
		step /= 10;
		*nano += step * (uint64_t)(*p - '0');
	}
	return p;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (strcmp(units->name, name) == 0)
			return units;
	return NULL;
}

/* whole.nano * factor, rounded down; false on overflow. */
static bool scale(uint64_t whole, uint64_t nano, uint64_t factor, uint64_t *out)
{
	uint64_t part = (uint64_t)((unsigned __int128)nano * factor / NS_PER_SEC);

	return !__builtin_mul_overflow(whole, factor, &whole) &&
	       !__builtin_add_overflow(whole, part, out);
}

static int too_large(const char *what, const char *text, struct diag *d)
{
	return diag_set(d, EXIT_USAGE, -ERANGE, "%s: '%.40s' is too large", what, text);
}

int units_parse_duration(const char *what, const char *text, uint64_t *out_ns, struct diag *d)
{
	const struct unit *unit;
	uint64_t whole, nano, ns;
	bool overflow;
	const char *end = read_decimal(text, &whole, &nano, &overflow);

	if (overflow)
		return too_large(what, text, d);
	if (end && !*end && (whole || nano))
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"%s: '%.40s' has no unit; write %.40ss for seconds, %.40sms for "
				"milliseconds (us, ms, s, m, h)",
				what, text, text, text);
	if (end && !*end) {
		*out_ns = 0;
		return 0;
	}
	unit = end ? find_unit(duration_units, end) : NULL;
	if (!unit)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"%s: '%.40s' is not a duration; write it as 500us, 10ms, 2s or 5m",
				what, text);
	if (!scale(whole, nano, unit->factor, &ns))
		return too_large(what, text, d);
	*out_ns = ns;
	return 0;
}

int units_parse_size(const char *what, const char *text, uint64_t *out_bytes, struct diag *d)
{
	const struct unit *unit;
	uint64_t whole, nano, bytes;
	bool overflow;
	const char *end = read_decimal(text, &whole, &nano, &overflow);

	if (overflow)
		return too_large(what, text, d);
	unit = end ? find_unit(size_units, end) : NULL;
	if (!unit || (nano && unit->factor == 1))
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"%s: '%.40s' is not a size; write bytes, or 64K, 16M, 1G", what,
				text);
	if (!scale(whole, nano, unit->factor, &bytes))
		return too_large(what, text, d);
	*out_bytes = bytes;
	return 0;
}

int units_parse_number(const char *what, const char *text, uint64_t min, uint64_t max,
		       uint64_t *out, struct diag *d)
{
	uint64_t whole, nano;
	bool overflow;
	const char *end = read_decimal(text, &whole, &nano, &overflow);

	if (!overflow && (!end || *end || strchr(text, '.')))
		return diag_set(d, EXIT_USAGE, -EINVAL, "%s: '%.40s' is not a number", what, text);
	if (overflow || whole < min || whole > max)
		return diag_set(d, EXIT_USAGE, -ERANGE,
				"%s: '%.40s' is out of range (%" PRIu64 " to %" PRIu64 ")", what,
				text, min, max);
	*out = whole;
	return 0;
}

const char *units_format_duration(uint64_t ns, char buf[UNITS_DURATION_MAX])
{
	/* Thousandths of the unit, rounded to nearest before the unit is chosen, so that
	 * 999,999,700 ns is "1.000s" and not "1000.000ms". */
	uint64_t us = (ns + NS_PER_US / 2) / NS_PER_US;
	uint64_t ms = (us + 500) / 1000;

	if (ns < NS_PER_US)
		snprintf(buf, UNITS_DURATION_MAX, "%" PRIu64 "ns", ns);
	else if (ns < NS_PER_MS - 50) /* one decimal, 50 ns is its half step */
		snprintf(buf, UNITS_DURATION_MAX, "%" PRIu64 ".%" PRIu64 "us", (ns + 50) / 1000,
			 (ns + 50) % 1000 / 100);
	else if (us < 1000000)
		snprintf(buf, UNITS_DURATION_MAX, "%" PRIu64 ".%03" PRIu64 "ms", us / 1000,
			 us % 1000);
	else
		snprintf(buf, UNITS_DURATION_MAX, "%" PRIu64 ".%03" PRIu64 "s", ms / 1000,
			 ms % 1000);
	return buf;
}
