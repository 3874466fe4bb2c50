// SPDX-License-Identifier: GPL-2.0-only
#include "failif.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

static const char *const names[] = {
	[FAILIF_P50] = "p50",	[FAILIF_P90] = "p90",	    [FAILIF_P99] = "p99",
	[FAILIF_P999] = "p999", [FAILIF_MAX] = "max",	    [FAILIF_MEAN] = "mean",
	[FAILIF_ERR] = "err",	[FAILIF_ERRORS] = "errors", [FAILIF_COUNT] = "count",
	[FAILIF_LOST] = "lost",
};

static bool is_duration(enum failif_what what)
{
	return what <= FAILIF_MEAN;
}

static bool parse_what(const char *text, size_t len, enum failif_what *out)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) != len || memcmp(names[i], text, len) != 0)
			continue;
		*out = (enum failif_what)i;
		return true;
	}
	return false;
}

/* "1%", "0.5%" */
static bool parse_share(const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && strcmp(end, "%") == 0 && *out >= 0 && *out <= 100;
}

static int parse_value(struct failif *f, const char *text, struct diag *d)
{
	uint64_t n;
	int err;

	if (f->what == FAILIF_ERR) {
		if (parse_share(text, &f->value))
			return 0;
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"--fail-if: err is a percentage: write err>1%%, not '%.40s'",
				f->text);
	}
	if (is_duration(f->what))
		err = units_parse_duration("--fail-if", text, &n, d);
	else
		err = units_parse_number("--fail-if", text, 0, UINT64_MAX >> 12, &n, d);
	if (!err)
		f->value = (double)n;
	return err;
}

int failif_parse(const char *text, struct failif *out, struct diag *d)
{
	size_t len = strcspn(text, "<>");
	struct failif f = {.text = text};
	int err;

	if (!text[len] || !parse_what(text, len, &f.what))
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"--fail-if: '%.40s' is no condition; write p99>200ms, err>1%%, "
				"errors>0, lost>0 or count<100",
				text);
	f.less = text[len] == '<';
	f.or_equal = text[len + 1] == '=';
	err = parse_value(&f, text + len + 1 + f.or_equal, d);
	if (!err)
		*out = f;
	return err;
}

/* False: it is not known. */
static bool value_of(enum failif_what what, const struct stats_group *g, uint64_t lost, double *out)
{
	const double times[] = {
		[FAILIF_P50] = (double)g->p50_ns, [FAILIF_P90] = (double)g->p90_ns,
		[FAILIF_P99] = (double)g->p99_ns, [FAILIF_P999] = (double)g->p999_ns,
		[FAILIF_MAX] = (double)g->max_ns, [FAILIF_MEAN] = (double)g->mean_ns,
	};

	switch (what) {
	case FAILIF_ERR:
		*out = g->count ? (double)g->errors * 100 / (double)g->count : 0;
		return g->count;
	case FAILIF_ERRORS:
		*out = (double)g->errors;
		return true;
	case FAILIF_COUNT:
		*out = (double)g->count;
		return true;
	case FAILIF_LOST:
		*out = (double)lost;
		return true;
	default:
		*out = times[what];
		return g->timed;
	}
}

static bool compare(const struct failif *f, double value)
{
	if (value == f->value)
		return f->or_equal;
	return f->less ? value < f->value : value > f->value;
}

bool failif_holds(const struct failif *f, const struct stats_group *groups, size_t cnt,
		  uint64_t lost, const char **side, double *value)
{
	static const struct stats_group nothing;
	size_t i;

	*side = "";
	if (!cnt || f->what == FAILIF_LOST)
		return value_of(f->what, &nothing, lost, value) && compare(f, *value);
	for (i = 0; i < cnt; i++) {
		*side = groups[i].value[0];
		if (value_of(f->what, &groups[i], lost, value) && compare(f, *value))
			return true;
	}
	return false;
}

const char *failif_format(const struct failif *f, double value, char buf[FAILIF_VALUE_MAX])
{
	if (is_duration(f->what)) {
		_Static_assert(FAILIF_VALUE_MAX >= UNITS_DURATION_MAX, "room for a duration");
		return units_format_duration((uint64_t)value, buf);
	}
	snprintf(buf, FAILIF_VALUE_MAX, f->what == FAILIF_ERR ? "%.2f%%" : "%.0f", value);
	return buf;
}
