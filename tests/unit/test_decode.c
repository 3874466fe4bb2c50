// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/bytes.h"
#include "core/decode.h"
#include "packets.h"

static struct pkt pkt;

static const struct pkt_tcp get_tcp = {
	.src = 49152,
	.dst = 8080,
	.seq = 0xfffffff0,
	.ack = 7,
	.flags = TCP_ACK | TCP_PSH,
	.window = 502,
};

static void build_v4(const void *payload, size_t len)
{
	pkt_init(&pkt, payload, len);
	pkt_tcp(&pkt, &get_tcp);
	pkt_ipv4(&pkt, "10.0.0.1", "192.168.1.2", IPPROTO_TCP);
}

static void build_v6(const void *payload, size_t len)
{
	pkt_init(&pkt, payload, len);
	pkt_tcp(&pkt, &get_tcp);
	pkt_ipv6(&pkt, "2001:db8::1", "2001:db8::2", IPPROTO_TCP);
}

/* Decodes a copy of exactly cap bytes, so that a sanitizer sees a read past them. */
static enum decode_result decode_cap(uint32_t cap, uint32_t len, struct segment *seg,
				     struct ip_info *info)
{
	uint8_t *copy = malloc(cap ? cap : 1);
	enum decode_result res;

	memcpy(copy, pkt_data(&pkt), cap);
	res = decode_packet(copy, cap, len, seg, info);
	if (res == DECODE_OK)
		(void)decode_checksum(seg);
	free(copy);
	return res;
}

static enum decode_result decode(struct segment *seg, struct ip_info *info)
{
	return decode_packet(pkt_data(&pkt), pkt_len(&pkt), pkt_len(&pkt), seg, info);
}

static void expect_get(const struct segment *seg, uint32_t payload_len)
{
	assert_int_equal(seg->src.port, 49152);
	assert_int_equal(seg->dst.port, 8080);
	assert_int_equal(seg->seq, 0xfffffff0);
	assert_int_equal(seg->ack, 7);
	assert_int_equal(seg->flags, TCP_ACK | TCP_PSH);
	assert_int_equal(seg->window, 502);
	assert_int_equal(seg->payload_len, payload_len);
	assert_int_equal(seg->tcp_hdr_len, 20);
}

static void test_ipv4(void **state)
{
	static const uint8_t src[16] = {[10] = 0xff, 0xff, 10, 0, 0, 1};
	static const uint8_t dst[16] = {[10] = 0xff, 0xff, 192, 168, 1, 2};
	struct segment seg = {.frame = 3, .defragmented = true};
	struct ip_info info;

	build_v4("GET / ", 6);
	assert_int_equal(decode(&seg, &info), DECODE_OK);
	expect_get(&seg, 6);
	assert_memory_equal(seg.src.addr, src, 16);
	assert_memory_equal(seg.dst.addr, dst, 16);
	assert_memory_equal(seg.payload, "GET / ", 6);
	assert_int_equal(seg.payload_cap, 6);
	assert_int_equal(seg.tcp_off, 20);
	assert_int_equal(seg.pkt_len, 46);
	assert_int_equal(seg.pkt_cap, 46);
	assert_int_equal(info.version, 4);
	assert_int_equal(info.proto, IPPROTO_TCP);
	assert_int_equal(info.total_len, 46);
	/* what the packet does not say is left alone */
	assert_int_equal(seg.frame, 3);
	assert_true(seg.defragmented);
}

static void test_ipv6(void **state)
{
	struct segment seg = {0};

	build_v6("GET / ", 6);
	assert_int_equal(decode(&seg, NULL), DECODE_OK);
	expect_get(&seg, 6);
	assert_int_equal(seg.src.addr[0], 0x20);
	assert_int_equal(seg.src.addr[15], 1);
	assert_int_equal(seg.tcp_off, 40);
}

static void test_no_payload(void **state)
{
	struct segment seg = {0};

	build_v4(NULL, 0);
	assert_int_equal(decode(&seg, NULL), DECODE_OK);
	expect_get(&seg, 0);
	assert_null(seg.payload);
}

