// SPDX-License-Identifier: GPL-2.0-only
/* Where the time of a transaction went, what TCP did meanwhile, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/marks.h"
#include "core/settle.h"
#include "core/verdict.h"
#include "stream.h"

#define GET	 "GET / HTTP/1.1\r\n\r\n"
#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define HEAD_TEN "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"

static struct capture cap;
static struct stream s;

static void open_side(unsigned int local)
{
	struct flow_config config = flow_config_default;

	config.sees_reads = true;
	capture_open(&cap, &config);
	stream_init(&s, &cap, 1000, 5000);
	s.local[local] = true;
	s.note[local].cookie = 11;
	handshake(&s);
}

static int setup_server(void **state)
{
	open_side(SERVER);
	return 0;
}

static int setup_client(void **state)
{
	open_side(CLIENT);
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

/* The application at `who` has read all but the last `but` bytes of what was sent to it. */
static void reads_but(unsigned int who, uint32_t but)
{
	const struct reading reading = {
		.cookie = s.note[who].cookie, .seq = s.next[!who] - but, .time_ns = s.ns};

	flow_read(cap.ft, &reading);
}

static void reads(unsigned int who)
{
	reads_but(who, 0);
}

static void pass(uint64_t ns)
{
	s.ns += ns;
}

static void assert_sum(const struct transaction *t)
{
	uint64_t request, response;

	assert_true(t->has_latency);
	assert_true(message_time(&t->req, &request));
	assert_true(message_time(&t->resp, &response));
	if (t->side == SIDE_SERVER && t->has_queue)
		assert_int_equal(request + t->queue_ns + t->app_ns + response, t->total_ns);
	assert_true(t->has_ttfb);
	assert_int_equal(request + t->ttfb_ns + response, t->total_ns);
}

static void test_server_parts(void **state)
{
	say(&s, CLIENT, "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n");
	pass(9 * MS); /* a segment takes one more */
	say(&s, CLIENT, "body");
	pass(20 * MS);
	reads(SERVER);
	pass(29 * MS);
	say(&s, SERVER, HEAD_TEN);
	pass(4 * MS);
	say(&s, SERVER, "0123456789");
	assert_int_equal(cap.tx_cnt, 0); /* it may still be acknowledged */
	pass(6 * MS);
	tell(&s, CLIENT, 0);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->side, SIDE_SERVER);
	assert_int_equal(tx(0)->queue_ns, 20 * MS);
	assert_int_equal(tx(0)->app_ns, 30 * MS);
	assert_true(tx(0)->has_ack);
	assert_int_equal(tx(0)->ack_ns, 7 * MS);
	assert_false(tx(0)->has_read);
	assert_sum(tx(0));
	assert_int_equal(tx(0)->verdict, VERDICT_NONE); /* 30 of 65 */
}

/* The connection rests (park.h): behind that all is told as before. */
static void rest(void)
{
	pass(20000 * MS);
	flow_flush(cap.ft, s.ns - 10000 * MS, 0);
}

static void test_server_rests(void **state)
{
	for (size_t i = 0; i < 4; i++) {
		say(&s, CLIENT, GET);
		pass(20 * MS);
		reads(SERVER);
		pass(29 * MS);
		say(&s, SERVER, OK_EMPTY);
		tell(&s, CLIENT, 0);
		assert_int_equal(cap.tx_cnt, i + 1);
		assert_true(tx(i)->has_queue && tx(i)->has_app && tx(i)->has_ack);
		assert_int_equal(tx(i)->queue_ns, 20 * MS);
		assert_int_equal(tx(i)->app_ns, 30 * MS);
		assert_int_equal(tx(i)->verdict, VERDICT_APP);
		rest();
	}
}

static void test_client_rests(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		say(&s, CLIENT, "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n");
		tell(&s, SERVER, 0);
		pass(99 * MS);
		say(&s, CLIENT, "body");
		say(&s, SERVER, OK_EMPTY);
		pass(5 * MS);
		reads(CLIENT);
		assert_int_equal(cap.tx_cnt, i + 1);
		assert_int_equal(tx(i)->req.idle_ns, 100 * MS);
		assert_true(tx(i)->has_read);
		assert_int_equal(tx(i)->read_ns, 5 * MS);
		tell(&s, CLIENT, 0);
		rest();
	}
}

