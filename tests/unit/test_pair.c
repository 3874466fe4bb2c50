// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which response answers which request. Request N asks for /N, and its answer has the body size N, so that a
 * wrong pair shows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream.h"

static struct capture cap;
static struct stream s;

static int setup(void **state)
{
	capture_open(&cap, NULL);
	stream_open(&s, &cap, 1000, 5000);
	return 0;
}

static int setup_midstream(void **state)
{
	capture_open(&cap, NULL);
	stream_init(&s, &cap, 1000, 5000);
	return 0;
}

static int teardown(void **state)
{
	stream_close(&s);
	capture_close(&cap);
	return 0;
}

static const char *request(unsigned int n)
{
	static char text[64];

	snprintf(text, sizeof(text), "GET /%u HTTP/1.1\r\nHost: h\r\n\r\n", n);
	return text;
}

static const char *response(unsigned int n)
{
	static char text[256];
	int len;

	len = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", n);
	memset(text + len, 'x', n);
	text[len + n] = '\0';
	return text;
}

static void ask(unsigned int n)
{
	say(&s, CLIENT, request(n));
}

static void answer(unsigned int n)
{
	say(&s, SERVER, response(n));
}

static void exchanges(unsigned int from, unsigned int to)
{
	for (; from <= to; from++) {
		ask(from);
		answer(from);
	}
}

static const struct transaction *find(unsigned int n, bool with_request)
{
	char target[16];

	snprintf(target, sizeof(target), "/%u", n);
	for (size_t i = 0; i < cap.tx_cnt; i++) {
		const struct transaction *tx = &cap.tx[i].tx;

		if (with_request ? tx->req.seen && !strcmp(cap.tx[i].target, target)
				 : !tx->req.seen && tx->resp.body_size == n)
			return tx;
	}
	return NULL;
}

/* What was reported for request n. */
static const struct transaction *asked(unsigned int n)
{
	const struct transaction *tx = find(n, true);

	assert_non_null(tx);
	return tx;
}

static void assert_pair(unsigned int n)
{
	const struct transaction *tx = asked(n);

	assert_true(tx->resp.seen);
	assert_int_equal(tx->resp.body_size, n);
	assert_false(tx->flags & (TX_NO_RESPONSE | TX_ORPHAN_RESPONSE));
	assert_true(tx->has_latency);
}

static void assert_unanswered(unsigned int n, uint32_t flags)
{
	const struct transaction *tx = asked(n);

	assert_false(tx->resp.seen);
	assert_int_equal(tx->status, 0);
	assert_int_equal(tx->flags & (TX_NO_RESPONSE | TX_GAP | TX_RESET), TX_NO_RESPONSE | flags);
	assert_false(tx->has_latency);
}

static void assert_orphan(unsigned int n, uint32_t flags)
{
	const struct transaction *tx = find(n, false);

	assert_non_null(tx);
	assert_int_equal(tx->flags & (TX_ORPHAN_RESPONSE | TX_GAP), TX_ORPHAN_RESPONSE | flags);
	assert_int_equal(tx->stream_request, 0);
	assert_int_equal(tx->method.len, 0);
	assert_false(tx->has_latency);
}

/* Nothing that was reported pairs a request with another's response. */
static void assert_no_wrong_pair(void)
{
	for (size_t i = 0; i < cap.tx_cnt; i++) {
		const struct transaction *tx = &cap.tx[i].tx;

		if (tx->req.seen && tx->resp.seen)
			assert_int_equal(tx->resp.body_size,
					 strtoul(cap.tx[i].target + 1, NULL, 10));
	}
}

static void end(void)
{
	goodbye(&s);
	capture_finish(&cap);
	assert_no_wrong_pair();
}

static void test_in_turn(void **state)
{
	exchanges(1, 3);
	end();
	assert_int_equal(cap.tx_cnt, 3);
	for (unsigned int n = 1; n <= 3; n++) {
		assert_pair(n);
		assert_int_equal(asked(n)->flags, 0);
		assert_int_equal(asked(n)->stream_request, n);
		assert_false(asked(n)->has_hol);
	}
	assert_int_equal(cap.cnt.pairs, 3);
}

/* Reported when its response ends, not at the end of the connection. */
static void test_at_once(void **state)
{
	ask(1);
	assert_int_equal(cap.tx_cnt, 0);
	answer(1);
	assert_int_equal(cap.tx_cnt, 1);
}