/* A short Ethernet frame is padded to 60 bytes: that is no payload. */
static void test_padding(void **state)
{
	struct segment seg = {0};

	build_v4(NULL, 0);
	assert_int_equal(decode_packet(pkt_data(&pkt), 46, 46, &seg, NULL), DECODE_OK);
	assert_int_equal(seg.payload_len, 0);
	assert_int_equal(seg.pkt_len, 40);
	assert_int_equal(seg.pkt_cap, 40);
	assert_int_equal(decode_checksum(&seg), CHECKSUM_GOOD);
}

static void test_ipv4_options(void **state)
{
	struct segment seg = {0};
	uint8_t *hdr;

	build_v4("x", 1);
	pkt.start += 20;
	pkt_hex(&pkt, "94040000"); /* router alert */
	pkt_hex(&pkt, "4600 002d 0000 4000 4006 0000 0a000001 c0a80102");
	assert_int_equal(decode(&seg, NULL), DECODE_OK);
	assert_int_equal(seg.tcp_off, 24);
	assert_int_equal(seg.payload_len, 1);
	hdr = pkt_data(&pkt);
	hdr[0] = 0x44; /* a header shorter than the shortest */
	assert_int_equal(decode(&seg, NULL), DECODE_MALFORMED);
	hdr[0] = 0x4f; /* longer than the packet */
	put_be16(hdr + 2, 59);
	assert_int_equal(decode(&seg, NULL), DECODE_MALFORMED);
}

static void test_super_segment(void **state)
{
	struct segment seg = {0};
	struct ip_info info;

	build_v4(NULL, 131000); /* BIG TCP: total length 0 */
	assert_int_equal(get_be16(pkt_data(&pkt) + 2), 0);
	assert_int_equal(decode(&seg, &info), DECODE_OK);
	assert_int_equal(seg.payload_len, 131000);
	assert_int_equal(info.total_len, 131040);

	build_v6(NULL, 131000);
	assert_int_equal(decode(&seg, NULL), DECODE_OK);
	assert_int_equal(seg.payload_len, 131000);

	pkt_init(&pkt, NULL, 70000); /* RFC 2675: hop-by-hop option with the length, then padding */
	pkt_tcp(&pkt, &get_tcp);
	pkt_hex(&pkt, "06 00 c2 04 0001118c"); /* 70,028 = 8 + 20 + 70,000 */
	pkt_ipv6(&pkt, "2001:db8::1", "2001:db8::2", IPPROTO_HOPOPTS);
	assert_int_equal(
		decode_packet(pkt_data(&pkt), pkt_len(&pkt), pkt_len(&pkt) + 4, &seg, NULL),
		DECODE_OK);
	assert_int_equal(seg.payload_len, 70000);
	assert_int_equal(seg.tcp_off, 48);

	build_v4("abc", 3); /* no super-segment is as large as this */
	put_be16(pkt_data(&pkt) + 2, 0);
	assert_int_equal(decode_packet(pkt_data(&pkt), pkt_len(&pkt), 0xffff0000, &seg, NULL),
			 DECODE_MALFORMED);
	build_v6("abc", 3);
	put_be16(pkt_data(&pkt) + 4, 0);
	assert_int_equal(decode_packet(pkt_data(&pkt), pkt_len(&pkt), 0xffff0000, &seg, NULL),
			 DECODE_MALFORMED);

	build_v6("abc", 3); /* a jumbo that is none: it would end inside the headers */
	pkt.start += 40;
	pkt_hex(&pkt, "06 00 c2 04 00000004");
	pkt_ipv6(&pkt, "2001:db8::1", "2001:db8::2", IPPROTO_HOPOPTS);
	put_be16(pkt_data(&pkt) + 4, 0);
	assert_int_equal(decode(&seg, NULL), DECODE_OK);
	assert_int_equal(seg.payload_len, 3);
}

/* The capture's length on the wire is what there was, whatever the IP header says. */
static void test_total_length_too_large(void **state)
{
	struct segment seg = {0};

	build_v4("abc", 3);
	put_be16(pkt_data(&pkt) + 2, 1000);
	assert_int_equal(decode(&seg, NULL), DECODE_OK);
	assert_int_equal(seg.payload_len, 3);
}