/* Also with an acknowledgement on the next request, and with what follows that. */
static void test_acknowledged_by_next(void **state)
{
	say(&s, CLIENT, GET);
	reads(SERVER);
	say(&s, SERVER, OK_EMPTY);
	pass(5 * MS);
	say(&s, CLIENT, GET);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->ack_ns, 6 * MS);
	pass(4 * MS);
	reads(SERVER);
	say(&s, SERVER, OK_EMPTY);
	tell(&s, CLIENT, 0);
	assert_int_equal(cap.tx_cnt, 2);
	assert_int_equal(tx(1)->queue_ns, 4 * MS);
	assert_int_equal(tx(1)->ack_ns, 1 * MS);
}

/* The header was read before the body came: the queue counts from the body's end to its reading. */
static void test_read_in_parts(void **state)
{
	say(&s, CLIENT, "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n");
	reads(SERVER);
	pass(50 * MS);
	say(&s, CLIENT, "body");
	pass(1 * MS);
	reads_but(SERVER, 2);
	pass(1 * MS);
	reads(SERVER);
	say(&s, SERVER, OK_EMPTY);
	tell(&s, CLIENT, 0);
	assert_int_equal(tx(0)->queue_ns, 2 * MS);
	assert_int_equal(tx(0)->verdict, VERDICT_UPLOAD);
	assert_sum(tx(0));
}

static void test_not_read(void **state)
{
	say(&s, CLIENT, GET);
	reads_but(SERVER, strlen(GET)); /* a peek */
	pass(50 * MS);
	say(&s, SERVER, OK_EMPTY);
	tell(&s, CLIENT, 0);
	assert_false(tx(0)->has_queue);
	assert_false(tx(0)->has_app);
	assert_sum(tx(0));
	assert_int_equal(tx(0)->verdict, VERDICT_NONE);
	/* It is read after the answer was begun. */
	say(&s, CLIENT, GET);
	say(&s, SERVER, HEAD_TEN);
	pass(1 * MS);
	reads(SERVER);
	say(&s, SERVER, "0123456789");
	tell(&s, CLIENT, 0);
	assert_false(tx(1)->has_queue);
	assert_false(tx(1)->has_app);
}

static void test_reads_lost(void **state)
{
	struct reading reading = {.cookie = 11, .lost_before = true};

	say(&s, CLIENT, GET);
	reading.seq = s.next[CLIENT];
	reading.time_ns = s.ns;
	flow_read(cap.ft, &reading);
	say(&s, SERVER, OK_EMPTY);
	say(&s, CLIENT, GET);
	reads(SERVER);
	say(&s, SERVER, OK_EMPTY);
	tell(&s, CLIENT, 0);
	assert_false(tx(0)->has_queue);
	assert_true(tx(1)->has_queue);
}

/* The first request reached the listener; the socket is known by its tuple when it is read. */
static void test_read_by_tuple(void **state)
{
	struct reading reading = {.cookie = 12, .has_tuple = true};

	s.note[SERVER].cookie = 0;
	s.end[CLIENT].port++;
	handshake(&s);
	say(&s, CLIENT, GET);
	pass(7 * MS);
	reading.local = s.end[SERVER];
	reading.remote = s.end[CLIENT];
	reading.seq = s.next[CLIENT];
	reading.time_ns = s.ns;
	flow_read(cap.ft, &reading);
	s.note[SERVER].cookie = 12;
	say(&s, SERVER, OK_EMPTY);
	tell(&s, CLIENT, 0);
	assert_int_equal(cap.cnt.flows, 2);
	assert_int_equal(tx(0)->queue_ns, 7 * MS);
	assert_int_equal(tx(0)->cookie, 12);
}

/* Without a response it is still told whether it was read. */
static void test_read_and_not_answered(void **state)
{
	say(&s, CLIENT, GET);
	pass(3 * MS);
	reads(SERVER);
	tell(&s, CLIENT, TCP_RST);
	assert_int_equal(tx(0)->flags, TX_NO_RESPONSE | TX_RESET);
	assert_int_equal(tx(0)->queue_ns, 3 * MS);
	assert_false(tx(0)->has_app);
	assert_int_equal(tx(0)->rst, TX_END_CLIENT);
	assert_int_equal(tx(0)->verdict, VERDICT_NONE);
}

