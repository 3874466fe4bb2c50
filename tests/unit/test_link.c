// SPDX-License-Identifier: GPL-2.0-only
/* Link layers and tunnels: the walk from a frame to the innermost IP packet. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/decode.h"
#include "file/link.h"
#include "file/tunnel.h"
#include "packets.h"

static struct pkt pkt;

static void build_ip(void)
{
	pkt_init(&pkt, "hi", 2);
	pkt_tcp(&pkt, &(struct pkt_tcp){.src = 1, .dst = 2, .flags = TCP_ACK});
	pkt_ipv4(&pkt, "10.0.0.1", "10.0.0.2", IPPROTO_TCP);
}

enum { IP_LEN = 42 };

/* Walks a copy that is exactly as large as the frame, through tunnels as well. */
static enum layer walk(uint32_t link_type, uint32_t cap, uint32_t len, uint32_t *ip_len)
{
	uint8_t *copy = malloc(cap ? cap : 1);
	struct packet p = {
		.data = copy,
		.cap = cap,
		.len = len,
		.layer = LAYER_LINK,
		.type = link_type,
	};
	struct ip_info info;
	enum layer layer = LAYER_NONE;
	int depth;

	memcpy(copy, pkt_data(&pkt), cap);
	for (depth = 0; depth < 8; depth++) {
		layer = link_to_ip(&p);
		if (layer != LAYER_IP)
			break;
		if (decode_ip(p.data, p.cap, p.len, &info) != DECODE_OK)
			break;
		if (info.proto == IPPROTO_TCP)
			break;
		layer = tunnel_enter(&p, &info);
		if (layer == LAYER_NONE)
			break;
	}
	*ip_len = p.len;
	free(copy);
	return layer;
}

/* The whole frame leads to an IP packet of IP_LEN bytes and whatever padding; no cut of it crashes or
 * leads to one that was not there. */
static void expect_ip(uint32_t link_type)
{
	uint32_t cap, ip_len, len = pkt_len(&pkt);

	assert_int_equal(walk(link_type, len, len, &ip_len), LAYER_IP);
	assert_true(ip_len >= IP_LEN);
	assert_true(ip_len <= IP_LEN + 8);
	for (cap = 0; cap < len; cap++) {
		(void)walk(link_type, cap, len, &ip_len);
		(void)walk(link_type, cap, cap, &ip_len);
	}
}

static void expect(uint32_t link_type, enum layer want)
{
	uint32_t ip_len;

	assert_int_equal(walk(link_type, pkt_len(&pkt), pkt_len(&pkt), &ip_len), want);
}

