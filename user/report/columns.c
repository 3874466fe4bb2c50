// SPDX-License-Identifier: GPL-2.0-only
#include "columns.h"

#include <ctype.h>
#include <inttypes.h>

#include "../units.h"

const struct column_info column_info[COLUMNS] = {
	[COLUMN_COUNT] = {"COUNT", "count", .sort = STATS_BY_COUNT},
	[COLUMN_RATE] = {"RATE", "rate", .sort = STATS_BY_RATE},
	[COLUMN_ERRORS] = {"ERRORS", "errors", .sort = STATS_BY_ERRORS},
	[COLUMN_P50] = {"P50", "p50_ns", .is_time = true, .sort = STATS_BY_P50},
	[COLUMN_P90] = {"P90", "p90_ns", .is_time = true, .sort = STATS_BY_P90},
	[COLUMN_P99] = {"P99", "p99_ns", .is_time = true, .sort = STATS_BY_P99},
	[COLUMN_P999] = {"P99.9", "p999_ns", .is_time = true, .sort = STATS_BY_P999},
	[COLUMN_MAX] = {"MAX", "max_ns", .is_time = true, .sort = STATS_BY_MAX},
	[COLUMN_MEAN] = {"MEAN", "mean_ns", .is_time = true, .optional = true,
			 .sort = STATS_BY_MEAN},
	[COLUMN_IN] = {"IN", "http.request.size", .sort = STATS_BY_IN},
	[COLUMN_OUT] = {"OUT", "http.response.size", .sort = STATS_BY_OUT},
};

uint64_t column_number(const struct stats_group *g, enum column col)
{
	switch (col) {
	case COLUMN_COUNT:
		return g->count;
	case COLUMN_ERRORS:
		return g->errors;
	case COLUMN_P50:
		return g->p50_ns;
	case COLUMN_P90:
		return g->p90_ns;
	case COLUMN_P99:
		return g->p99_ns;
	case COLUMN_P999:
		return g->p999_ns;
	case COLUMN_MAX:
		return g->max_ns;
	case COLUMN_MEAN:
		return g->mean_ns;
	case COLUMN_IN:
		return g->request_bytes;
	case COLUMN_OUT:
		return g->response_bytes;
	case COLUMN_RATE:
	case COLUMNS:
		break;
	}
	return 0;
}

bool column_known(const struct stats_group *g, enum column col, uint64_t elapsed_ns)
{
	if (column_info[col].is_time)
		return g->timed > 0;
	return col != COLUMN_RATE || elapsed_ns;
}

double column_rate(const struct stats_group *g, uint64_t elapsed_ns)
{
	return (double)g->recent * 1e9 / (double)elapsed_ns;
}

void column_put(struct buf *b, const struct stats_group *g, enum column col, uint64_t elapsed_ns)
{
	char text[UNITS_DURATION_MAX];

	if (!column_known(g, col, elapsed_ns))
		return;
	if (col == COLUMN_RATE)
		buf_printf(b, "%.1f/s", column_rate(g, elapsed_ns));
	else if (column_info[col].is_time)
		buf_puts(b, units_format_duration(column_number(g, col), text));
	else
		buf_printf(b, "%" PRIu64, column_number(g, col));
}

const char *column_key_name(const struct stats_options *opt, unsigned int i, bool json)
{
	enum stats_key key = i ? opt->by[i - 1] : STATS_SIDE;

	if (i && key == STATS_SIDE)
		return NULL;
	return json ? stats_key_json(key) : stats_key_name(key);
}

void column_put_title(struct buf *b, const struct stats_options *opt, unsigned int i)
{
	const char *name = column_key_name(opt, i, false);

	for (; name && *name; name++)
		buf_add(b, &(char){(char)toupper(*name)}, 1);
}