static void test_pipelining(void **state)
{
	uint64_t second;

	ask(1);
	ask(2);
	second = s.ns;
	ask(3);
	s.ns += 10 * MS;
	answer(1);
	s.ns += 5 * MS;
	answer(2);
	answer(3);
	end();
	for (unsigned int n = 1; n <= 3; n++)
		assert_pair(n);
	assert_false(asked(1)->flags & TX_PIPELINED);
	assert_false(asked(1)->has_hol);
	assert_int_equal(asked(2)->flags, TX_PIPELINED);
	assert_true(asked(2)->has_hol);
	assert_int_equal(asked(2)->hol_ns, asked(1)->resp.last_ns - second);
	assert_int_equal(asked(2)->hol_ns, 12 * MS);
	assert_int_equal(asked(3)->hol_ns, 17 * MS);
}

/* The one before was over when it came: it waited for nothing. */
static void test_pipelined_without_wait(void **state)
{
	ask(1);
	s.deaf[CLIENT] = true;
	answer(1);
	ask(2);
	s.deaf[CLIENT] = false;
	answer(2);
	end();
	assert_pair(2);
	assert_int_equal(asked(2)->flags, TX_PIPELINED);
	assert_true(asked(2)->has_hol);
	assert_int_equal(asked(2)->hol_ns, 0);
}

/* Any one of the three may be missing; the two that are left must not answer the wrong requests. */
static void test_lost_response_among_pipelined(void **state)
{
	unsigned int lost = *(unsigned int *)*state;

	setup(NULL);
	for (unsigned int n = 1; n <= 3; n++)
		ask(n);
	for (unsigned int n = 1; n <= 3; n++) {
		if (n == lost)
			miss(&s, SERVER, response(n));
		else
			answer(n);
	}
	end();
	assert_int_equal(cap.cnt.requests, 3);
	assert_int_equal(cap.cnt.responses, 2);
	assert_false(asked(lost)->resp.seen);
	assert_true(asked(lost)->flags & TX_NO_RESPONSE);
	for (unsigned int n = 1; n < lost; n++)
		assert_pair(n);
	teardown(NULL);
}

/* The input ends before anything tells which response was missed: none is guessed at. */
static void test_in_doubt_nothing_is_paired(void **state)
{
	ask(1);
	ask(2);
	ask(3);
	miss(&s, SERVER, response(1));
	answer(2);
	capture_finish(&cap);
	assert_no_wrong_pair();
	assert_int_equal(cap.cnt.pairs, 0);
	assert_unanswered(1, TX_GAP);
	assert_orphan(2, TX_GAP);
	assert_true(cap.cnt.ambiguous > 0);
}

/* A request that acknowledges the hole was sent when everything in it had arrived. */
static void test_pairs_again_behind_a_hole(void **state)
{
	exchanges(1, 10);
	ask(11);
	miss(&s, SERVER, response(11));
	exchanges(12, 14);
	end();
	assert_false(asked(11)->resp.seen);
	for (unsigned int n = 1; n <= 14; n++)
		if (n != 11)
			assert_pair(n);
}

static void test_lost_request(void **state)
{
	exchanges(1, 10);
	miss(&s, CLIENT, request(11));
	answer(11);
	exchanges(12, 14);
	end();
	assert_null(find(11, true));
	assert_orphan(11, TX_GAP);
	for (unsigned int n = 12; n <= 14; n++)
		assert_pair(n);
}

static void test_lost_request_among_pipelined(void **state)
{
	ask(1);
	miss(&s, CLIENT, request(2));
	ask(3);
	for (unsigned int n = 1; n <= 3; n++)
		answer(n);
	end();
	assert_null(find(2, true));
	assert_int_equal(cap.cnt.requests, 2);
	assert_int_equal(cap.cnt.responses, 3);
	assert_pair(1);
}