/* Each: what stands before the IP packet in a frame of that link type. */
static void test_link_types(void **state)
{
	static const struct {
		uint32_t type;
		const char *hex;
	} frames[] = {
		{0, "02000000"},
		{0, "00000002"}, /* the other byte order */
		{1, "020000000002 020000000001 0800"},
		{6, "10 40 020000000002 020000000001 aaaa03 000000 0800"},
		{6, "10 40 020000000002 820000000001 0660 0011 0020 aaaa03 000000 0800"},
		{7, "01 02 f0"},
		{7, "01 02 d4 00 0001"},
		{8, "00 000000000000000000000000000000"},
		{9, "ff03 0021"},
		{9, "0021"},
		{9, "21"},
		{9, "0f00 0800"},
		{10, "50 020000000002 020000000001 aaaa03 000000 0800"},
		{12, ""},
		{14, ""},
		{50, "ff03 0021"},
		{51, "1100 0001 002c 0021"},
		{100, "aaaa03 000000 0800"},
		{101, ""},
		{104, "0f00 0800"},
		{105, "0802 0000 020000000001 020000000002 020000000003 0000 aaaa03 000000 0800"},
		{107, "1841 03 cc"},
		{107, "1841 03 00 80 000000 0800"},
		{107, "1841 0800"},
		{108, "00000002"},
		{109, "02000000 00000000 00000000"},
		{113, "0000 0001 0006 020000000001 0000 0800"},
		{113, "0000 0001 0006 020000000001 0000 0003 020000000002 020000000001 0800"},
		{113, "0000 0200 0000 000000000000 0000 0007 0021"},
		{117, "3d 02 000000000000000000000000000000000000000000000000000000000000 "
		      "000000000000000000000000000000000000000000000000000000000000 0000"},
		{119, "44000000 08000000 0800 0000 020000000001 020000000002 020000000003 0000 "
		      "aaaa03 000000 0800"},
		{127, "0000 0800 00000000 0801 0000 020000000001 020000000002 020000000003 0000 "
		      "aaaa03 000000 0800"},
		{129, "01 02 0000 f0"},
		{123, "02 00 0064 aaaa03 000000 0800"},
		{123, "01 00 0064 0001 020000000002 020000000001 0800"},
		{129, "01 02 0000 d4 00 0001"},
		{163, "80211001 00000008 0800 0000 020000000001 020000000002 020000000003 0000 "
		      "aaaa03 000000 0800"},
		{166, "0003 0021"},
		{178, "4d474380 0002 0000 020000000002 020000000001 0800"},
		{179, "4d474300 ff03 0021"},
		{180, "4d474300 1841 03 cc"},
		{181, "4d474300 0f00 0800"},
		{192, "00 00 0800 01000000 020000000002 020000000001 0800"},
		{197, "0000000000000000 02 00 0000 0000 0000 0000 020000000002 020000000001 0800"},
		{197,
		 "0000000000000000 82 00 0000 0000 0000 8300000000000000 0400000000000000 0000 "
		 "020000000002 020000000001 0800"},
		{226, "020200000000000000000000000000000000000000000000"},
		{204, "00 ff03 0021"},
		{205, "00 0f00 0800"},
		{206, "00 1841 03 cc"},
		{228, ""},
		{239, "02 00 0000 0800 0100 00000000 0700 0a00 6c6f00 00 2e00 0900"},
		{240, "00000000 020000000002 020000000001 0800"},
		{259, "555555555555555d 020000000002 020000000001 0800"},
		{276, "0800 0000 00000002 0001 00 06 020000000001 0000"},
		{281, "020000000002 020000000001 00000000 0800"},
		{282, "00000000 020000000002 020000000001 0800"},
		{284, "020000000002 020000000001 00000000 0800"},
		{285, "020000000002 020000000001 dada 0000 00000000 0800"},
	};
	size_t i;

	for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		assert_true(link_known(frames[i].type));
		build_ip();
		pkt_hex(&pkt, frames[i].hex);
		expect_ip(frames[i].type);
	}
	assert_false(link_known(147));
	expect(147, LAYER_UNKNOWN);
}

/* Each: the type field and what stands between an Ethernet header and the IP packet. */
static void test_over_ethernet(void **state)
{
	static const char *const between[] = {
		"8100 0064 0800",
		"88a8 0064 8100 0065 0800",
		"9100 0064 8100 0065 0800",
		"8864 1100 0001 002c 0021",
		"0032 aaaa03 000000 0800",
		"002d 060603",
		"8847 00064140",
		"8100 0064 0032 aaaa03 000000 0800",
		"8870 aaaa03 000000 0800",
		"8847 00064040 00065140",
		"88e7 00000001 020000000002 020000000001 0800",
		"8926 00000000 0800",
		"893f 000000000000 0800",
		"8909 01010001 0064 0800",
		"894f 0002 0201 00000100",
		"894f 0006 0103 00000100 00000000 00000000 00000000 00000000 020000000002 "
		"020000000001 0800",
		"88e5 00 00 00000001 0800",
		"88e5 20 00 00000001 0200000000010001 0800",
	};
	size_t i;

	for (i = 0; i < sizeof(between) / sizeof(between[0]); i++) {
		build_ip();
		pkt_hex(&pkt, between[i]);
		pkt_hex(&pkt, "020000000002 020000000001");
		expect_ip(1);
	}
}

static void test_mpls(void **state)
{
	build_ip(); /* pseudowire with a control word, and without */
	pkt_hex(&pkt, "8847 00064140 00000000 020000000002 020000000001 0800");
	pkt_hex(&pkt, "020000000002 020000000001");
	expect_ip(1);
	build_ip();
	pkt_hex(&pkt, "8847 00064140 020000000002 020000000001 0800");
	pkt_hex(&pkt, "020000000002 020000000001");
	expect_ip(1);
	build_ip(); /* the first half byte of an address looks like a version */
	pkt_hex(&pkt, "8847 00064140 460000000002 020000000001 0800");
	pkt_hex(&pkt, "020000000002 020000000001");
	expect_ip(1);
	pkt_init(&pkt, NULL, 0); /* a stack without a bottom */
	pkt_hex(&pkt, "8847 00064040 00064040 00064040");
	pkt_hex(&pkt, "020000000002 020000000001");
	expect(1, LAYER_MALFORMED);
}

