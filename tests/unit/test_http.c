// SPDX-License-Identifier: GPL-2.0-only
/* Messages: where they begin and end, and what is said of them. One connection a test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream.h"

#define GET	 "GET / HTTP/1.1\r\n\r\n"
#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

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

/* Ends the connection and the capture; n transactions came out of it. */
static void expect(size_t n)
{
	goodbye(&s);
	capture_finish(&cap);
	assert_int_equal(cap.tx_cnt, n);
}

/* Transaction i is a complete exchange, with these flags, the response with this much body. */
static const struct transaction *whole(size_t i, uint16_t status, uint64_t body, uint32_t flags)
{
	const struct transaction *tx = &cap.tx[i].tx;

	assert_true(i < cap.tx_cnt);
	assert_true(tx->req.seen && tx->req.complete);
	assert_true(tx->resp.seen && tx->resp.complete);
	assert_int_equal(tx->status, status);
	assert_int_equal(tx->resp.body_size, body);
	assert_int_equal(tx->flags, flags);
	return tx;
}

static void say_wide(unsigned int who, char c, size_t len, size_t each)
{
	char *text = malloc(each);

	memset(text, c, each);
	for (; len; len -= len < each ? len : each)
		say_bytes(&s, who, text, len < each ? len : each);
	free(text);
}

static void say_bytewise(unsigned int who, const char *text)
{
	for (; *text; text++)
		say_bytes(&s, who, text, 1);
}

static void assert_value(const struct http_header *h, const char *name, const char *value)
{
	assert_string_equal(h->name.ptr, name);
	assert_string_equal(h->value.ptr, value);
}

static void test_exchange(void **state)
{
	static const char req[] = "POST /a?b=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
	static const char resp[] = "HTTP/1.1 201 Made\r\nContent-Length: 4\r\n\r\nmade";
	const struct transaction *tx;
	uint64_t ns;

	ns = s.ns;
	say(&s, CLIENT, req);
	s.ns += 9 * MS;
	say(&s, SERVER, resp);
	expect(1);
	tx = whole(0, 201, 4, 0);
	assert_string_equal(cap.tx[0].method, "POST");
	assert_string_equal(cap.tx[0].target, "/a?b=1");
	assert_int_equal(tx->req.size, sizeof(req) - 1);
	assert_int_equal(tx->req.body_size, 3);
	assert_int_equal(tx->resp.size, sizeof(resp) - 1);
	assert_int_equal(tx->req.first_ns, ns + MS);
	assert_int_equal(tx->latency_ns, 10 * MS);
	assert_int_equal(tx->ttfb_ns, 10 * MS);
	assert_int_equal(tx->total_ns, 10 * MS);
	assert_int_equal(tx->req.start_seq, 1001);
	assert_int_equal(tx->req.end_seq, 1001 + sizeof(req) - 1);
	assert_int_equal(tx->resp.start_seq, 5001);
	assert_int_equal(tx->req.segments, 1);
}

static void test_headers(void **state)
{
	say(&s, CLIENT,
	    "GET / HTTP/1.1\r\nHOST:  one \r\nX: y\r\nUser-Agent:me\r\nhost: two\r\n\r\n");
	say(&s, SERVER, "HTTP/1.1 204 No\r\nContent-Type: \r\n\r\n");
	expect(1);
	assert_int_equal(cap.tx[0].tx.req.header_cnt, 3);
	assert_value(&cap.tx[0].req_headers[0], "host", "one");
	assert_value(&cap.tx[0].req_headers[1], "user-agent", "me");
	assert_value(&cap.tx[0].req_headers[2], "host", "two");
	assert_int_equal(cap.tx[0].tx.resp.header_cnt, 1);
	assert_value(&cap.tx[0].resp_headers[0], "content-type", "");
}

/* What a message says of itself, as text. */
static void describe(const struct message *m, const struct http_header *headers, uint16_t status,
		     uint32_t flags, char *out, size_t size)
{
	int n = snprintf(out, size, "%d%d 1.%u %u flags %x body %llu size %llu:", m->seen,
			 m->complete, m->version_minor, status, flags,
			 (unsigned long long)m->body_size, (unsigned long long)m->size);

	for (uint32_t i = 0; i < m->header_cnt; i++)
		n += snprintf(out + n, size - (size_t)n, " %s=[%s]", headers[i].name.ptr,
			      headers[i].value.ptr);
}

