// SPDX-License-Identifier: GPL-2.0-only
/* The first bytes of bodies: which ones are kept, what is missing, and how they are shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/body.h"
#include "stream.h"

#define GET	   "GET / HTTP/1.1\r\n\r\n"
#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " #length "\r\n\r\n"
#define CHUNKED	   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static struct capture cap;
static struct stream s;

/* A table that keeps n bytes of each body, and a connection in it. */
static void begin(uint32_t n, size_t max_memory)
{
	struct flow_config config = flow_config_default;

	config.body_bytes = n;
	if (max_memory)
		config.max_memory = config.max_conn_memory = max_memory;
	capture_open(&cap, &config);
	stream_open(&s, &cap, 1000, 5000);
}

static void end(void)
{
	stream_close(&s);
	capture_close(&cap);
}

/* Ends the connection and the capture; n transactions came out of it. */
static void expect(size_t n)
{
	goodbye(&s);
	capture_finish(&cap);
	assert_int_equal(cap.tx_cnt, n);
}

/* want NULL: nothing was kept. */
static void assert_body(const struct body_bytes *body, const char *want, bool cut)
{
	assert_int_equal(body->cut, cut);
	if (!want) {
		assert_null(body->ptr);
		assert_int_equal(body->len, 0);
		return;
	}
	assert_non_null(body->ptr);
	assert_int_equal(body->len, strlen(want));
	assert_memory_equal(body->ptr, want, body->len);
}

static void assert_response(size_t i, const char *want, bool cut)
{
	assert_true(i < cap.tx_cnt);
	assert_body(&cap.tx[i].tx.resp_body, want, cut);
}

static void say_bytewise(unsigned int who, const char *text)
{
	for (; *text; text++)
		say_bytes(&s, who, text, 1);
}

static void asks(const char *response)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, response);
}

/* --- what is kept ----------------------------------------------------------------------------- */