static void test_wlan(void **state)
{
	const char *llc = "aaaa03 000000 0800";
	static const char *const headers[] = {
		/* QoS; with HT control; four addresses; retry and more fragments do not matter */
		"8801 0000 020000000001 020000000002 020000000003 0000 0000",
		"8881 0000 020000000001 020000000002 020000000003 0000 0000 00000000",
		"0803 0000 020000000001 020000000002 020000000003 0000 020000000004",
		"080a 0000 020000000001 020000000002 020000000003 0000",
	};
	size_t i;

	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		build_ip();
		pkt_hex(&pkt, llc);
		pkt_hex(&pkt, headers[i]);
		expect_ip(105);
	}
	build_ip(); /* an aggregate */
	pkt_hex(&pkt, "020000000001 020000000002 0032 aaaa03 000000 0800");
	pkt_hex(&pkt, "8801 0000 020000000001 020000000002 020000000003 0000 8000");
	expect_ip(105);
	build_ip(); /* radiotap says that the body is aligned, after its timer: 26 bytes of header */
	pkt_hex(&pkt, llc);
	pkt_hex(&pkt, "8801 0000 020000000001 020000000002 020000000003 0000 0000 0000");
	pkt_hex(&pkt, "0000 1100 03000000 0000000000000000 20");
	expect_ip(127);
	build_ip(); /* encrypted; no data; a beacon */
	pkt_hex(&pkt, "0842 0000 020000000001 020000000002 020000000003 0000");
	expect(105, LAYER_NONE);
	pkt_data(&pkt)[0] = 0x48;
	pkt_data(&pkt)[1] = 0;
	expect(105, LAYER_NONE);
	pkt_data(&pkt)[0] = 0x80;
	expect(105, LAYER_NONE);
}

/* Each: the outer protocol and what stands between the outer IP packet's header and the inner one. */
static void test_over_ip(void **state)
{
	static const struct {
		uint8_t proto;
		const char *hex;
	} tunnels[] = {
		{IPPROTO_IPIP, ""},
		{IPPROTO_GRE, "0000 0800"},
		{IPPROTO_GRE, "b000 0800 12340000 00000001 00000002"}, /* checksum, key, sequence */
		{IPPROTO_GRE, "2000 6558 00000100 020000000002 020000000001 0800"},
		{IPPROTO_GRE, "3081 880b 002e0001 00000001 00000002 ff03 0021"}, /* PPTP */
		{IPPROTO_GRE, "0000 883e 00000000"},
		{IPPROTO_GRE, "0000 883e"},
		{IPPROTO_GRE, "0000 88be 020000000002 020000000001 0800"},
		{IPPROTO_GRE,
		 "1000 88be 00000001 10640001 00000000 020000000002 020000000001 0800"},
		{IPPROTO_GRE, "1000 22eb 00000001 20640001 00000000 00000000 020000000002 "
			      "020000000001 0800"},
		{IPPROTO_GRE, "1000 22eb 00000001 20640001 00000000 00000001 0000000000000000 "
			      "020000000002 020000000001 0800"},
		{IPPROTO_GRE, "1000 22eb 00000001 20640001 00000000 00000800"},
		{IPPROTO_GRE, "0000 8847 00064140"},
		{97, "3000 020000000002 020000000001 0800"},
		{137, "00064140"},
		{143, "020000000002 020000000001 0800"},
	};
	size_t i;
	int v6;

	for (i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]) * 2; i++) {
		v6 = i % 2;
		build_ip();
		pkt_hex(&pkt, tunnels[i / 2].hex);
		if (v6)
			pkt_ipv6(&pkt, "fe80::1", "fe80::2", tunnels[i / 2].proto);
		else
			pkt_ipv4(&pkt, "10.1.0.1", "10.1.0.2", tunnels[i / 2].proto);
		expect_ip(101);
	}
}