static void test_client_parts(void **state)
{
	say(&s, CLIENT, GET);
	pass(19 * MS);
	say(&s, SERVER, HEAD_TEN);
	pass(9 * MS);
	reads(CLIENT);
	say(&s, SERVER, "0123456789");
	tell(&s, CLIENT, 0);
	assert_int_equal(cap.tx_cnt, 0);
	pass(99 * MS);
	reads(CLIENT);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->side, SIDE_CLIENT);
	assert_true(tx(0)->has_read);
	assert_int_equal(tx(0)->read_ns, 100 * MS);
	assert_false(tx(0)->has_ack || tx(0)->has_queue || tx(0)->has_app);
	assert_sum(tx(0));
	assert_int_equal(tx(0)->verdict, VERDICT_CLIENT);
}

/* What nobody reads is told in time, and not waited for again where no read was ever seen. */
static void test_never_read(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	flow_settle(cap.ft, s.ns + SETTLE_NS - 1);
	assert_int_equal(cap.tx_cnt, 0);
	flow_settle(cap.ft, s.ns + SETTLE_NS);
	assert_int_equal(cap.tx_cnt, 1);
	assert_false(tx(0)->has_read);
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	assert_int_equal(cap.tx_cnt, 2);
}

/* It goes on without the rest: how long that lies there says nothing of the client. */
static void test_read_late_once(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, HEAD_TEN);
	reads(CLIENT);
	say(&s, SERVER, "0123456789");
	reads_but(CLIENT, 2);
	pass(1000 * MS);
	say(&s, CLIENT, GET);
	assert_int_equal(cap.tx_cnt, 1);
	assert_false(tx(0)->has_read);
	say(&s, SERVER, OK_EMPTY);
	assert_int_equal(cap.tx_cnt, 1); /* this one is waited for */
	reads(CLIENT);
	assert_int_equal(cap.tx_cnt, 2);
	assert_int_equal(tx(1)->read_ns, 0);
}

/* A pipelining client has not said that it is done. */
static void test_read_while_pipelining(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	s.deaf[CLIENT] = true;
	say(&s, CLIENT, GET);
	assert_int_equal(cap.tx_cnt, 0);
	reads(CLIENT);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->read_ns, 1 * MS);
}

/* The end of the connection ends the waiting, but not before what may follow the FINs. */
static void test_read_after_fin(void **state)
{
	say(&s, CLIENT, GET);
	tell(&s, CLIENT, TCP_FIN);
	say(&s, SERVER, OK_EMPTY);
	tell(&s, SERVER, TCP_FIN);
	pass(4 * MS);
	assert_int_equal(cap.tx_cnt, 0);
	reads_but(CLIENT, 1); /* a FIN cannot be read */
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->read_ns, 5 * MS);
	assert_int_equal(tx(0)->fin, TX_END_CLIENT | TX_END_SERVER);
}

static void test_input_ends(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	assert_int_equal(cap.tx_cnt, 0);
	capture_finish(&cap);
	assert_int_equal(cap.tx_cnt, 1);
	assert_true(tx(0)->has_latency);
	assert_false(tx(0)->has_read);
}

/* In the order in which they ended: an orphan or an unanswered request waits for those before it. */
static void test_order(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	say(&s, CLIENT, "GET /2 HTTP/1.1\r\n\r\n");
	tell(&s, SERVER, TCP_RST);
	assert_int_equal(cap.tx_cnt, 2);
	assert_int_equal(tx(0)->stream_request, 1);
	assert_int_equal(tx(1)->stream_request, 2);
	assert_int_equal(tx(1)->flags, TX_NO_RESPONSE | TX_RESET);
	assert_int_equal(tx(1)->rst, TX_END_SERVER);
}