/* An exchange with this header section, in one piece or byte by byte. */
static void converse(bool bytewise, const char *head, char *req, char *resp, size_t size)
{
	static const char *const start[] = {"GET /x HTTP/1.0\r\n", "HTTP/1.1 200 Yes, it is\r\n"};
	const struct transaction *tx;
	char text[1024];

	setup(NULL);
	for (unsigned int who = CLIENT; who <= SERVER; who++) {
		snprintf(text, sizeof(text), "%s%s\r\nabcde", start[who], head);
		if (bytewise)
			say_bytewise(who, text);
		else
			say(&s, who, text);
	}
	goodbye(&s);
	capture_finish(&cap);
	assert_true(cap.tx_cnt > 0);
	tx = &cap.tx[0].tx;
	describe(&tx->req, cap.tx[0].req_headers, 0, tx->flags, req, size);
	describe(&tx->resp, cap.tx[0].resp_headers, tx->status, tx->flags, resp, size);
	teardown(NULL);
}

/* Lines that come whole and plain are read without llhttp, and mean the same. */
static void test_lines(void **state)
{
	static const char *const heads[] = {
		"Host: h\r\nContent-Type: t\r\nContent-Length: 5\r\n",
		"host:h \t\r\ncontent-type: t;\ta \r\nCONTENT-LENGTH:  05 \r\n",
		"Content-Length: 5\r\nContent-Length: 5\r\nX: y\r\n",
		"Content-Length: 5\r\nX: y\r\nContent-Length: 4\r\n",
		"Content-Length: +5\r\nHost: h\r\n",
		"Content-Length: 5,5\r\nHost: h\r\n",
		"Content-Length:\r\nHost: h\r\n",
		"Content-Length: 99999999999999999999999\r\nHost: h\r\n",
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nX: y\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\nX: y\r\n",
		"Transfer-Encoding: gzip\r\nX: y\r\nHost: h\r\n",
		"Host: a\r\n b\r\nContent-Type: c\r\n\td\r\nContent-Length: 5\r\n",
		"X: a\r\n Host: b\r\nContent-Length: 5\r\n",
		"Host : h\r\nContent-Length: 5\r\n",
		"Ho st: h\r\nContent-Length: 5\r\n",
		": h\r\nContent-Length: 5\r\n",
		"Host\r\nContent-Length: 5\r\n",
		"Host: h\nContent-Type: t\nContent-Length: 5\n",
		"Host: h\rX: y\r\nContent-Length: 5\r\n",
		"Host: \x7f\r\nContent-Type: \xc3\xa4\r\nContent-Length: 5\r\n",
		"Host: h\r\nConnection: close\r\n",
		"Connection: Keep-Alive\r\nContent-Length: 5\r\n",
		"Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n",
		"Proxy-Connection: close\r\nConnection: close, x\r\nContent-Length: 5\r\n",
		"Host:\r\nHost: b\r\nHost:   \r\nContent-Type:\r\nContent-Length: 5\r\n",
		"",
	};
	char req[2][1024], resp[2][1024];

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		for (unsigned int bytewise = 0; bytewise < 2; bytewise++)
			converse(bytewise, heads[i], req[bytewise], resp[bytewise], sizeof(req[0]));
		assert_string_equal(req[0], req[1]);
		assert_string_equal(resp[0], resp[1]);
	}
}

static void test_several_in_one_segment(void **state)
{
	say(&s, CLIENT,
	    "GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET /3 "
	    "HTTP/1.1\r\n\r\n");
	say(&s, SERVER,
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 204 No\r\n\r\n"
	    "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nab");
	expect(3);
	whole(0, 200, 1, 0);
	whole(1, 204, 0, TX_PIPELINED);
	whole(2, 404, 2, TX_PIPELINED);
	assert_string_equal(cap.tx[1].target, "/2");
	assert_int_equal(cap.tx[1].tx.req.body_size, 2);
	assert_string_equal(cap.tx[2].target, "/3");
}

