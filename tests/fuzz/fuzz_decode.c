// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_decode.c - any bytes as an IP packet, and as a TCP header: no read past the end, and what
 * comes out agrees with itself.
 *
 * The first two bytes say how many more there were on the wire than were captured.
 */
#include <string.h>

#include "check.h"
#include "core/bytes.h"
#include "core/decode.h"

static void check_options(const struct segment *seg)
{
	struct tcp_option opt;
	uint32_t pos = 0, before = 0;

	while (decode_next_option(seg->pkt + seg->tcp_off + 20, seg->tcp_hdr_len - 20, &pos, &opt) >
	       0) {
		demand(pos > before && pos <= seg->tcp_hdr_len - 20);
		demand(opt.len <= pos - before);
		before = pos;
	}
}

static void check(const struct segment *seg)
{
	check_segment(seg);
	check_options(seg);
	demand(decode_checksum(seg) <= CHECKSUM_PARTIAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment seg = {0};
	struct ip_info info;
	uint32_t cap, len;

	if (size < 2)
		return 0;
	cap = (uint32_t)size - 2;
	len = cap + get_be16(data);
	if (decode_packet(data + 2, cap, len, &seg, &info) == DECODE_OK) {
		demand(seg.pkt_len == info.total_len && info.total_len <= len);
		check(&seg);
	}
	memset(&seg, 0, sizeof(seg));
	if (decode_tcp(data + 2, cap, len, &seg) == DECODE_OK)
		check(&seg);
	return 0;
}