static void test_ipv6_extensions(void **state)
{
	struct segment seg = {0};
	struct ip_info info;

	pkt_init(&pkt, "abc", 3);
	pkt_tcp(&pkt, &get_tcp);
	pkt_hex(&pkt, "06 00 0104 00000000"); /* destination options */
	pkt_hex(&pkt, "3c 04 0000 00000001 00000002 000000000000000000000000"); /* AH, 24 bytes */
	pkt_hex(&pkt, "33 00 0000 00001234");		      /* atomic fragment */
	pkt_hex(&pkt, "2c 01 010c 000000000000000000000000"); /* hop-by-hop, 16 bytes */
	pkt_ipv6(&pkt, "fe80::1", "fe80::2", IPPROTO_HOPOPTS);
	assert_int_equal(decode(&seg, &info), DECODE_OK);
	assert_int_equal(info.proto, IPPROTO_TCP);
	assert_int_equal(seg.tcp_off, 40 + 16 + 8 + 24 + 8);
	assert_memory_equal(seg.payload, "abc", 3);
}

/* With segments left the final destination is in the routing header, and in the checksum. */
static void test_routing_header(void **state)
{
	struct segment seg = {0};
	struct endpoint last = {.addr = {0x20, 0x01, 0x0d, 0xb8, [15] = 9}};

	pkt_init(&pkt, "abc", 3);
	pkt_tcp(&pkt, &get_tcp);
	pkt_ipv6(&pkt, "2001:db8::1", "2001:db8::9", IPPROTO_TCP);
	pkt.start += 40;
	pkt_hex(&pkt, "06 02 04 01 00 00 0000 20010db8000000000000000000000009");
	pkt_ipv6(&pkt, "2001:db8::1", "2001:db8::5", IPPROTO_ROUTING);
	assert_int_equal(decode(&seg, NULL), DECODE_OK);
	assert_memory_equal(seg.dst.addr, last.addr, 16);
	assert_int_equal(decode_checksum(&seg), CHECKSUM_GOOD);

	pkt_data(&pkt)[43] = 0; /* none left: it has arrived */
	assert_int_equal(decode(&seg, NULL), DECODE_OK);
	assert_int_equal(seg.dst.addr[15], 5);
}

static void test_fragments(void **state)
{
	struct segment seg = {.seq = 5};
	struct ip_info info;

	build_v4("abc", 3);
	put_be16(pkt_data(&pkt) + 4, 0xbeef);
	put_be16(pkt_data(&pkt) + 6, 0x2000);
	assert_int_equal(decode(&seg, &info), DECODE_FRAGMENT);
	assert_int_equal(info.frag_id, 0xbeef);
	assert_true(info.frag_more);
	assert_int_equal(info.frag_off, 0);
	put_be16(pkt_data(&pkt) + 6, 0x4000 | 100); /* "don't fragment" means nothing here */
	assert_int_equal(decode(&seg, &info), DECODE_FRAGMENT);
	assert_false(info.frag_more);
	assert_int_equal(info.frag_off, 800);
	assert_int_equal(seg.seq, 5); /* untouched */

	pkt_init(&pkt, NULL, 16);
	pkt_hex(&pkt, "06 00 0321 00abcdef");
	pkt_ipv6(&pkt, "fe80::1", "fe80::2", IPPROTO_FRAGMENT);
	assert_int_equal(decode(&seg, &info), DECODE_FRAGMENT);
	assert_int_equal(info.proto, IPPROTO_TCP);
	assert_int_equal(info.frag_id, 0xabcdef);
	assert_int_equal(info.frag_off, 0x320);
	assert_true(info.frag_more);
	assert_int_equal(info.frag_hdr_off, 40);
	assert_int_equal(info.hdr_len, 48);
}

static void test_not_tcp(void **state)
{
	struct segment seg = {0};
	struct ip_info info;

	pkt_init(&pkt, "abc", 3);
	pkt_udp(&pkt, 53, 53);
	pkt_ipv4(&pkt, "10.0.0.1", "10.0.0.2", IPPROTO_UDP);
	assert_int_equal(decode(&seg, &info), DECODE_NOT_TCP);
	assert_int_equal(info.proto, IPPROTO_UDP);
	assert_int_equal(decode_ip(pkt_data(&pkt), pkt_len(&pkt), pkt_len(&pkt), &info), DECODE_OK);
	pkt_data(&pkt)[0] = 0x55;
	assert_int_equal(decode(&seg, &info), DECODE_NOT_IP);
}

