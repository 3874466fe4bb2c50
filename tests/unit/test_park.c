// SPDX-License-Identifier: GPL-2.0-only
/* Connections at rest: what they hold, and that nobody notices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream.h"

#define GET	 "GET / HTTP/1.1\r\n\r\n"
#define OK_TWO	 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define SECOND	 (1000 * MS)
#define CROWD	 1000
#define PER_CONN 360 /* bytes at rest, at most */
#define BUSY	 50  /* of them at a time */

static struct capture cap;
static struct stream s;

static int setup(void **state)
{
	capture_open(&cap, NULL);
	stream_open(&s, &cap, 1000, 5000);
	return 0;
}

static int teardown(void **state)
{
	stream_close(&s);
	capture_close(&cap);
	return 0;
}

static const struct transaction *tx(size_t i)
{
	assert_true(i < cap.tx_cnt);
	return &cap.tx[i].tx;
}

static void rest(uint64_t ns)
{
	s.ns += ns;
	flow_flush(cap.ft, s.ns - 10 * SECOND, s.ns - 600 * SECOND);
}

static void test_goes_on(void **state)
{
	for (size_t i = 0; i < 5; i++) {
		say(&s, CLIENT, GET);
		say(&s, SERVER, OK_TWO);
		tell(&s, CLIENT, 0);
		assert_int_equal(cap.tx_cnt, i + 1);
		assert_int_equal(tx(i)->stream_request, i + 1);
		assert_int_equal(tx(i)->flags, 0);
		assert_int_equal(tx(i)->latency_ns, MS);
		assert_int_equal(tx(i)->resp.size, strlen(OK_TWO));
		rest(i % 2 ? 400 * SECOND : 20 * SECOND);
	}
	goodbye(&s);
	capture_finish(&cap);
	assert_int_equal(cap.tx_cnt, 5);
	assert_int_equal(cap.cnt.flows, 1);
	assert_int_equal(cap.cnt.flows_http, 1);
}

/* Nothing was said yet: the beginning is known all the same, behind the wrap of sequence numbers too. */
static void test_before_first(void **state)
{
	struct stream other;

	stream_init(&other, &cap, 0xfffffff0, 0xffffffff);
	other.end[CLIENT].port = 1;
	other.ns = s.ns;
	handshake(&other);
	rest(20 * SECOND);
	for (size_t i = 0; i < 3; i++) {
		say(&s, CLIENT, GET);
		say(&s, SERVER, OK_TWO);
		other.ns = s.ns;
		say(&other, CLIENT, GET);
		say(&other, SERVER, OK_TWO);
		tell(&other, CLIENT, 0);
		s.ns = other.ns;
		rest(20 * SECOND);
	}
	capture_finish(&cap);
	stream_close(&other);
	assert_int_equal(cap.tx_cnt, 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(tx(i)->flags, 0);
	assert_int_equal(cap.cnt.flows, 2);
}

static void test_half_closed(void **state)
{
	say(&s, CLIENT, GET);
	tell(&s, CLIENT, TCP_FIN);
	rest(100 * SECOND);
	say(&s, SERVER, OK_TWO);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->flags, 0);
	assert_int_equal(tx(0)->fin, TX_END_CLIENT);
}

/* What comes late of a connection that is over is told from the next one with its addresses. */
static void test_over(void **state)
{
	struct packet *request;

	request = prepare(&s, CLIENT, 0, GET, strlen(GET));
	give(&s, request);
	say(&s, SERVER, OK_TWO);
	goodbye(&s);
	assert_int_equal(cap.tx_cnt, 1);
	give(&s, request);
	tell(&s, SERVER, 0);
	assert_int_equal(cap.cnt.flows, 1);
	say(&s, CLIENT, GET); /* its SYN was not captured */
	say(&s, SERVER, OK_TWO);
	assert_int_equal(cap.cnt.flows, 2);
	assert_int_equal(cap.tx_cnt, 2);
	assert_int_equal(tx(1)->flags, TX_MIDSTREAM);
}

