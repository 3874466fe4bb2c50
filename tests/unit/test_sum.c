// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments that did not come one by one (flow_sum): what becomes of an exchange is what becomes of
 * it when they do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream.h"

#define GET	  "GET / HTTP/1.1\r\n\r\n"
#define HEAD_LONG "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
#define POST_LONG "POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n"
#define OK_EMPTY  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static struct capture cap;
static struct stream s;
static struct sum sum;   /* as the kernel would tell it; half[] by sender */
static char body[1000];

static int setup(void **state)
{
	capture_open(&cap, NULL);
	stream_init(&s, &cap, 1000, 0xfffff000); /* the response's numbers wrap */
	s.local[SERVER] = true;
	s.note[SERVER].cookie = 11;
	handshake(&s);
	memset(&sum, 0, sizeof(sum));
	sum.cookie = 11;
	return 0;
}

static int teardown(void **state)
{
	stream_close(&s);
	capture_close(&cap);
	return 0;
}

/* One end sends a part of a body, and nobody sees it but the kernel. */
static void say_quietly(unsigned int who)
{
	prepare(&s, who, 0, body, sizeof(body));
	sum.half[who].end = s.next[who];
	sum.half[who].cnt++;
	sum.half[who].last_ns = sum.quiet_ns = s.ns;
}

/* The kernel tells so before a segment of `who`. */
static void tell_sum(unsigned int who)
{
	struct sum told = sum;

	told.dir = who == SERVER ? SEG_DIR_EGRESS : SEG_DIR_INGRESS;
	told.src = s.end[who];
	told.dst = s.end[!who];
	told.half[0] = sum.half[who];
	told.half[1] = sum.half[!who];
	flow_sum(cap.ft, &told);
}

static const struct transaction *tx(size_t i)
{
	assert_true(i < cap.tx_cnt);
	return &cap.tx[i].tx;
}

static void assert_whole(const struct message *m, size_t head)
{
	assert_true(m->complete);
	assert_int_equal(m->size, head + 5000);
	assert_int_equal(m->body_size, 5000);
	assert_int_equal(m->segments, 6);
	assert_int_equal(m->retransmits, 0);
	assert_int_equal(m->lost_bytes, 0);
}

static void test_response(void **state)
{
	uint64_t asked;

	say(&s, CLIENT, GET);
	asked = s.ns;
	say(&s, SERVER, HEAD_LONG);
	for (int i = 0; i < 4; i++)
		say_quietly(SERVER);
	tell_sum(SERVER);
	tell_sum(SERVER); /* twice is the same */
	say_bytes(&s, SERVER, body, sizeof(body));
	tell(&s, CLIENT, 0);
	assert_int_equal(cap.tx_cnt, 1);
	assert_whole(&tx(0)->resp, strlen(HEAD_LONG));
	assert_int_equal(tx(0)->flags, 0);
	assert_true(tx(0)->has_latency);
	assert_int_equal(tx(0)->latency_ns, s.ns - MS - asked);
	assert_int_equal(cap.cnt.gaps, 0);
	assert_int_equal(cap.cnt.out_of_order, 0);
}

/* Told before a segment of the other direction, which acknowledges what nobody saw. */
static void test_told_by_the_other_end(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, HEAD_LONG);
	for (int i = 0; i < 4; i++)
		say_quietly(SERVER);
	tell_sum(CLIENT);
	tell(&s, CLIENT, 0);
	say_bytes(&s, SERVER, body, sizeof(body));
	tell(&s, CLIENT, 0);
	assert_int_equal(cap.tx_cnt, 1);
	assert_whole(&tx(0)->resp, strlen(HEAD_LONG));
	assert_int_equal(cap.cnt.gaps, 0);
}

/* An answer in the middle of an upload. */
static void test_request(void **state)
{
	say(&s, CLIENT, POST_LONG);
	say_quietly(CLIENT);
	say_quietly(CLIENT);
	tell_sum(SERVER);
	say(&s, SERVER, OK_EMPTY);
	say_quietly(CLIENT);
	say_quietly(CLIENT);
	tell_sum(CLIENT);
	say_bytes(&s, CLIENT, body, sizeof(body));
	tell(&s, SERVER, 0);
	capture_finish(&cap);
	assert_int_equal(cap.tx_cnt, 1);
	assert_whole(&tx(0)->req, strlen(POST_LONG));
	assert_true(tx(0)->flags & TX_EARLY_RESPONSE);
	assert_int_equal(cap.cnt.gaps, 0);
}

