// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_decode.c - any bytes as an IP packet, and as a TCP header: no read past the end, and what comes out
 * agrees with itself.
 *
 * The first two bytes say how many more there were on the wire than were captured.
 */
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void check_segment(const struct segment *seg)
{
	struct tcp_option opt;
	uint32_t pos = 0, before = 0;
	uint8_t sum = 0;
	uint32_t i;

	demand(seg->pkt_cap <= seg->pkt_len);
	demand(seg->payload_cap <= seg->payload_len);
	demand(seg->tcp_hdr_len >= 20 && seg->tcp_hdr_len <= 60);
	demand(seg->tcp_off + seg->tcp_hdr_len <= seg->pkt_cap);
	demand(seg->tcp_off + seg->tcp_hdr_len + seg->payload_len == seg->pkt_len);
	demand(!seg->payload == !seg->payload_cap);
	for (i = 0; i < seg->payload_cap; i++)
		sum ^= seg->payload[i];
	while (decode_next_option(seg->pkt + seg->tcp_off + 20, seg->tcp_hdr_len - 20, &pos, &opt) >
	       0) {
		demand(pos > before && pos <= seg->tcp_hdr_len - 20);
		before = pos;
		for (i = 0; i < opt.len; i++)
			sum ^= opt.data[i];
	}
	demand(decode_checksum(seg) <= CHECKSUM_PARTIAL || sum == 0);
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
		check_segment(&seg);
	}
	memset(&seg, 0, sizeof(seg));
	if (decode_tcp(data + 2, cap, len, &seg) == DECODE_OK)
		check_segment(&seg);
	return 0;
}