/* Retransmissions count as the kernel counts them, also after the message was over. */
static void test_retransmits(void **state)
{
	struct packet *resp;

	say(&s, CLIENT, GET);
	reads(SERVER);
	resp = prepare(&s, SERVER, 0, OK_EMPTY, strlen(OK_EMPTY));
	give(&s, resp);
	s.note[SERVER].gso_segs = 3;
	resp->seg.time_ns += 200 * MS;
	give(&s, resp);
	s.note[SERVER].gso_segs = 0;
	resp->seg.time_ns += 400 * MS;
	give(&s, resp);
	pass(601 * MS);
	tell(&s, CLIENT, 0);
	assert_int_equal(tx(0)->resp.retransmits, 4);
	assert_int_equal(tx(0)->resp.stall_ns, 600 * MS);
	assert_int_equal(tx(0)->resp.stall_late_ns, 600 * MS);
	assert_int_equal(tx(0)->req.retransmits, 0);
	assert_int_equal(tx(0)->ack_ns, 602 * MS);
	assert_int_equal(cap.cnt.retransmits_late, 0);
	resp->seg.time_ns += 100 * MS;
	give(&s, resp);
	assert_int_equal(cap.cnt.retransmits_late, 1);
}

/* At the receiver a hole that is filled late is what was waited for. */
static void test_stall_at_receiver(void **state)
{
	struct packet *late;

	say(&s, CLIENT, GET);
	late = prepare(&s, SERVER, 0, HEAD_TEN, strlen(HEAD_TEN));
	say(&s, SERVER, "01234");
	say(&s, SERVER, "56789");
	pass(200 * MS);
	late->seg.time_ns = s.ns;
	give(&s, late);
	reads(CLIENT);
	/* The first byte came last, so nothing was waited for after it. */
	assert_int_equal(tx(0)->resp.stall_ns, 0);
	say(&s, CLIENT, GET);
	say(&s, SERVER, HEAD_TEN);
	late = prepare(&s, SERVER, 0, "01234", 5);
	say(&s, SERVER, "567");
	say(&s, SERVER, "89");
	pass(200 * MS);
	late->seg.time_ns = s.ns;
	give(&s, late);
	reads(CLIENT);
	assert_int_equal(tx(1)->resp.out_of_order, 2);
	assert_int_equal(tx(1)->resp.stall_ns, 201 * MS);
	assert_int_equal(tx(1)->verdict, VERDICT_NETWORK);
}

static void announce(unsigned int who, uint16_t window)
{
	struct packet *p = prepare(&s, who, 0, NULL, 0);

	p->seg.window = window;
	give(&s, p);
}

static void test_zero_window(void **state)
{
	say(&s, CLIENT, GET);
	reads(SERVER);
	say(&s, SERVER, HEAD_TEN);
	announce(CLIENT, 0);
	pass(49 * MS);
	announce(CLIENT, 0); /* an answer to a probe */
	pass(49 * MS);
	announce(CLIENT, 100);
	say(&s, SERVER, "0123456789");
	announce(CLIENT, 100);
	assert_int_equal(tx(0)->resp.zero_window_ns, 100 * MS);
	assert_int_equal(tx(0)->req.zero_window_ns, 0);
	assert_int_equal(tx(0)->verdict, VERDICT_CLIENT);
	/* All was acknowledged, but there was no room: the application was not idle. */
	assert_int_equal(tx(0)->resp.idle_ns, 1 * MS);
}

/* Once the scale is known, a window with no room for a whole segment counts too, and from when it was announced. */
static void test_small_window(void **state)
{
	static const char big[1000] = "HTTP/1.1 200 OK\r\nContent-Length: 1500\r\n\r\n";
	struct reading reading = {.cookie = 11, .wscale_in = 2, .wscale_out = 7};

	say(&s, CLIENT, GET);
	say_bytes(&s, SERVER, big, sizeof(big));
	announce(CLIENT, 249); /* 996 bytes, less than was sent at once */
	pass(39 * MS);
	reading.seq = s.next[CLIENT];
	reading.time_ns = s.ns;
	flow_read(cap.ft, &reading);
	announce(CLIENT, 1);
	pass(9 * MS);
	announce(CLIENT, 250); /* room for one */
	pass(99 * MS);
	say_bytes(&s, SERVER, big, 500 + 43);
	announce(CLIENT, 250);
	assert_int_equal(tx(0)->resp.zero_window_ns, 50 * MS);
	/* Its own windows are scaled otherwise. */
	assert_int_equal(tx(0)->req.zero_window_ns, 0);
	assert_int_equal(tx(0)->resp.idle_ns, 100 * MS);
	assert_int_equal(tx(0)->verdict, VERDICT_APP);
}

