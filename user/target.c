// SPDX-License-Identifier: GPL-2.0-only
#include "target.h"

#include <string.h>

void target_split(struct slice target, struct slice *path, struct slice *query)
{
	const char *p = target.ptr, *end, *q, *scheme;

	*path = *query = (struct slice){NULL, 0};
	if (!target.len)
		return;
	end = p + target.len;
	if (*p != '/') {
		scheme = memmem(p, target.len, "://", 3);
		if (!scheme)
			return;
		for (p = scheme + 3; p < end && *p != '/' && *p != '?'; p++)
			;
	}
	q = memchr(p, '?', (size_t)(end - p));
	*path = (struct slice){p, (uint32_t)((q ? q : end) - p)};
	if (q)
		*query = (struct slice){q + 1, (uint32_t)(end - q - 1)};
}

struct slice target_header(const struct message *msg, const char *name)
{
	uint32_t i;

	for (i = 0; i < msg->header_cnt; i++) {
		const struct slice *have = &msg->headers[i].name;

		if (have->len == strlen(name) && memcmp(have->ptr, name, have->len) == 0)
			return msg->headers[i].value;
	}
	return (struct slice){NULL, 0};
}