static void test_not_asked_for(void **state)
{
	begin(0, 0);
	say(&s, CLIENT, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
	say(&s, SERVER, OK(4) "made");
	expect(1);
	assert_body(&cap.tx[0].tx.req_body, NULL, false);
	assert_response(0, NULL, false);
	end();
}

static void test_known_length(void **state)
{
	begin(4, 0);
	say(&s, CLIENT, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na");
	say(&s, CLIENT, "bc");
	say(&s, SERVER, OK(4) "made");
	say(&s, CLIENT, "PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde" GET);
	say(&s, SERVER, OK(10) "012");
	say(&s, SERVER, "3456789" OK(0));
	expect(3);
	assert_body(&cap.tx[0].tx.req_body, "abc", false);
	assert_response(0, "made", false);
	assert_body(&cap.tx[1].tx.req_body, "abcd", false);
	assert_response(1, "0123", false);
	assert_int_equal(cap.tx[1].tx.resp.body_size, 10);
	assert_body(&cap.tx[2].tx.req_body, NULL, false);
	assert_response(2, NULL, false);
	end();
}

/* Without the framing; trailers are none of it. */
static void test_chunked(void **state)
{
	begin(12, 0);
	say(&s, CLIENT,
	    "POST / HTTP/1.1\r\nTransfer-Encoding: "
	    "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: "
	    "v\r\n\r\n");
	say(&s, SERVER, CHUNKED "5\r\nhel");
	say(&s, SERVER, "lo\r\nA\r\n0123456789\r\n0\r\n\r\n");
	asks(OK(1) "x");
	expect(2);
	assert_body(&cap.tx[0].tx.req_body, "abcde", false);
	assert_response(0, "hello0123456", false);
	assert_response(1, "x", false);
	end();
}

static void test_byte_at_a_time(void **state)
{
	begin(6, 0);
	for (unsigned int i = 0; i < 2; i++) {
		say_bytewise(CLIENT, "PUT / HTTP/1.1\r\nContent-Length: 7\r\n\r\nabcdefg");
		say_bytewise(SERVER, CHUNKED "3\r\n012\r\n4\r\n3456\r\n0\r\n\r\n");
	}
	expect(2);
	for (unsigned int i = 0; i < 2; i++) {
		assert_body(&cap.tx[i].tx.req_body, "abcdef", false);
		assert_response(i, "012345", false);
	}
	end();
}

static void test_close_delimited(void **state)
{
	begin(100, 0);
	asks("HTTP/1.1 200 OK\r\n\r\nab");
	say(&s, SERVER, "cd");
	expect(1);
	assert_response(0, "abcd", false);
	assert_int_equal(cap.tx[0].tx.flags, 0);
	end();
}

static void test_no_body(void **state)
{
	begin(100, 0);
	say(&s, CLIENT, "HEAD / HTTP/1.1\r\n\r\n");
	say(&s, SERVER, OK(1000));
	asks("HTTP/1.1 204 No Content\r\n\r\n");
	asks("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n");
	asks("HTTP/1.1 100 Continue\r\n\r\n" OK(1) "x");
	expect(4);
	for (unsigned int i = 0; i < 3; i++)
		assert_response(i, NULL, false);
	assert_response(3, "x", false);
	end();
}

/* What belongs to another protocol is no body. */
static void test_upgrade(void **state)
{
	begin(100, 0);
	say(&s, CLIENT, "GET / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
	say(&s, SERVER, "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n??");
	say(&s, CLIENT, "!!");
	expect(1);
	assert_body(&cap.tx[0].tx.req_body, NULL, false);
	assert_response(0, NULL, false);
	end();
}

/* A message that ends too early has the body that it has. */
static void test_incomplete(void **state)
{
	begin(100, 0);
	asks(OK(10) "0123");
	expect(1);
	assert_response(0, "0123", false);
	assert_true(cap.tx[0].tx.flags & TX_TRUNCATED);
	end();
}

static void test_nul_bytes(void **state)
{
	begin(100, 0);
	say(&s, CLIENT, GET);
	say_bytes(&s, SERVER, OK(4) "a\0\0b", sizeof(OK(4)) - 1 + 4);
	expect(1);
	assert_int_equal(cap.tx[0].tx.resp_body.len, 4);
	assert_memory_equal(cap.tx[0].tx.resp_body.ptr, "a\0\0b", 4);
	end();
}

/* --- what is missing -------------------------------------------------------------------------- */

static void test_hole(void **state)
{
	static const char *const heads[] = {OK(12), "HTTP/1.1 200 OK\r\n\r\n", CHUNKED "c\r\n"};

	for (unsigned int i = 0; i < 3; i++) {
		begin(10, 0);
		asks(heads[i]);
		say(&s, SERVER, "0123");
		miss(&s, SERVER, "4567");
		say(&s, SERVER, "89ab");
		if (i == 2)
			say(&s, SERVER, "\r\n0\r\n\r\n");
		expect(1);
		assert_response(0, "0123", true);
		assert_int_equal(cap.tx[0].tx.resp.body_size, 12);
		assert_true(cap.tx[0].tx.flags & TX_GAP);
		end();
	}
}

static void test_hole_at_the_edges(void **state)
{
	begin(4, 0);
	asks(OK(8)); /* behind what was asked for */
	say(&s, SERVER, "0123");
	miss(&s, SERVER, "45");
	say(&s, SERVER, "67");
	asks(OK(8)); /* at the beginning */
	miss(&s, SERVER, "01");
	say(&s, SERVER, "234567");
	asks(OK(2)); /* all of it */
	miss(&s, SERVER, "01");
	asks(OK(1) "x");
	expect(4);
	assert_response(0, "0123", false);
	assert_response(1, NULL, true);
	assert_response(2, NULL, true);
	assert_response(3, "x", false);
	end();
}

/* A hole that fills is none. */
static void test_out_of_order(void **state)
{
	struct packet *late;

	begin(100, 0);
	asks(OK(6));
	late = prepare(&s, SERVER, 0, "012", 3);
	say(&s, SERVER, "345");
	give(&s, late);
	give(&s, late);
	expect(1);
	assert_response(0, "012345", false);
	end();
}

/* Cut by the capture's limit: what was not copied is missing, not zero. */
static void test_snaplen(void **state)
{
	begin(100, 0);
	s.snap = strlen(OK(50)) + 3;
	asks(OK(50) "01234567890123456789");
	say(&s, SERVER, "012345678901234567890123456789");
	expect(1);
	assert_response(0, "012", true);
	assert_int_equal(cap.tx[0].tx.resp.body_size, 50);
	end();
}

static void test_bad_chunk(void **state)
{
	begin(100, 0);
	asks(CHUNKED "3\r\nabc\r\nxyz\r\n");
	expect(1);
	assert_response(0, "abc", false);
	assert_true(cap.tx[0].tx.flags & TX_MALFORMED);
	end();
}

/* --- limits ----------------------------------------------------------------------------------- */

static void say_wide(unsigned int who, size_t len)
{
	char *text = malloc(len);

	for (size_t i = 0; i < len; i++)
		text[i] = (char)(i * 7);
	say_bytes(&s, who, text, len);
	free(text);
}

static void test_large(void **state)
{
	begin(65536, 0);
	asks(OK(200000));
	for (unsigned int i = 0; i < 200; i++)
		say_wide(SERVER, 1000);
	expect(1);
	assert_int_equal(cap.tx[0].tx.resp_body.len, 65536);
	for (unsigned int i = 0; i < 65536; i++)
		assert_int_equal(cap.tx[0].resp_body[i], (char)(i % 1000 * 7));
	assert_int_equal(cap.cnt.memory_bodies, 0);
	end();
}

/* At the memory limit bodies are given up, and no message is. */
static void test_memory_limit(void **state)
{
	unsigned int cut = 0;

	begin(65536, 1 << 20);
	for (unsigned int i = 0; i < 40; i++) {
		say(&s, CLIENT, "PUT / HTTP/1.1\r\nContent-Length: 60000\r\n\r\n");
		say_wide(CLIENT, 60000);
	}
	for (unsigned int i = 0; i < 40; i++)
		say(&s, SERVER, OK(0));
	expect(40);
	for (unsigned int i = 0; i < 40; i++) {
		const struct transaction *tx = &cap.tx[i].tx;

		assert_int_equal(tx->status, 200);
		assert_true(tx->req.complete);
		assert_int_equal(tx->req.body_size, 60000);
		assert_true(tx->req_body.cut == (tx->req_body.len < 60000));
		cut += tx->req_body.cut;
	}
	assert_true(cut >= 32 && cut < 40);
	assert_int_equal(cap.cnt.memory_bodies, cut);
	assert_int_equal(cap.cnt.memory_dropped + cap.cnt.memory_evicted, 0);
	end();
}

/* The kernel is told to withhold the rest when there is enough, and not before. */
static void test_elide(void **state)
{
	begin(3000, 0);
	s.local[CLIENT] = true;
	s.note[CLIENT].cookie = 11;
	s.end[CLIENT].port++;
	say(&s, CLIENT, "PUT / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
	say_wide(CLIENT, 1000);
	say_wide(CLIENT, 1000);
	assert_int_equal(cap.elide_cnt, 0);
	say_wide(CLIENT, 1000);
	assert_int_equal(cap.elide_cnt, 1);
	assert_int_equal(cap.elide[0].seq, s.next[CLIENT] + 97000);
	s.snap = 1;
	say_wide(CLIENT, 97000);
	s.snap = 0;
	say(&s, SERVER, OK(0));
	capture_finish(&cap);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(cap.tx[0].tx.req_body.len, 3000);
	assert_false(cap.tx[0].tx.req_body.cut);
	end();
}

/* --- how they are shown ----------------------------------------------------------------------- */

static struct body_bytes body_of(const char *text)
{
	return (struct body_bytes){text, (uint32_t)strlen(text), false};
}

static void expect_lines(const struct transaction *tx, const char *want)
{
	struct buf b = {0};

	body_add_lines(&b, tx);
	buf_add(&b, "", 1);
	assert_string_equal(b.ptr, want);
	buf_free(&b);
}

static void test_lines(void **state)
{
	struct transaction tx = {
		.req = {.body_size = 5},
		.resp = {.body_size = 400},
		.req_body = body_of("a\n\x1b[2J"),
		.resp_body = body_of("\x9b\xe2\x80\xae\\x"),
	};

	expect_lines(&(struct transaction){.resp = {.body_size = 9}}, "");
	expect_lines(&tx, "  request body, 5 bytes: a\\x0a\\x1b[2J\n"
			  "  response body, 6 of 400 bytes: \\x9b\\u{202e}\\\\x\n");
	tx.req_body = (struct body_bytes){.cut = true};
	tx.resp_body.cut = true;
	expect_lines(&tx, "  request body, 5 bytes, missing\n"
			  "  response body, 6 of 400 bytes, the next are missing: "
			  "\\x9b\\u{202e}\\\\x\n");
}

/* RFC 4648 §10 */
static void test_base64(void **state)
{
	static const char *const pairs[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xff\xfe\xfb", "//77"},
	};
	struct buf b = {0};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct body_bytes body = body_of(pairs[i][0]);

		buf_reset(&b);
		body_add_base64(&b, &body);
		assert_int_equal(b.len, strlen(pairs[i][1]));
		assert_memory_equal(b.ptr, pairs[i][1], b.len);
	}
	buf_free(&b);
}

static void test_is_text(void **state)
{
	static const char *const texts[] = {"", "abc", "\xc3\xa9", "\x1b\x01"};
	static const char *const others[] = {"\xc3", "\xe9t", "a\xff", "\xc0\x80"};

	for (unsigned int i = 0; i < 4; i++) {
		const struct body_bytes text = body_of(texts[i]), other = body_of(others[i]);

		assert_true(body_is_text(&text));
		assert_false(body_is_text(&other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_asked_for),
		cmocka_unit_test(test_known_length),
		cmocka_unit_test(test_chunked),
		cmocka_unit_test(test_byte_at_a_time),
		cmocka_unit_test(test_close_delimited),
		cmocka_unit_test(test_no_body),
		cmocka_unit_test(test_upgrade),
		cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_hole_at_the_edges),
		cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_snaplen),
		cmocka_unit_test(test_bad_chunk),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_memory_limit),
		cmocka_unit_test(test_elide),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_is_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