/* A response to nothing: the client had sent nothing, so it is no answer. */
static void test_orphan(void **state)
{
	say(&s, SERVER, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 7\r\n\r\ntimeout");
	end();
	assert_int_equal(cap.tx_cnt, 1);
	assert_orphan(7, 0);
	assert_int_equal(cap.tx[0].tx.status, 408);
	assert_int_equal(cap.cnt.orphans, 1);
}

/* The same on a connection that was used before, and the client's next request crosses it. */
static void test_orphan_crosses_a_request(void **state)
{
	exchanges(1, 2);
	s.deaf[SERVER] = true;
	tell(&s, SERVER, 0);
	ask(3);
	answer(7);
	capture_finish(&cap);
	assert_no_wrong_pair();
	assert_unanswered(3, 0);
	assert_orphan(7, 0);
}

/* The client had this response already when it asked. The capture's order says otherwise. */
static void test_response_before_its_acknowledgement(void **state)
{
	struct packet *old;

	exchanges(1, 1);
	s.deaf[SERVER] = true;
	old = prepare(&s, SERVER, 0, response(5), strlen(response(5)));
	s.deaf[SERVER] = false;
	ask(2);
	give(&s, old);
	answer(2);
	end();
	assert_pair(2);
	assert_orphan(5, 0);
}

/* The client had a part of it when it asked. */
static void test_response_begun_before_the_request(void **state)
{
	exchanges(1, 1);
	say(&s, SERVER, "HTTP/1.1 408 Request Timeout\r\n");
	ask(2);
	say(&s, SERVER, "Content-Length: 7\r\n\r\ntimeout");
	capture_finish(&cap);
	assert_no_wrong_pair();
	assert_unanswered(2, 0);
	assert_orphan(7, 0);
}

static void test_no_response_at_fin(void **state)
{
	exchanges(1, 1);
	ask(2);
	tell(&s, SERVER, TCP_FIN);
	tell(&s, CLIENT, TCP_FIN);
	assert_int_equal(cap.tx_cnt, 2);
	assert_unanswered(2, 0);
	assert_int_equal(cap.cnt.no_response, 1);
}

static void test_no_response_at_reset(void **state)
{
	s.local[CLIENT] = true;
	exchanges(1, 1);
	ask(2);
	tell(&s, SERVER, TCP_RST);
	assert_int_equal(cap.tx_cnt, 2);
	assert_int_equal(asked(1)->flags & TX_RESET, 0);
	assert_unanswered(2, TX_RESET);
	assert_int_equal(cap.cnt.resets, 1);
}

static void test_reset_in_the_middle_of_a_response(void **state)
{
	ask(1);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	tell(&s, CLIENT, TCP_RST);
	capture_finish(&cap);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(cap.tx[0].tx.flags, TX_RESET | TX_TRUNCATED);
	assert_int_equal(cap.tx[0].tx.status, 200);
	assert_false(cap.tx[0].tx.has_latency);
}

/* After the response was complete, a reset is only a way to close. */
static void test_reset_afterwards(void **state)
{
	exchanges(1, 1);
	tell(&s, CLIENT, TCP_RST);
	capture_finish(&cap);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(cap.tx[0].tx.flags, 0);
}

static void test_no_response_at_the_end_of_input(void **state)
{
	ask(1);
	capture_finish(&cap);
	assert_int_equal(cap.tx_cnt, 1);
	assert_unanswered(1, 0);
}

static void test_midstream(void **state)
{
	exchanges(1, 3);
	end();
	for (unsigned int n = 1; n <= 3; n++) {
		assert_pair(n);
		assert_true(asked(n)->flags & TX_MIDSTREAM);
	}
}

/* The capture began between a request and its response. */
static void test_midstream_response_first(void **state)
{
	miss(&s, CLIENT, request(1));
	answer(1);
	exchanges(2, 3);
	end();
	assert_null(find(1, true));
	assert_non_null(find(1, false));
	assert_pair(2);
	assert_pair(3);
}

/* It began inside a body, which looks like nothing. */
static void test_midstream_inside_a_body(void **state)
{
	say(&s, SERVER, "the end of something long");
	exchanges(2, 3);
	end();
	assert_int_equal(cap.tx_cnt, 2);
	assert_pair(2);
	assert_pair(3);
	assert_int_equal(cap.cnt.skipped_bytes, 25);
}

/* It began with a request outstanding, of a client that is seen to pipeline. */
static void test_midstream_pipelined(void **state)
{
	miss(&s, CLIENT, request(1));
	ask(2);
	ask(3);
	answer(1);
	answer(2);
	answer(3);
	capture_finish(&cap);
	assert_no_wrong_pair();
	assert_int_equal(cap.cnt.requests, 2);
	assert_int_equal(cap.cnt.responses, 3);
	assert_true(asked(3)->flags & TX_PIPELINED);
}

/* Holes that were acknowledged are not waited for any longer. */
static void later(void)
{
	tell(&s, CLIENT, 0);
	s.ns += 2000000000;
}

/* Bursts of `size` that wait for all of their answers. */
static void bursts(unsigned int from, unsigned int to, unsigned int size)
{
	for (; from <= to; from += size) {
		for (unsigned int n = from; n < from + size; n++)
			ask(n);
		for (unsigned int n = from; n < from + size; n++)
			answer(n);
	}
}

static void assert_pairs(unsigned int from, unsigned int to)
{
	for (; from <= to; from++)
		assert_pair(from);
}

/* A short hole may have hidden nothing but 1xx responses: that the client sends bursts and waits for their answers
 * tells what it hid, before the connection ends. */
static void test_bursts_behind_holes(void **state)
{
	bursts(1, 40, 4);
	ask(41);
	ask(42);
	ask(43);
	ask(44);
	miss(&s, SERVER, response(41));
	answer(42);
	answer(43);
	answer(44);
	later();
	bursts(45, 60, 4);
	assert_pairs(1, 40);
	assert_unanswered(41, TX_GAP);
	assert_pairs(42, 60);
}

/* What two holes of one burst hid cannot be told apart; what comes behind them does not wait for it. */
static void test_two_holes_in_a_burst(void **state)
{
	bursts(1, 40, 4);
	ask(41);
	ask(42);
	ask(43);
	ask(44);
	miss(&s, SERVER, response(41));
	answer(42);
	miss(&s, SERVER, response(43));
	answer(44);
	later();
	later();
	bursts(45, 60, 4);
	assert_pairs(1, 40);
	assert_unanswered(41, TX_GAP);
	assert_unanswered(42, TX_GAP);
	assert_orphan(42, TX_GAP);
	assert_pairs(44, 60);
	assert_no_wrong_pair();
}

/* Nor does it take the end of the connection: the next rounds tell. */
static void test_requests_of_a_burst_lost(void **state)
{
	bursts(1, 40, 4);
	ask(41);
	miss(&s, CLIENT, request(42));
	ask(43);
	ask(44);
	answer(41);
	answer(42);
	answer(43);
	answer(44);
	later();
	bursts(45, 60, 4);
	assert_pair(41);
	assert_orphan(42, TX_GAP);
	assert_pairs(43, 60);
}

/* The end of a connection of which each request was sent with others outstanding. */
static void test_window_and_the_end(void **state)
{
	unsigned int n;

	for (n = 1; n < 4; n++)
		ask(n);
	for (; n <= 40; n++) {
		ask(n);
		if (n == 23)
			miss(&s, SERVER, response(n - 3));
		else
			answer(n - 3);
	}
	for (n = 38; n <= 40; n++)
		answer(n);
	end();
	assert_pairs(1, 19);
	assert_unanswered(20, TX_GAP);
	assert_pairs(21, 40);
}

/* One that sends as it likes proves nothing: its pairs wait for better evidence. */
static void test_no_habit_no_pair(void **state)
{
	bursts(1, 2, 2);
	bursts(3, 6, 4);
	bursts(7, 8, 1);
	ask(9);
	ask(10);
	miss(&s, SERVER, response(9));
	ask(11);
	answer(10);
	assert_pairs(1, 8);
	for (size_t i = 0; i < cap.tx_cnt; i++)
		assert_false(cap.tx[i].tx.resp.seen && cap.tx[i].tx.resp.body_size == 10);
	answer(11);
	end();
	assert_no_wrong_pair();
	assert_pairs(10, 11); /* the end drained it */
}

#define TEST(f)	     cmocka_unit_test_setup_teardown(f, setup, teardown)
#define MIDSTREAM(f) cmocka_unit_test_setup_teardown(f, setup_midstream, teardown)

int main(void)
{
	static unsigned int which[] = {1, 2, 3};
#define LOST(n)                                                                                    \
	{                                                                                          \
		"test_lost_response_" #n "_among_pipelined", test_lost_response_among_pipelined,   \
			NULL, NULL, &which[(n)-1]                                                  \
	}
	const struct CMUnitTest tests[] = {
		TEST(test_in_turn),
		TEST(test_at_once),
		TEST(test_pipelining),
		TEST(test_pipelined_without_wait),
		LOST(1),
		LOST(2),
		LOST(3),
		TEST(test_in_doubt_nothing_is_paired),
		TEST(test_pairs_again_behind_a_hole),
		TEST(test_lost_request),
		TEST(test_lost_request_among_pipelined),
		TEST(test_orphan),
		TEST(test_orphan_crosses_a_request),
		TEST(test_response_before_its_acknowledgement),
		TEST(test_response_begun_before_the_request),
		TEST(test_no_response_at_fin),
		TEST(test_no_response_at_reset),
		TEST(test_reset_in_the_middle_of_a_response),
		TEST(test_reset_afterwards),
		TEST(test_no_response_at_the_end_of_input),
		MIDSTREAM(test_midstream),
		MIDSTREAM(test_midstream_response_first),
		MIDSTREAM(test_midstream_inside_a_body),
		MIDSTREAM(test_midstream_pipelined),
		TEST(test_bursts_behind_holes),
		TEST(test_requests_of_a_burst_lost),
		TEST(test_two_holes_in_a_burst),
		TEST(test_window_and_the_end),
		TEST(test_no_habit_no_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