/* Every length that a capture can be cut to, in a buffer of just that size. */
static void test_every_cut(void **state)
{
	struct segment seg;
	uint32_t cap, hdr;

	build_v4("0123456789", 10);
	for (cap = 0; cap <= pkt_len(&pkt); cap++) {
		seg = (struct segment){.seq = 1};
		if (cap < 40) {
			assert_int_equal(decode_cap(cap, pkt_len(&pkt), &seg, NULL),
					 DECODE_TRUNCATED);
			assert_int_equal(seg.seq, 1);
			/* the same, where there was no more on the wire either */
			assert_int_equal(decode_cap(cap, cap, &seg, NULL), DECODE_MALFORMED);
			continue;
		}
		assert_int_equal(decode_cap(cap, pkt_len(&pkt), &seg, NULL), DECODE_OK);
		assert_int_equal(seg.payload_len, 10);
		assert_int_equal(seg.payload_cap, cap - 40);
		assert_int_equal(!seg.payload, cap == 40);
	}
	build_v6("0123456789", 10);
	hdr = 60;
	for (cap = 0; cap <= pkt_len(&pkt); cap++)
		assert_int_equal(decode_cap(cap, pkt_len(&pkt), &seg, NULL),
				 cap < hdr ? DECODE_TRUNCATED : DECODE_OK);
}

static void test_bad_tcp_header(void **state)
{
	struct segment seg = {0};

	build_v4("0123456789", 10);
	pkt_data(&pkt)[32] = 0x40; /* 16 bytes */
	assert_int_equal(decode(&seg, NULL), DECODE_MALFORMED);
	pkt_data(&pkt)[32] = 0xf0; /* 60 bytes, of 30 */
	assert_int_equal(decode(&seg, NULL), DECODE_MALFORMED);
	build_v4("0123456789", 10);
	put_be16(pkt_data(&pkt) + 2, 39); /* the packet ends in the TCP header */
	assert_int_equal(decode(&seg, NULL), DECODE_MALFORMED);
}

static void test_all_flags(void **state)
{
	struct pkt_tcp tcp = get_tcp;
	struct segment seg = {0};
	unsigned int flags;

	for (flags = 0; flags < 0x200; flags++) {
		tcp.flags = (uint16_t)flags;
		pkt_init(&pkt, NULL, 0);
		pkt_tcp(&pkt, &tcp);
		pkt_ipv4(&pkt, "10.0.0.1", "10.0.0.2", IPPROTO_TCP);
		assert_int_equal(decode(&seg, NULL), DECODE_OK);
		assert_int_equal(seg.flags, flags);
		assert_int_equal(seg.tcp_hdr_len, 20);
	}
}

static void test_checksum(void **state)
{
	struct segment seg = {0};
	uint8_t *tcp;
	uint32_t sum;
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		if (v6)
			build_v6("odd", 3);
		else
			build_v4("odd", 3);
		assert_int_equal(decode(&seg, NULL), DECODE_OK);
		assert_int_equal(decode_checksum(&seg), CHECKSUM_GOOD);
		pkt_data(&pkt)[pkt_len(&pkt) - 1] ^= 1;
		assert_int_equal(decode_checksum(&seg), CHECKSUM_BAD);
		seg.pkt_cap--;
		assert_int_equal(decode_checksum(&seg), CHECKSUM_UNKNOWN);
	}
	/* what Linux leaves to the card: the sum of the pseudo header, not inverted */
	build_v4("odd", 3);
	tcp = pkt_data(&pkt) + 20;
	sum = 0x0a00 + 0x0001 + 0xc0a8 + 0x0102 + IPPROTO_TCP + 23;
	put_be16(tcp + 16, (uint16_t)((sum & 0xffff) + (sum >> 16)));
	assert_int_equal(decode(&seg, NULL), DECODE_OK);
	assert_int_equal(decode_checksum(&seg), CHECKSUM_PARTIAL);
	/* a super-segment has the checksum of its first packet, or none */
	build_v4(NULL, 30000);
	assert_int_equal(decode(&seg, NULL), DECODE_OK);
	assert_int_equal(decode_checksum(&seg), CHECKSUM_GOOD);
	pkt_data(&pkt)[100] ^= 1;
	assert_int_equal(decode_checksum(&seg), CHECKSUM_UNKNOWN);
}