static void test_byte_at_a_time(void **state)
{
	static const char req[] = "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
	static const char resp[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				   "3\r\nabc\r\n0\r\n\r\n";
	const struct transaction *tx = NULL;

	for (unsigned int i = 0; i < 2; i++) {
		say_bytewise(CLIENT, req);
		say_bytewise(SERVER, resp);
	}
	expect(2);
	for (unsigned int i = 0; i < 2; i++) {
		tx = whole(i, 200, 3, 0);
		assert_string_equal(cap.tx[i].target, "/x");
		assert_value(&cap.tx[i].req_headers[0], "host", "h");
		assert_int_equal(tx->req.size, sizeof(req) - 1);
		assert_int_equal(tx->resp.size, sizeof(resp) - 1);
		assert_int_equal(tx->latency_ns, (sizeof(resp) - 1) * MS);
		assert_int_equal(tx->ttfb_ns, MS);
	}
	assert_int_equal(tx->req.segments, sizeof(req) - 1);
	assert_int_equal(tx->resp.segments, sizeof(resp) - 1);
}

static void test_thousands_of_segments(void **state)
{
	const struct transaction *tx;

	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n");
	say_wide(SERVER, 'x', 5000000, 1000);
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	expect(2);
	tx = whole(0, 200, 5000000, 0);
	assert_int_equal(tx->resp.segments, 5001);
	assert_int_equal(tx->latency_ns, 5001 * MS);
	whole(1, 200, 0, 0);
}

static void test_interim(void **state)
{
	const struct transaction *tx;

	say(&s, CLIENT, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	say(&s, SERVER, "HTTP/1.1 100 Continue\r\n\r\n");
	say(&s, CLIENT, "ab");
	say(&s, SERVER, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
	s.ns += 5 * MS;
	say(&s, SERVER, OK_EMPTY);
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	expect(2);
	tx = whole(0, 200, 0, 0);
	assert_int_equal(tx->interim_cnt, 2);
	assert_int_equal(tx->resp.size, sizeof(OK_EMPTY) - 1);
	assert_int_equal(tx->ttfb_ns, 7 * MS);
	assert_int_equal(cap.cnt.interim, 2);
	assert_int_equal(cap.cnt.responses, 2);
	assert_int_equal(whole(1, 200, 0, 0)->interim_cnt, 0);
}

static void test_head(void **state)
{
	say(&s, CLIENT, "HEAD / HTTP/1.1\r\n\r\n");
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx");
	expect(2);
	whole(0, 200, 0, 0);
	whole(1, 404, 1, 0);
}

static void test_204_304(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 204 No Content\r\n\r\n");
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n");
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	expect(3);
	whole(0, 204, 0, 0);
	whole(1, 304, 0, 0);
	whole(2, 200, 0, 0);
}

static void test_chunked(void **state)
{
	static const char resp[] =
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n"
		"5;name=\"v;\"\r\nhello\r\nA\r\n0123456789\r\n0;last\r\n"
		"Content-Type: no\r\nT: v\r\n\r\n";

	say(&s, CLIENT, GET);
	say(&s, SERVER, resp);
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	expect(2);
	assert_int_equal(whole(0, 200, 15, 0)->resp.size, sizeof(resp) - 1);
	assert_int_equal(cap.tx[0].tx.resp.header_cnt, 0);
	whole(1, 200, 0, 0);
}

/* It is over with the FIN, but it was complete with its last byte. */
static void test_close_delimited(void **state)
{
	const struct transaction *tx;

	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\n\r\nab");
	say(&s, SERVER, "cd");
	s.ns += 100 * MS;
	tell(&s, SERVER, TCP_FIN);
	expect(1);
	tx = whole(0, 200, 4, 0);
	assert_int_equal(tx->latency_ns, 2 * MS);
}

static void test_cut_short(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	tell(&s, SERVER, TCP_FIN);
	expect(1);
	assert_false(cap.tx[0].tx.resp.complete);
	assert_int_equal(cap.tx[0].tx.flags, TX_TRUNCATED);
	assert_int_equal(cap.tx[0].tx.resp.body_size, 3);
}

static void test_early_response(void **state)
{
	const struct transaction *tx;

	say(&s, CLIENT, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabcd");
	say(&s, SERVER, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
	say(&s, CLIENT, "efghij");
	expect(1);
	tx = whole(0, 413, 0, TX_EARLY_RESPONSE);
	assert_false(tx->has_latency);
	assert_false(tx->has_ttfb);
}

static void test_connect(void **state)
{
	say(&s, CLIENT, "CONNECT host:443 HTTP/1.1\r\n\r\n");
	say(&s, SERVER, "HTTP/1.1 200 Connected\r\nContent-Length: 10\r\n\r\n");
	say(&s, CLIENT, "GET /inside HTTP/1.1\r\n\r\n");
	say(&s, SERVER, OK_EMPTY);
	expect(1);
	whole(0, 200, 0, TX_TUNNEL);
	assert_string_equal(cap.tx[0].target, "host:443");
}

static void test_connect_refused(void **state)
{
	say(&s, CLIENT, "CONNECT host:443 HTTP/1.1\r\n\r\n");
	say(&s, SERVER, "HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno");
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	expect(2);
	whole(0, 407, 2, 0);
	whole(1, 200, 0, 0);
}

static void test_upgrade(void **state)
{
	say(&s, CLIENT, "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
	say(&s, SERVER,
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello");
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	expect(1);
	whole(0, 101, 0, TX_UPGRADED);
	assert_int_equal(cap.cnt.interim, 0);
}

static void test_upgrade_ignored(void **state)
{
	say(&s, CLIENT, "GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n");
	say(&s, SERVER, OK_EMPTY);
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	expect(2);
	whole(0, 200, 0, 0);
	whole(1, 200, 0, 0);
}

/* Requests whose line is unusual, and what is made of it. */
static void test_request_lines(void **state)
{
	static const struct {
		const char *line, *method, *target;
		unsigned int minor;
	} cases[] = {
		{"GET http://host:1/x?y HTTP/1.1", "GET", "http://host:1/x?y", 1},
		{"GET /old HTTP/1.0", "GET", "/old", 0},
		{"OPTIONS * HTTP/1.1", "OPTIONS", "*", 1},
		{"FROBNICATE /x HTTP/1.1", "FROBNICATE", "/x", 1},
		{"GET /caf\xc3\xa9 au lait HTTP/1.1", "GET", "/caf\xc3\xa9 au lait", 1},
		{"PURGE /x HTTP/1.1", "PURGE", "/x", 1},
	};
	const size_t n = sizeof(cases) / sizeof(cases[0]);

	for (size_t i = 0; i < n; i++) {
		char text[200];

		snprintf(text, sizeof(text), "%s\r\nHost: h\r\n\r\n", cases[i].line);
		say(&s, CLIENT, text);
		say(&s, SERVER, OK_EMPTY);
	}
	expect(n);
	for (size_t i = 0; i < n; i++) {
		const struct transaction *tx = whole(i, 200, 0, 0);

		assert_string_equal(cap.tx[i].method, cases[i].method);
		assert_string_equal(cap.tx[i].target, cases[i].target);
		assert_int_equal(tx->req.version_major, 1);
		assert_int_equal(tx->req.version_minor, cases[i].minor);
		assert_int_equal(tx->req.size, strlen(cases[i].line) + 13);
	}
}

static void test_http10_response(void **state)
{
	say(&s, CLIENT, "GET / HTTP/1.0\r\n\r\n");
	give(&s, prepare(&s, SERVER, TCP_FIN, "HTTP/1.0 200 OK\r\n\r\nbody", 23));
	expect(1);
	assert_int_equal(whole(0, 200, 4, 0)->resp.version_minor, 0);
}

static void test_equal_content_lengths(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc");
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	expect(2);
	whole(0, 200, 3, 0);
	whole(1, 200, 0, 0);
}

static void test_conflicting_content_lengths(void **state)
{
	say(&s, CLIENT, "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd");
	say(&s, SERVER, OK_EMPTY);
	expect(1);
	assert_true(cap.tx[0].tx.flags & TX_MALFORMED);
	assert_int_equal(cap.tx[0].tx.status, 200);
}

/* RFC 9112 §6.3: Transfer-Encoding overrides, and the message "ought to be handled as an error". */
static void test_transfer_encoding_and_length(void **state)
{
	say(&s, CLIENT,
	    "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "6\r\nabcdef\r\n0\r\n\r\n");
	say(&s, SERVER, OK_EMPTY);
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	expect(2);
	assert_int_equal(whole(0, 200, 0, TX_MALFORMED)->req.body_size, 6);
	whole(1, 200, 0, 0);
}

static void test_bare_lf(void **state)
{
	say(&s, CLIENT, "POST / HTTP/1.1\nHost: h\nContent-Length: 2\n\nab");
	say(&s, SERVER, "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc");
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	expect(2);
	assert_int_equal(whole(0, 200, 3, 0)->req.body_size, 2);
	assert_value(&cap.tx[0].req_headers[0], "host", "h");
	whole(1, 200, 0, 0);
}

/* RFC 9112 §2.2 */
static void test_empty_lines_between(void **state)
{
	say(&s, CLIENT, GET "\r\n");
	say(&s, SERVER, OK_EMPTY);
	say(&s, CLIENT, "\r\n" GET);
	say(&s, SERVER, OK_EMPTY);
	expect(2);
	whole(1, 200, 0, 0);
	assert_int_equal(cap.tx[1].tx.req.size, sizeof(GET) - 1);
	assert_int_equal(cap.cnt.skipped_bytes, 4);
}

static void test_megabyte_of_headers(void **state)
{
	say(&s, CLIENT, "GET / HTTP/1.1\r\nX: ");
	say_wide(CLIENT, 'x', 1 << 20, 60000);
	say(&s, CLIENT, "\r\nHost: h\r\n\r\n");
	say(&s, SERVER, OK_EMPTY);
	expect(1);
	assert_int_equal(whole(0, 200, 0, 0)->req.size, 19 + (1 << 20) + 13);
	assert_value(&cap.tx[0].req_headers[0], "host", "h");
}

static void test_endless_headers(void **state)
{
	say(&s, CLIENT, "GET / HTTP/1.1\r\nX: ");
	say_wide(CLIENT, 'x', 9 << 20, 60000);
	assert_int_equal(cap.cnt.oversize, 1);
	expect(1);
	assert_true(cap.tx[0].tx.flags & TX_MALFORMED);
	assert_false(cap.tx[0].tx.req.complete);
}

static void test_garbage_then_resync(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	say(&s, CLIENT, "\x01\x02 this is no message");
	say(&s, CLIENT, "GET /next HTTP/1.1\r\n\r\n");
	say(&s, SERVER, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	expect(2);
	whole(0, 200, 0, 0);
	assert_string_equal(cap.tx[1].target, "/next");
	whole(1, 404, 0, 0);
	assert_int_equal(cap.cnt.resyncs, 1);
	assert_int_equal(cap.cnt.skipped_bytes, 21);
}

static void test_syntax_error(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n");
	expect(1);
	assert_int_equal(cap.tx[0].tx.status, 200);
	assert_true(cap.tx[0].tx.flags & TX_MALFORMED);
	assert_false(cap.tx[0].tx.resp.complete);
	assert_int_equal(cap.cnt.malformed, 1);
}

/* What snaplen cut off existed: sizes and times are right. */
static void test_snaplen(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
	char resp[sizeof(head) - 1 + 1000];
	const struct transaction *tx;

	memset(resp, 'x', sizeof(resp));
	memcpy(resp, head, sizeof(head) - 1);
	s.snap = 100;
	say(&s, CLIENT, GET);
	say_bytes(&s, SERVER, resp, sizeof(resp));
	say_wide(SERVER, 'x', 4000, 1000);
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	expect(2);
	tx = &cap.tx[0].tx;
	assert_true(tx->resp.complete);
	assert_int_equal(tx->resp.body_size, 5000);
	assert_int_equal(tx->resp.size, sizeof(head) - 1 + 5000);
	assert_int_equal(tx->latency_ns, 5 * MS);
	assert_false(tx->flags & TX_GAP);
	whole(1, 200, 0, 0);
	assert_int_equal(cap.cnt.hollow_bytes, sizeof(resp) - 100 + 4 * 900);
}

static void test_snaplen_chunked(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n");
	s.snap = 10;
	say_wide(SERVER, 'x', 3000, 1000);
	s.snap = 0;
	say(&s, SERVER, "\r\n0\r\n\r\n");
	expect(1);
	assert_true(cap.tx[0].tx.resp.complete);
	assert_int_equal(cap.tx[0].tx.resp.body_size, 3000);
}

/* The length is known, so the hole's end is, too: what follows is paired as if nothing were missing. */
static void test_hole_in_body(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234");
	miss(&s, SERVER, "5678901234");
	say(&s, SERVER, "56789");
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	expect(2);
	whole(0, 200, 20, TX_GAP);
	whole(1, 404, 0, 0);
	assert_int_equal(cap.cnt.resyncs, 0);
}

/* The last byte was not seen: when it came is not known. */
static void test_hole_at_the_end_of_body(void **state)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
	miss(&s, SERVER, "56789");
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	expect(2);
	assert_int_equal(cap.tx[0].tx.resp.body_size, 10);
	assert_false(cap.tx[0].tx.resp.complete);
	assert_true(cap.tx[0].tx.flags & TX_GAP);
	whole(1, 404, 0, 0);
}

static void test_retransmission_counts(void **state)
{
	struct packet *req = prepare(&s, CLIENT, 0, GET, sizeof(GET) - 1), *a, *b;

	give(&s, req);
	give(&s, req);
	a = prepare(&s, SERVER, 0, "HTTP/1.1 200 OK\r\n", 17);
	b = prepare(&s, SERVER, 0, "Content-Length: 0\r\n\r\n", 21);
	give(&s, b);
	give(&s, a);
	expect(1);
	whole(0, 200, 0, 0);
	assert_int_equal(cap.tx[0].tx.req.segments, 1);
	assert_int_equal(cap.tx[0].tx.req.retransmits, 1);
	assert_int_equal(cap.tx[0].tx.resp.segments, 2);
	assert_int_equal(cap.tx[0].tx.resp.out_of_order, 1);
}

static void test_conflicting_copies(void **state)
{
	struct packet *first = prepare(&s, CLIENT, 0, "GET /", 5);

	say(&s, CLIENT, "one HTTP/1.1\r\n\r\n");
	s.next[CLIENT] -= 16;
	say(&s, CLIENT, "two HTTP/1.1\r\n\r\n");
	give(&s, first);
	say(&s, SERVER, OK_EMPTY);
	expect(1);
	assert_string_equal(cap.tx[0].target, "/one");
	whole(0, 200, 0, TX_CONFLICT);
}

static void test_other_protocols(void **state)
{
	static const uint8_t hello[] = {0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0, 0, 1, 0};

	say_bytes(&s, CLIENT, hello, sizeof(hello));
	assert_int_equal(cap.cnt.flows_tls, 1);
	goodbye(&s);
	stream_open(&s, &cap, 900000, 800000);
	say(&s, CLIENT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	assert_int_equal(cap.cnt.flows_http2, 1);
	goodbye(&s);
	stream_open(&s, &cap, 90000000, 80000000);
	say(&s, SERVER, "SSH-2.0-OpenSSH_9.2\r\n");
	assert_int_equal(cap.cnt.flows_other, 1);
	expect(0);
	assert_int_equal(cap.cnt.flows_http, 0);
	assert_int_equal(cap.cnt.flows, 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_exchange),
		TEST(test_headers),
		cmocka_unit_test(test_lines),
		TEST(test_several_in_one_segment),
		TEST(test_byte_at_a_time),
		TEST(test_thousands_of_segments),
		TEST(test_interim),
		TEST(test_head),
		TEST(test_204_304),
		TEST(test_chunked),
		TEST(test_close_delimited),
		TEST(test_cut_short),
		TEST(test_early_response),
		TEST(test_connect),
		TEST(test_connect_refused),
		TEST(test_upgrade),
		TEST(test_upgrade_ignored),
		TEST(test_request_lines),
		TEST(test_http10_response),
		TEST(test_equal_content_lengths),
		TEST(test_conflicting_content_lengths),
		TEST(test_transfer_encoding_and_length),
		TEST(test_bare_lf),
		TEST(test_empty_lines_between),
		TEST(test_megabyte_of_headers),
		TEST(test_endless_headers),
		TEST(test_garbage_then_resync),
		TEST(test_syntax_error),
		TEST(test_snaplen),
		TEST(test_snaplen_chunked),
		TEST(test_hole_in_body),
		TEST(test_hole_at_the_end_of_body),
		TEST(test_retransmission_counts),
		TEST(test_conflicting_copies),
		TEST(test_other_protocols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
