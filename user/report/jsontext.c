// SPDX-License-Identifier: GPL-2.0-only
#include "jsontext.h"

#include <string.h>

#include "escape.h"

void jsontext_key(yajl_gen gen, const char *key)
{
	yajl_gen_string(gen, (const unsigned char *)key, strlen(key));
}

void jsontext_value(yajl_gen gen, struct buf *scratch, const char *ptr, size_t len)
{
	char *dst;

	if (escape_json_is_plain(ptr, len)) {
		yajl_gen_string(gen, (const unsigned char *)ptr, len);
		return;
	}
	buf_reset(scratch);
	dst = buf_room(scratch, len * ESCAPE_JSON_GROWTH + 2);
	if (!dst) {
		jsontext_key(gen, "");
		return;
	}
	dst[0] = '"';
	len = escape_json(dst + 1, ptr, len);
	dst[1 + len] = '"';
	yajl_gen_number(gen, dst, len + 2); /* its way to take a token as it is */
}