static void test_over_udp(void **state)
{
	static const struct {
		uint16_t port;
		const char *hex;
	} tunnels[] = {
		{4789, "08000000 00006400 020000000002 020000000001 0800"},
		{8472, "08000000 00006400 020000000002 020000000001 0800"},
		{4790, "0c000001 00006400"},
		{4790, "0c000003 00006400 020000000002 020000000001 0800"},
		{6081, "0000 0800 00006400"},
		{6081, "0200 6558 00006400 0102800100000000 020000000002 020000000001 0800"},
		{2152, "30ff 002a 00000001"},
		{2152, "32ff 002e 00000001 00010000"},
		{2152, "34ff 0036 00000001 00000085 01000085 01001000"},
		{5072, "40 52 11 29 00000000 00000000000000000000000000000000 "
		       "0000000000000000000000000000000000000000"},
		{1701, "0002 0001 0001 ff03 0021"},
		{1701, "4a02 0034 0001 0001 0001 0002 0000 ff03 0021"},
		{4341, "80000001 00000000"},
		{4754, "0000 0800"},
		{6635, "00064140"},
		{37008, "01 00 0001 0a 01 c8 00 01 020000000002 020000000001 0800"},
	};
	size_t i;

	for (i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		build_ip();
		pkt_hex(&pkt, tunnels[i].hex);
		pkt_udp(&pkt, 50000, tunnels[i].port);
		pkt_ipv4(&pkt, "10.1.0.1", "10.1.0.2", IPPROTO_UDP);
		expect_ip(101);
	}
	/* Teredo carries IPv6 only; here with authentication and origin before it */
	pkt_init(&pkt, NULL, 0);
	pkt_tcp(&pkt, &(struct pkt_tcp){.src = 1, .dst = 2});
	pkt_ipv6(&pkt, "fe80::1", "fe80::2", IPPROTO_TCP);
	pkt_hex(&pkt, "0001 00 00 0000000000000000 00 0000 0000 00000000");
	pkt_udp(&pkt, 3544, 50000);
	pkt_ipv4(&pkt, "10.1.0.1", "10.1.0.2", IPPROTO_UDP);
	expect(101, LAYER_IP);
}

static void test_no_tunnel(void **state)
{
	build_ip();
	pkt_udp(&pkt, 53, 53);
	pkt_ipv4(&pkt, "10.1.0.1", "10.1.0.2", IPPROTO_UDP);
	expect(101, LAYER_NONE);
	build_ip(); /* something else on VXLAN's second port */
	pkt_hex(&pkt, "00000000 00006400 020000000002 020000000001 0800");
	pkt_udp(&pkt, 50000, 8472);
	pkt_ipv4(&pkt, "10.1.0.1", "10.1.0.2", IPPROTO_UDP);
	expect(101, LAYER_NONE);
	build_ip(); /* GTP: an echo request */
	pkt_hex(&pkt, "3001 002a 00000000");
	pkt_udp(&pkt, 2152, 2152);
	pkt_ipv4(&pkt, "10.1.0.1", "10.1.0.2", IPPROTO_UDP);
	expect(101, LAYER_NONE);
	build_ip(); /* an extension header of no length */
	pkt_hex(&pkt, "34ff 0036 00000001 00000085 00000085");
	pkt_udp(&pkt, 2152, 2152);
	pkt_ipv4(&pkt, "10.1.0.1", "10.1.0.2", IPPROTO_UDP);
	expect(101, LAYER_MALFORMED);
}

/* ARP, and what is no type and no length. */
static void test_not_ip(void **state)
{
	build_ip();
	pkt_ether(&pkt, 0x0806);
	expect(1, LAYER_NONE);
	build_ip();
	pkt_ether(&pkt, 1520);
	expect(1, LAYER_NONE);
	pkt_init(&pkt, "\xff\xff", 2); /* IPX without LLC */
	pkt_ether(&pkt, 2);
	expect(1, LAYER_NONE);
	pkt_init(&pkt, NULL, 3);
	pkt_ether(&pkt, 0x8100);
	expect(1, LAYER_MALFORMED);
	pkt_init(&pkt, NULL, 0);
	expect(1, LAYER_MALFORMED);
}

/* More layers than anybody sends end the walk. */
static void test_bounded(void **state)
{
	int i;

	build_ip();
	for (i = 0; i < 500; i++)
		pkt_hex(&pkt, "8100 0001");
	pkt.start += 2;
	pkt_hex(&pkt, "020000000002 020000000001 8100");
	expect(1, LAYER_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_types), cmocka_unit_test(test_over_ethernet),
		cmocka_unit_test(test_mpls),	   cmocka_unit_test(test_wlan),
		cmocka_unit_test(test_over_ip),	   cmocka_unit_test(test_over_udp),
		cmocka_unit_test(test_no_tunnel),  cmocka_unit_test(test_not_ip),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
