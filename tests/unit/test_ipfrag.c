// SPDX-License-Identifier: GPL-2.0-only
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/bytes.h"
#include "file/ipfrag.h"
#include "packets.h"

static struct pkt pkt;
static uint8_t datagram[65535]; /* the payload that is cut up */

struct fixture {
	struct counters cnt;
	struct ipfrag *fr;
	struct ipfrag_packet out;
};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	uint32_t i;

	for (i = 0; i < sizeof(datagram); i++)
		datagram[i] = (uint8_t)(i * 7 + i / 256);
	fx->fr = ipfrag_new(&fx->cnt);
	*state = fx;
	return !fx->fr;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	ipfrag_free(fx->fr);
	free(fx);
	return 0;
}

static bool push(struct fixture *fx, uint32_t missing, uint64_t now_ns)
{
	struct ip_info info;
	uint32_t cap = pkt_len(&pkt) - missing;
	uint8_t *copy = malloc(cap);
	bool done;

	memcpy(copy, pkt_data(&pkt), cap);
	assert_int_equal(decode_ip(copy, cap, pkt_len(&pkt), &info), DECODE_FRAGMENT);
	done = ipfrag_push(fx->fr, copy, cap, pkt_len(&pkt), &info, now_ns, &fx->out);
	free(copy);
	return done;
}

static void build_v4(uint16_t id, uint32_t off, uint32_t len, bool more)
{
	pkt_init(&pkt, datagram + off, len);
	pkt_ipv4(&pkt, "10.0.0.1", "10.0.0.2", IPPROTO_UDP);
	put_be16(pkt_data(&pkt) + 4, id);
	put_be16(pkt_data(&pkt) + 6, (uint16_t)(off / 8 | (more ? 0x2000 : 0)));
}

static bool push_v4(struct fixture *fx, uint32_t off, uint32_t len, bool more)
{
	build_v4(1, off, len, more);
	return push(fx, 0, 0);
}

static bool push_v6(struct fixture *fx, uint32_t off, uint32_t len, bool more)
{
	uint8_t hdr[8] = {IPPROTO_TCP, 0, 0, 0, 0, 0, 0, 9};

	pkt_init(&pkt, datagram + off, len);
	put_be16(hdr + 2, (uint16_t)(off | more));
	pkt_prepend(&pkt, hdr, sizeof(hdr));
	pkt_hex(&pkt, "2c00010400000000"); /* destination options before the fragment header */
	pkt_ipv6(&pkt, "fe80::1", "fe80::2", IPPROTO_DSTOPTS);
	return push(fx, 0, 0);
}

static void expect_whole(const struct fixture *fx, uint32_t hdr_len, uint32_t len)
{
	struct ip_info info;

	assert_int_equal(fx->out.len, hdr_len + len);
	assert_int_equal(fx->out.cap, hdr_len + len);
	assert_memory_equal(fx->out.pkt + hdr_len, datagram, len);
	assert_int_equal(decode_ip(fx->out.pkt, fx->out.cap, fx->out.len, &info), DECODE_OK);
	assert_int_equal(info.hdr_len, hdr_len);
	assert_int_equal(info.total_len, hdr_len + len);
	assert_int_equal(fx->cnt.fragments_lost, 0);
}

static void test_in_order(void **state)
{
	struct fixture *fx = *state;

	assert_false(push_v4(fx, 0, 1480, true));
	assert_false(push_v4(fx, 1480, 1480, true));
	assert_true(push_v4(fx, 2960, 41, false));
	expect_whole(fx, 20, 3001);
}

static void test_every_order(void **state)
{
	static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct fixture *fx = *state;
	int i, k;

	for (i = 0; i < 6; i++) {
		for (k = 0; k < 3; k++) {
			uint32_t off = orders[i][k] * 800u;
			bool last = orders[i][k] == 2;

			assert_int_equal(push_v4(fx, off, last ? 1 : 800, !last), k == 2);
		}
		expect_whole(fx, 20, 1601);
	}
}

static void test_ipv6(void **state)
{
	struct fixture *fx = *state;

	assert_false(push_v6(fx, 1400, 333, false));
	assert_true(push_v6(fx, 0, 1400, true));
	expect_whole(fx, 48, 1733);
	assert_int_equal(fx->out.pkt[40], IPPROTO_TCP); /* the fragment header is gone */
}

static void test_duplicates(void **state)
{
	struct fixture *fx = *state;

	assert_false(push_v4(fx, 0, 800, true));
	assert_false(push_v4(fx, 0, 800, true));
	assert_true(push_v4(fx, 800, 8, false));
	expect_whole(fx, 20, 808);
}