static void test_idle(void **state)
{
	say(&s, CLIENT, GET);
	reads(SERVER);
	say(&s, SERVER, HEAD_TEN);
	announce(CLIENT, 100);
	pass(99 * MS);
	say(&s, SERVER, "01234");
	say(&s, SERVER, "56789"); /* not all was acknowledged */
	announce(CLIENT, 100);
	assert_int_equal(tx(0)->resp.idle_ns, 100 * MS);
	assert_int_equal(tx(0)->verdict, VERDICT_APP);
}

static void test_lost_bytes(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, HEAD_TEN "01");
	miss(&s, SERVER, "2345");
	say(&s, SERVER, "6789");
	tell(&s, CLIENT, 0);
	reads(CLIENT);
	assert_int_equal(tx(0)->flags, TX_GAP);
	assert_int_equal(tx(0)->resp.lost_bytes, 4);
	assert_int_equal(tx(0)->req.lost_bytes, 0);
}

/* The first of three is slow. */
static void test_head_of_line(void **state)
{
	say(&s, CLIENT, GET GET GET);
	reads(SERVER);
	pass(99 * MS);
	say(&s, SERVER, OK_EMPTY);
	say(&s, SERVER, OK_EMPTY);
	say(&s, SERVER, OK_EMPTY);
	tell(&s, CLIENT, 0);
	assert_int_equal(cap.tx_cnt, 3);
	assert_int_equal(tx(0)->verdict, VERDICT_APP);
	for (unsigned int i = 1; i < 3; i++) {
		assert_int_equal(tx(i)->hol_ns, (99 + i) * MS);
		assert_int_equal(tx(i)->verdict, VERDICT_HOL);
		assert_int_equal(tx(i)->queue_ns, 0);
		assert_sum(tx(i));
	}
}

/* A file has no sockets: nothing is waited for, and no parts are made up. */
static void test_file(void **state)
{
	s.local[SERVER] = false;
	s.end[CLIENT].port++;
	handshake(&s);
	say(&s, CLIENT, GET);
	pass(50 * MS);
	say(&s, SERVER, OK_EMPTY);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->side, SIDE_TRANSIT);
	assert_false(tx(0)->has_queue || tx(0)->has_app || tx(0)->has_ack || tx(0)->has_read);
	assert_int_equal(tx(0)->verdict, VERDICT_NONE);
}

/* --- marks ------------------------------------------------------------------------------------ */

static void test_marks(void **state)
{
	struct marks m = {0};
	struct mem mem = {0};
	uint64_t ns = 0;

	assert_int_equal(marks_find(&m, 1, &ns), MARKS_NOT_YET);
	marks_add(&m, &mem, 100, 1, 0, 100);
	marks_add(&m, &mem, 100, 2, 100, 100); /* once more: the first counts */
	assert_int_equal(marks_find(&m, 100, &ns), MARKS_KNOWN);
	assert_int_equal(ns, 1);
	assert_int_equal(marks_find(&m, 101, &ns), MARKS_NOT_YET);
	/* A body in a thousand pieces, within which no message ends, costs one. */
	for (uint64_t i = 1; i <= 1000; i++)
		marks_add(&m, &mem, 100 + i, 10 + i, 100, 2000);
	assert_int_equal(m.cnt, 2);
	assert_null(m.more);
	assert_int_equal(marks_find(&m, 100, &ns), MARKS_KNOWN);
	assert_int_equal(ns, 1);
	/* Messages that end at each. */
	for (uint64_t i = 0; i < MARKS_MAX; i++)
		marks_add(&m, &mem, 2000 + i, 2000 + i, 2000 + i, 2000 + i);
	assert_int_equal(marks_find(&m, 100, &ns), MARKS_UNKNOWN);
	for (uint64_t i = 0; i < MARKS_MAX; i++) {
		assert_int_equal(marks_find(&m, 2000 + i, &ns), MARKS_KNOWN);
		assert_int_equal(ns, 2000 + i);
	}
	marks_forget(&m, 3000);
	assert_int_equal(marks_find(&m, 3000, &ns), MARKS_UNKNOWN);
	assert_int_equal(marks_find(&m, 3001, &ns), MARKS_NOT_YET);
	marks_add(&m, &mem, 3001, 9, 3001, 3001);
	assert_int_equal(marks_find(&m, 3001, &ns), MARKS_KNOWN);
	assert_int_equal(marks_find(&m, 3000, &ns), MARKS_UNKNOWN);
	marks_free(&m, &mem);
	assert_int_equal(mem.used, 0);
}