/* What is sent again is known, and how long it was silent before. */
static void test_retransmission(void **state)
{
	struct packet *again;

	say(&s, CLIENT, GET);
	say(&s, SERVER, HEAD_LONG);
	say_quietly(SERVER);
	again = prepare(&s, SERVER, 0, body, sizeof(body));
	sum.half[SERVER].end = s.next[SERVER];
	sum.half[SERVER].cnt++;
	sum.half[SERVER].last_ns = s.ns;
	s.ns += 5 * MS;
	sum.quiet_ns = s.ns; /* an acknowledgment */
	s.ns += 200 * MS;
	again->seg.time_ns = s.ns;
	tell_sum(SERVER);
	give(&s, again);
	say_quietly(SERVER);
	say_quietly(SERVER);
	tell_sum(SERVER);
	say_bytes(&s, SERVER, body, sizeof(body));
	tell(&s, CLIENT, 0);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->resp.retransmits, 1);
	assert_int_equal(tx(0)->resp.stall_ns, 200 * MS);
	assert_int_equal(tx(0)->resp.size, strlen(HEAD_LONG) + 5000);
	assert_int_equal(tx(0)->resp.segments, 6);
	assert_int_equal(cap.cnt.gaps, 0);
}

static void test_idle(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, HEAD_LONG);
	say_quietly(SERVER);
	sum.idle_ns = 70 * MS;
	say_quietly(SERVER);
	tell_sum(SERVER);
	sum.idle_ns += 30 * MS;
	say_quietly(SERVER);
	say_quietly(SERVER);
	tell_sum(CLIENT);
	tell_sum(SERVER);
	say_bytes(&s, SERVER, body, sizeof(body));
	sum.idle_ns += 1000 * MS; /* between two responses */
	tell_sum(SERVER);
	tell(&s, CLIENT, 0);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->resp.idle_ns, 100 * MS);
}

/* The connection breaks: what went by counts. */
static void test_reset(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, HEAD_LONG);
	say_quietly(SERVER);
	say_quietly(SERVER);
	tell_sum(CLIENT);
	tell(&s, CLIENT, TCP_RST);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->resp.size, strlen(HEAD_LONG) + 2000);
	assert_true(tx(0)->flags & TX_RESET);
	assert_int_equal(cap.cnt.gaps, 0);
}

/* Something crossed and was lost, with the sum before it; the next one tells both. */
static void test_lost(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, HEAD_LONG);
	say_quietly(SERVER);
	say_quietly(SERVER);
	prepare(&s, SERVER, 0, body, sizeof(body));
	tell_sum(SERVER);
	s.note[SERVER].lost_events = 1;
	s.note[SERVER].lost_bytes = sizeof(body);
	say_bytes(&s, SERVER, body, sizeof(body));
	s.note[SERVER].lost_events = 0;
	say_bytes(&s, SERVER, body, sizeof(body));
	tell(&s, CLIENT, 0);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->resp.size, strlen(HEAD_LONG) + 5000);
	assert_int_equal(tx(0)->resp.lost_bytes, sizeof(body));
	assert_int_equal(cap.cnt.gaps_lost, 1);
	assert_int_equal(cap.cnt.gap_bytes, sizeof(body));
}

/* Of a connection that is not known, and of one that began before. */
static void test_unknown(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, HEAD_LONG);
	say_quietly(SERVER);
	sum.cookie = 12;
	sum.dir = SEG_DIR_EGRESS;
	tell_sum(SERVER);
	sum.cookie = 11;
	tell_sum(SERVER);
	for (int i = 0; i < 3; i++)
		say_quietly(SERVER);
	tell_sum(SERVER);
	say_bytes(&s, SERVER, body, sizeof(body));
	tell(&s, CLIENT, 0);
	assert_int_equal(cap.tx_cnt, 1);
	assert_whole(&tx(0)->resp, strlen(HEAD_LONG));
	assert_int_equal(cap.cnt.flows, 1);
}

/* Live the handshake does not cross. The response's first segment comes late: that is no reason to think that more
 * went before it. */
static void test_first_segment_late(void **state)
{
	struct packet *late;

	stream_init(&s, &cap, 1000, 5000);
	s.end[CLIENT].port++;
	s.local[CLIENT] = true;
	s.note[CLIENT].cookie = 12;
	s.note[CLIENT].has_stream_start = true;
	s.note[CLIENT].stream_start = s.next[CLIENT];
	say(&s, CLIENT, GET);
	s.note[CLIENT].stream_start = s.next[SERVER];
	late = prepare(&s, SERVER, 0, OK_EMPTY, 20);
	say(&s, SERVER, OK_EMPTY + 20);
	give(&s, late);
	tell(&s, CLIENT, 0);
	capture_finish(&cap);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->flags, 0);
}

int main(void)
{
#define WITH_STREAM(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_STREAM(test_response),	   WITH_STREAM(test_told_by_the_other_end),
		WITH_STREAM(test_request),	   WITH_STREAM(test_retransmission),
		WITH_STREAM(test_idle),		   WITH_STREAM(test_reset),
		WITH_STREAM(test_lost),		   WITH_STREAM(test_unknown),
		WITH_STREAM(test_first_segment_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