/* A request waits for its answer however long that takes. */
static void test_waits(void **state)
{
	say(&s, CLIENT, GET);
	rest(100 * SECOND);
	rest(100 * SECOND);
	say(&s, SERVER, OK_TWO);
	assert_int_equal(cap.tx_cnt, 1);
	assert_true(tx(0)->has_latency);
	say(&s, CLIENT, "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n");
	rest(100 * SECOND);
	say(&s, CLIENT, "body");
	rest(100 * SECOND);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nContent-Le");
	rest(100 * SECOND);
	say(&s, SERVER, "ngth: 0\r\n\r\n");
	assert_int_equal(cap.tx_cnt, 2);
	assert_int_equal(tx(1)->flags, 0);
	assert_int_equal(tx(1)->req.body_size, 4);
}

static void test_pipelines_after(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_TWO);
	tell(&s, CLIENT, 0);
	rest(20 * SECOND);
	say(&s, CLIENT, GET GET);
	say(&s, SERVER, OK_TWO);
	say(&s, SERVER, OK_TWO);
	assert_int_equal(cap.tx_cnt, 3);
	assert_false(tx(1)->flags & TX_PIPELINED);
	assert_true(tx(2)->flags & TX_PIPELINED);
}

/* A hole behind the rest is a hole. */
static void test_loses_after(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_TWO);
	tell(&s, CLIENT, 0);
	rest(20 * SECOND);
	say(&s, CLIENT, GET);
	miss(&s, SERVER, OK_TWO);
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_TWO);
	goodbye(&s);
	capture_finish(&cap);
	assert_int_equal(cap.tx_cnt, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(tx(i)->req.seen, true);
		assert_int_equal(tx(i)->has_latency, i != 1);
	}
	assert_int_equal(cap.cnt.gaps, 1);
}

/* A client that waits for each answer is known to, also behind a rest: so what loss has hidden there is over when it
 * goes on. */
static void test_habit(void **state)
{
	for (size_t i = 0; i < 20; i++) {
		say(&s, CLIENT, GET);
		say(&s, SERVER, OK_TWO);
	}
	tell(&s, CLIENT, 0);
	rest(20 * SECOND);
	say(&s, CLIENT, GET);
	miss(&s, SERVER, OK_TWO);
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_TWO);
	s.ns += 2 * SECOND; /* so long the capture may be out of order */
	tell(&s, CLIENT, 0);
	assert_int_equal(cap.cnt.pairs, 21);
	goodbye(&s);
	capture_finish(&cap);
	for (size_t i = 0; i < cap.tx_cnt; i++)
		assert_false(tx(i)->flags & TX_PIPELINED);
}