/* What was asked for makes room for what will be; the last mark stays, for it tells how far all is. */
static void test_marks_done(void **state)
{
	struct marks m = {0};
	struct mem mem = {0};
	uint64_t ns;

	for (uint64_t off = 10; off <= 1000; off += 10) {
		marks_add(&m, &mem, off, off, off, off);
		assert_int_equal(marks_find(&m, off, &ns), MARKS_KNOWN);
		marks_done(&m, off);
		assert_int_equal(marks_last(&m)->off, off);
	}
	assert_int_equal(mem.used, 0);
	assert_int_equal(m.cnt, 1);
	assert_int_equal(marks_find(&m, 1001, &ns), MARKS_NOT_YET);
}

/* Without memory the last ones are known. */
static void test_marks_no_memory(void **state)
{
	struct marks m = {0};
	struct mem mem = {.limit = 1};
	uint64_t ns;

	for (uint64_t off = 10; off <= 50; off += 10)
		marks_add(&m, &mem, off, off, off, off);
	assert_int_equal(marks_find(&m, 30, &ns), MARKS_UNKNOWN);
	assert_int_equal(marks_find(&m, 40, &ns), MARKS_KNOWN);
	assert_int_equal(ns, 40);
	assert_int_equal(marks_find(&m, 50, &ns), MARKS_KNOWN);
}

/* Where it is not known yet whether a message ended, a mark is kept. */
static void test_marks_not_parsed(void **state)
{
	struct marks m = {0};
	struct mem mem = {0};
	uint64_t ns;

	marks_add(&m, &mem, 10, 1, 0, 0);
	marks_add(&m, &mem, 20, 2, 0, 0);
	assert_int_equal(marks_find(&m, 10, &ns), MARKS_KNOWN);
	assert_int_equal(ns, 1);
}

/* --- verdicts --------------------------------------------------------------------------------- */

/* Parts in milliseconds; queue UINT32_MAX: not seen. */
static struct transaction of_server(uint32_t request, uint32_t queue, uint32_t app,
				    uint32_t response)
{
	struct transaction t = {.side = SIDE_SERVER, .has_latency = true};

	t.req.complete = t.resp.complete = true;
	t.req.last_ns = request * MS;
	t.has_queue = t.has_app = queue != UINT32_MAX;
	t.queue_ns = t.has_queue ? queue * MS : 0;
	t.app_ns = t.has_app ? app * MS : 0;
	t.resp.first_ns = t.req.last_ns + t.queue_ns + app * MS;
	t.resp.last_ns = t.resp.first_ns + response * MS;
	t.total_ns = t.resp.last_ns;
	return t;
}

static struct transaction of_client(uint32_t connect, uint32_t request, uint32_t ttfb,
				    uint32_t response, uint32_t read)
{
	struct transaction t = {.side = SIDE_CLIENT, .has_latency = true, .has_ttfb = true};

	t.req.complete = t.resp.complete = true;
	t.has_connect = t.has_read = true;
	t.connect_ns = connect * MS;
	t.req.last_ns = request * MS;
	t.ttfb_ns = ttfb * MS;
	t.resp.first_ns = t.req.last_ns + t.ttfb_ns;
	t.resp.last_ns = t.resp.first_ns + response * MS;
	t.total_ns = t.resp.last_ns;
	t.read_ns = read * MS;
	return t;
}