static void test_first_copy_wins(void **state)
{
	struct fixture *fx = *state;

	assert_false(push_v4(fx, 8, 16, true));
	build_v4(1, 0, 24, true);
	memset(pkt_data(&pkt) + 20, 'X', 24);
	assert_false(push(fx, 0, 0));
	assert_true(push_v4(fx, 24, 5, false));
	assert_memory_equal(fx->out.pkt + 20, "XXXXXXXX", 8);
	assert_memory_equal(fx->out.pkt + 28, datagram + 8, 21);
}

static void test_largest(void **state)
{
	struct fixture *fx = *state;
	uint32_t off;

	for (off = 0; off + 1480 < 65515; off += 1480)
		assert_false(push_v4(fx, off, 1480, true));
	assert_true(push_v4(fx, off, 65515 - off, false));
	expect_whole(fx, 20, 65515);
}

/* What Linux sends over 64 KiB does not exist, but offsets can say so. */
static void test_beyond_the_end(void **state)
{
	struct fixture *fx = *state;

	pkt_init(&pkt, NULL, 100);
	pkt_ipv4(&pkt, "10.0.0.1", "10.0.0.2", IPPROTO_UDP);
	put_be16(pkt_data(&pkt) + 6, 0x1fff);
	assert_false(push(fx, 0, 0));
	assert_int_equal(fx->cnt.malformed_packets, 1);
	assert_int_equal(fx->cnt.fragments_lost, 1);
}

/* A capture may claim any length on the wire, and the fragment that it has none of its own. */
static void test_claimed_length(void **state)
{
	struct fixture *fx = *state;
	struct ip_info info = {.version = 4, .hdr_len = 20, .frag_off = 65528, .frag_more = true};

	pkt_init(&pkt, NULL, 100);
	pkt_ipv4(&pkt, "10.0.0.1", "10.0.0.2", IPPROTO_UDP);
	info.total_len = 0xffff0000;
	assert_false(
		ipfrag_push(fx->fr, pkt_data(&pkt), pkt_len(&pkt), 0xffff0000, &info, 0, &fx->out));
	assert_int_equal(fx->cnt.malformed_packets, 1);
}

static void test_contradictions(void **state)
{
	struct fixture *fx = *state;

	assert_false(push_v4(fx, 0, 801, true)); /* not a multiple of 8 */
	assert_int_equal(fx->cnt.malformed_packets, 1);
	assert_false(push_v4(fx, 800, 8, false));
	assert_false(push_v4(fx, 1600, 8, true)); /* after the end */
	assert_int_equal(fx->cnt.malformed_packets, 2);
	assert_false(push_v4(fx, 800, 8, false));
	assert_false(push_v4(fx, 800, 4, false)); /* another end */
	assert_int_equal(fx->cnt.malformed_packets, 3);
	assert_int_equal(fx->cnt.fragments_lost, 3);
	assert_true(push_v4(fx, 0, 800, true)); /* those that agree are whole */
	assert_int_equal(fx->out.len, 828);
}

/* A snapshot length cut the fragments: the packet is captured up to the first hole. */
static void test_cut_fragments(void **state)
{
	struct fixture *fx = *state;

	build_v4(1, 0, 800, true);
	assert_false(push(fx, 0, 0));
	build_v4(1, 800, 800, true);
	assert_false(push(fx, 700, 0));
	build_v4(1, 1600, 9, false);
	assert_true(push(fx, 0, 0));
	assert_int_equal(fx->out.len, 20 + 1609);
	assert_int_equal(fx->out.cap, 20 + 896); /* in whole units of 8 bytes */
	assert_memory_equal(fx->out.pkt + 20, datagram, 896);
}

static void test_timeout(void **state)
{
	struct fixture *fx = *state;

	build_v4(1, 0, 800, true);
	assert_false(push(fx, 0, 1000));
	build_v4(1, 800, 8, false);
	assert_false(push(fx, 0, 1001 + IPFRAG_TIMEOUT_NS));
	assert_int_equal(fx->cnt.fragments_lost, 1);
	ipfrag_finish(fx->fr);
	assert_int_equal(fx->cnt.fragments_lost, 2);
}

static void test_bounded(void **state)
{
	struct fixture *fx = *state;
	uint32_t i;

	for (i = 0; i < 3 * IPFRAG_DATAGRAMS; i++) {
		build_v4((uint16_t)i, 0, 800, true);
		assert_false(push(fx, 0, 0));
	}
	assert_int_equal(fx->cnt.fragments_lost, 2 * IPFRAG_DATAGRAMS);
	build_v4(2 * IPFRAG_DATAGRAMS, 800, 8, false); /* the oldest that still waits */
	assert_true(push(fx, 0, 0));
	assert_int_equal(fx->out.len, 828);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_in_order),	   TEST(test_every_order),     TEST(test_ipv6),
		TEST(test_duplicates),	   TEST(test_first_copy_wins), TEST(test_largest),
		TEST(test_beyond_the_end), TEST(test_contradictions),  TEST(test_cut_fragments),
		TEST(test_timeout),	   TEST(test_bounded),	       TEST(test_claimed_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