static void test_tunnel(void **state)
{
	say(&s, CLIENT, "GET /ws HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
	say(&s, SERVER, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
	say(&s, CLIENT, "whatever");
	say(&s, SERVER, "whatever");
	rest(20 * SECOND);
	say(&s, CLIENT, GET); /* it is none */
	say(&s, SERVER, OK_TWO);
	rest(20 * SECOND);
	say(&s, CLIENT, GET);
	capture_finish(&cap);
	assert_int_equal(cap.tx_cnt, 1);
	assert_true(tx(0)->flags & TX_UPGRADED);
}

/* What is sent again when its exchange is forgotten is counted. */
static void test_retransmits_late(void **state)
{
	struct packet *p;

	say(&s, CLIENT, GET);
	p = prepare(&s, SERVER, 0, OK_TWO, strlen(OK_TWO));
	give(&s, p);
	tell(&s, CLIENT, 0);
	rest(20 * SECOND);
	p->seg.time_ns = s.ns;
	give(&s, p);
	assert_int_equal(cap.cnt.retransmits_late, 1);
}

/* Many of them fit where a quarter would, all under way. */
static void test_memory(void **state)
{
	struct flow_config config = flow_config_default;
	struct stream many[CROWD];

	capture_close(&cap);
	config.max_memory = CROWD * PER_CONN + BUSY * 3000;
	capture_open(&cap, &config);
	for (unsigned int i = 0; i < CROWD; i++) {
		stream_init(&many[i], &cap, 1000, 5000);
		many[i].ns = s.ns;
		many[i].end[CLIENT].port = (uint16_t)(1000 + i);
		handshake(&many[i]);
		say(&many[i], CLIENT, GET);
		say(&many[i], SERVER, OK_TWO);
		tell(&many[i], CLIENT, 0);
		s.ns = many[i].ns;
		rest(i % BUSY ? 0 : 11 * SECOND);
	}
	assert_int_equal(cap.cnt.memory_evicted, 0);
	assert_int_equal(cap.tx_cnt, CROWD);
	for (unsigned int i = 0; i < CROWD; i++) {
		many[i].ns = s.ns;
		say(&many[i], CLIENT, GET);
		say(&many[i], SERVER, OK_TWO);
		tell(&many[i], CLIENT, 0);
		s.ns = many[i].ns;
		rest(i % BUSY ? 0 : 11 * SECOND);
		stream_close(&many[i]);
	}
	assert_int_equal(cap.cnt.flows, CROWD);
	for (size_t i = 0; i < cap.tx_cnt; i++)
		assert_int_equal(tx(i)->flags, 0);
}

/* More than the limit holds: the oldest at rest go, and who is busy does not notice. */
static void test_pressure(void **state)
{
	struct flow_config config = flow_config_default;
	struct stream other;

	capture_close(&cap);
	config.max_memory = 256 << 10;
	capture_open(&cap, &config);
	stream_init(&s, &cap, 1000, 5000);
	handshake(&s);
	for (unsigned int i = 0; i < CROWD; i++) {
		stream_init(&other, &cap, 1000, 5000);
		other.ns = s.ns;
		other.end[CLIENT].port = (uint16_t)(1000 + i);
		handshake(&other);
		say(&other, CLIENT, GET);
		if (i % 3)
			say(&other, SERVER, OK_TWO);
		s.ns = other.ns;
		stream_close(&other);
		say(&s, CLIENT, GET);
		say(&s, SERVER, OK_TWO);
	}
	assert_true(cap.cnt.memory_evicted > 0);
	assert_int_equal(cap.cnt.memory_dropped, 0);
	for (size_t i = 0, mine = 0; i < cap.tx_cnt; i++) {
		if (tx(i)->client.port != s.end[CLIENT].port)
			continue;
		assert_int_equal(tx(i)->stream_request, ++mine);
		assert_int_equal(tx(i)->flags, 0);
	}
}

/* One that was flushed and heard of again is flushed again, and forgotten when its time has come. */
static void test_order(void **state)
{
	struct stream other;

	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_TWO);
	rest(20 * SECOND);
	stream_init(&other, &cap, 1, 2);
	other.ns = s.ns;
	other.end[CLIENT].port = 1;
	handshake(&other);
	say(&other, CLIENT, GET);
	say(&other, SERVER, OK_TWO);
	rest(300 * SECOND);
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_TWO);
	rest(400 * SECOND);
	assert_int_equal(cap.cnt.flows_idle, 1);
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_TWO);
	assert_int_equal(cap.tx_cnt, 4);
	rest(601 * SECOND);
	assert_int_equal(cap.cnt.flows_idle, 2);
	stream_close(&other);
}

int main(void)
{
#define WITH_STREAM(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_STREAM(test_goes_on),     WITH_STREAM(test_waits),
		WITH_STREAM(test_before_first), WITH_STREAM(test_half_closed),
		WITH_STREAM(test_over), WITH_STREAM(test_habit),
		WITH_STREAM(test_pipelines_after), WITH_STREAM(test_loses_after),
		WITH_STREAM(test_tunnel),      WITH_STREAM(test_retransmits_late),
		WITH_STREAM(test_memory),      WITH_STREAM(test_pressure),
		WITH_STREAM(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