static void test_server_verdicts(void **state)
{
	struct transaction t = of_server(50, 10, 20, 20);

	assert_int_equal(verdict_of(&t), VERDICT_UPLOAD);
	t.req.zero_window_ns = 25 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_QUEUE);
	t = of_server(49, 11, 20, 20);
	assert_int_equal(verdict_of(&t), VERDICT_NONE);
	t = of_server(0, 60, 20, 20);
	assert_int_equal(verdict_of(&t), VERDICT_QUEUE);
	t = of_server(0, 0, 60, 20);
	assert_int_equal(verdict_of(&t), VERDICT_APP);
	t.has_hol = true;
	t.hol_ns = 30 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_NONE);
	t.hol_ns = 50 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_HOL);
	t = of_server(0, UINT32_MAX, 60, 20);
	assert_int_equal(verdict_of(&t), VERDICT_NONE);
	t = of_server(0, 0, 20, 60);
	assert_int_equal(verdict_of(&t), VERDICT_DOWNLOAD);
	t.resp.stall_ns = 30 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_NETWORK);
	t.resp.idle_ns = 30 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_APP);
	t.resp.zero_window_ns = 30 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_CLIENT);
	t.has_latency = false;
	assert_int_equal(verdict_of(&t), VERDICT_NONE);
	t = of_server(0, 0, 0, 0);
	assert_int_equal(verdict_of(&t), VERDICT_NONE);
}

static void test_client_verdicts(void **state)
{
	struct transaction t = of_client(60, 10, 30, 10, 10);

	assert_int_equal(verdict_of(&t), VERDICT_CONNECT);
	t = of_client(0, 60, 30, 10, 10);
	assert_int_equal(verdict_of(&t), VERDICT_UPLOAD);
	t.req.stall_ns = 30 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_NETWORK);
	t.req.zero_window_ns = 30 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_SERVER);
	t = of_client(0, 0, 60, 10, 10);
	assert_int_equal(verdict_of(&t), VERDICT_NONE); /* the round trip is not known */
	t.has_srtt = true;
	t.srtt_ns = 29 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_SERVER);
	t.req.retransmits = 1;
	assert_int_equal(verdict_of(&t), VERDICT_NONE);
	t.srtt_ns = 30 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_NETWORK);
	t.srtt_ns = 1 * MS;
	t.req.stall_ns = 30 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_NETWORK);
	t.has_hol = true;
	t.hol_ns = 40 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_HOL);
	t = of_client(0, 0, 10, 60, 10);
	assert_int_equal(verdict_of(&t), VERDICT_DOWNLOAD);
	t.resp.stall_ns = 30 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_NETWORK);
	t.resp.zero_window_ns = 30 * MS;
	assert_int_equal(verdict_of(&t), VERDICT_CLIENT);
	t = of_client(0, 0, 10, 20, 60);
	assert_int_equal(verdict_of(&t), VERDICT_CLIENT);
	t.side = SIDE_TRANSIT;
	assert_int_equal(verdict_of(&t), VERDICT_NONE);
}

#define AT_SERVER(f) cmocka_unit_test_setup_teardown(f, setup_server, teardown)
#define AT_CLIENT(f) cmocka_unit_test_setup_teardown(f, setup_client, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AT_SERVER(test_server_parts),
		AT_SERVER(test_server_rests),
		AT_CLIENT(test_client_rests),
		AT_SERVER(test_acknowledged_by_next),
		AT_SERVER(test_read_in_parts),
		AT_SERVER(test_not_read),
		AT_SERVER(test_reads_lost),
		AT_SERVER(test_read_by_tuple),
		AT_SERVER(test_read_and_not_answered),
		AT_CLIENT(test_client_parts),
		AT_CLIENT(test_never_read),
		AT_CLIENT(test_read_late_once),
		AT_CLIENT(test_read_while_pipelining),
		AT_CLIENT(test_read_after_fin),
		AT_CLIENT(test_input_ends),
		AT_CLIENT(test_order),
		AT_SERVER(test_retransmits),
		AT_CLIENT(test_stall_at_receiver),
		AT_SERVER(test_zero_window),
		AT_SERVER(test_small_window),
		AT_SERVER(test_idle),
		AT_CLIENT(test_lost_bytes),
		AT_SERVER(test_head_of_line),
		AT_SERVER(test_file),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_marks_done),
		cmocka_unit_test(test_marks_no_memory),
		cmocka_unit_test(test_marks_not_parsed),
		cmocka_unit_test(test_server_verdicts),
		cmocka_unit_test(test_client_verdicts),
	};

	return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