static void test_header_alone(void **state)
{
	struct segment seg = {0};
	struct tcp_option opt;
	uint32_t pos = 0;

	pkt_init(&pkt, NULL, 0);
	pkt_hex(&pkt, "1f90f04f3747d146dcae23f3801831bf14ef00000101080a3176450b31764503");
	assert_int_equal(decode_tcp(pkt_data(&pkt), 32, 32, &seg), DECODE_OK);
	assert_int_equal(seg.src.port, 8080);
	assert_int_equal(seg.dst.port, 61519);
	assert_int_equal(seg.seq, 0x3747d146);
	assert_int_equal(seg.ack, 0xdcae23f3);
	assert_int_equal(seg.flags, TCP_PSH | TCP_ACK);
	assert_int_equal(seg.window, 12735);
	assert_int_equal(seg.checksum, 0x14ef);
	assert_int_equal(seg.tcp_hdr_len, 32);
	assert_int_equal(seg.payload_len, 0);
	assert_int_equal(decode_checksum(&seg), CHECKSUM_UNKNOWN);
	assert_int_equal(decode_next_option(seg.pkt + 20, 12, &pos, &opt), 1);
	assert_int_equal(opt.kind, 1);
	assert_int_equal(decode_next_option(seg.pkt + 20, 12, &pos, &opt), 1);
	assert_int_equal(decode_next_option(seg.pkt + 20, 12, &pos, &opt), 1);
	assert_int_equal(opt.kind, 8);
	assert_int_equal(opt.len, 8);
	assert_int_equal(get_be32(opt.data), 829834507);
	assert_int_equal(decode_next_option(seg.pkt + 20, 12, &pos, &opt), 0);

	assert_int_equal(decode_tcp(pkt_data(&pkt), 31, 32, &seg), DECODE_TRUNCATED);
	assert_int_equal(decode_tcp(pkt_data(&pkt), 31, 31, &seg), DECODE_MALFORMED);
	assert_int_equal(decode_tcp(pkt_data(&pkt), 19, 19, &seg), DECODE_MALFORMED);
}

static void test_options(void **state)
{
	static const uint8_t mss_end[] = {2, 4, 5, 0xb4, 0, 9, 9, 9};
	static const uint8_t zero[] = {3, 0, 0}, one[] = {3, 1, 7}, over[] = {5, 10, 1, 2};
	static const uint8_t empty[] = {4, 2, 30};
	struct tcp_option opt;
	uint32_t pos = 0;

	assert_int_equal(decode_next_option(mss_end, sizeof(mss_end), &pos, &opt), 1);
	assert_int_equal(opt.kind, 2);
	assert_int_equal(opt.len, 2);
	assert_int_equal(get_be16(opt.data), 1460);
	assert_int_equal(decode_next_option(mss_end, sizeof(mss_end), &pos, &opt), 1);
	assert_int_equal(opt.kind, 0);
	assert_int_equal(decode_next_option(mss_end, sizeof(mss_end), &pos, &opt), 0);

	pos = 0;
	assert_int_equal(decode_next_option(zero, sizeof(zero), &pos, &opt), -EINVAL);
	assert_int_equal(decode_next_option(one, sizeof(one), &pos, &opt), -EINVAL);
	assert_int_equal(decode_next_option(over, sizeof(over), &pos, &opt), -EINVAL);
	assert_int_equal(decode_next_option(empty, sizeof(empty), &pos, &opt), 1);
	assert_int_equal(opt.len, 0);
	assert_null(opt.data);
	assert_int_equal(decode_next_option(empty, sizeof(empty), &pos, &opt), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_no_payload),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_ipv4_options),
		cmocka_unit_test(test_super_segment),
		cmocka_unit_test(test_total_length_too_large),
		cmocka_unit_test(test_ipv6_extensions),
		cmocka_unit_test(test_routing_header),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_not_tcp),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_bad_tcp_header),
		cmocka_unit_test(test_all_flags),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_header_alone),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
