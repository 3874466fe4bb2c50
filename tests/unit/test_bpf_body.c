// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the capture programs withhold because it is the body of a message, and what they must not.
 * By BPF_PROG_TEST_RUN, on each hook that has state without a socket. Needs root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bpf_run.h"

/* One connection on which segments follow each other. */
struct stream {
	struct fixture *fx;
	const struct hook_case *hook;
	uint16_t port;
	uint32_t seq;
	bool reply; /* the other direction */
};

/* Sends the next segment; returns how much of its payload crossed. */
static size_t next(struct stream *st, const char *payload, size_t len)
{
	struct frame_spec spec = {
		.payload = payload, .payload_len = len, .seq = st->seq, .reverse = st->reply};
	struct kept_event *e;
	size_t copied;

	spec.sport = st->reply ? 80 : st->port;
	spec.dport = st->reply ? st->port : 80;
	len = len ? len : strlen(payload);
	st->seq += (uint32_t)len;
	assert_int_equal(run(st->fx, st->hook, &spec, &e), 1);
	copied = e->ev.cap_len - 40;
	assert_int_equal(e->ev.pkt_len, 40 + len);
	assert_int_equal(!!(e->ev.flags & EVENT_F_ELIDED), copied < len);
	return copied;
}

static struct fixture *open_bodies(void)
{
	const struct capture_config config = {.find_bodies = 1};

	return open_fixture(&config);
}

static char zeros[3000];

static void withholds_bodies(void **state)
{
	static const char *const heads[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
		"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-LENGTH:\t5000 \r\nA: b\r\n\r\n",
		"HTTP/1.0 404 Not Found\nContent-Length:5000\n\n",
		"HTTP/1.1 500 X\r\nX-Content-Length: 7\r\nContent-Length: 5000\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n",
		"PUT /Content-Length: HTTP/1.1\r\nContent-Length: 00005000\r\n\r\n",
	};
	struct fixture *fx = open_bodies();

	for (size_t i = 0; i < HOOK_CNT; i++) {
		for (size_t k = 0; k < sizeof(heads) / sizeof(heads[0]); k++) {
			struct stream st = {fx, &hooks[i], fresh_port(), 0xffffff00, false};

			if (!hooks[i].has_state)
				continue;
			assert_int_equal(next(&st, heads[k], 0), strlen(heads[k]));
			if (next(&st, zeros, 2000))
				fail_msg("%s: body copied after %s", hooks[i].name, heads[k]);
			assert_int_equal(next(&st, zeros, 3000), 0);
			assert_int_equal(next(&st, zeros, 10), 10); /* beyond the body */
			assert_int_equal(next(&st, heads[k], 0), strlen(heads[k]));
			assert_int_equal(next(&st, zeros, 3000), 0);
			assert_int_equal(next(&st, zeros, 2001), 2001); /* not all body */
			st.seq -= 5001 + (uint32_t)strlen(heads[k]);
			assert_int_equal(next(&st, heads[k], 0), strlen(heads[k])); /* again */
		}
	}
	close_fixture(fx);
}

static void leaves_doubtful_bodies(void **state)
{
	static const char *const heads[] = {
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5000\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nContent-Length: 6\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5000, 5000\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 50 00\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -5000\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0x5000\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 100 Continue\r\nContent-Length: 5000\r\n\r\n",
		"HTTP/1.1 101 X\r\nContent-Length: 5000\r\n\r\n",
		"HTTP/1.1 204 No Content\r\nContent-Length: 5000\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n",
	};
	struct fixture *fx = open_bodies();

	for (size_t i = 0; i < HOOK_CNT; i++) {
		for (size_t k = 0; k < sizeof(heads) / sizeof(heads[0]); k++) {
			struct stream st = {fx, &hooks[i], fresh_port(), 1, false};

			if (!hooks[i].has_state)
				continue;
			assert_int_equal(next(&st, heads[k], 0), strlen(heads[k]));
			if (next(&st, zeros, 1000) != 1000)
				fail_msg("%s: withheld after %s", hooks[i].name, heads[k]);
		}
	}
	close_fixture(fx);
}

/* Header and body in one segment: what is body and nothing else stays. */
static void withholds_a_body_beside_its_header(void **state)
{
	struct fixture *fx = open_bodies();
	char packet[3000], *body;
	size_t head;

	for (size_t i = 0; i < HOOK_CNT; i++) {
		struct stream st = {fx, &hooks[i], fresh_port(), 1, false};

		if (!hooks[i].has_state)
			continue;
		memset(packet, 'x', sizeof(packet));
		head = (size_t)sprintf(packet, "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n");
		packet[head] = 'x';
		assert_int_equal(next(&st, packet, 3000), head);
		assert_int_equal(next(&st, zeros, 3000), 0);
		/* A HEAD response, and the next one behind it. */
		st.port = fresh_port();
		body = packet + head;
		memcpy(body, "HTTP/1.1 200 OK", 15);
		assert_int_equal(next(&st, packet, 3000), 3000);
		assert_int_equal(next(&st, zeros, 3000), 3000);
		/* More than the body: the rest is another message. */
		st.port = fresh_port();
		head = (size_t)sprintf(packet, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
		packet[head] = 'x';
		assert_int_equal(next(&st, packet, head + 1001), head + 1001);
		st.port = fresh_port();
		assert_int_equal(next(&st, packet, head + 1000), head);
		/* Too small to be worth it. */
		st.port = fresh_port();
		head = (size_t)sprintf(packet, "HTTP/1.1 200 OK\r\nContent-Length: 255\r\n\r\n");
		packet[head] = 'x';
		assert_int_equal(next(&st, packet, head + 255), head + 255);
	}
	close_fixture(fx);
}

/* What must never happen: a message that is not seen because a body was announced that did not
 * come. */
static void shows_messages_where_a_body_was_announced(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
	struct fixture *fx = open_bodies();

	for (size_t i = 0; i < HOOK_CNT; i++) {
		struct stream st = {fx, &hooks[i], fresh_port(), 1, false};
		struct stream back = {fx, &hooks[i], st.port, 1, true};

		if (!hooks[i].has_state)
			continue;
		assert_int_equal(next(&st, head, 0), strlen(head));
		assert_int_equal(next(&st, head, 0), strlen(head));
		assert_int_equal(next(&st, zeros, 1000), 0);
		/* After HEAD no length is believed; the two directions have to meet for that. */
		if (hooks[i].dir != EVENT_DIR_UNKNOWN)
			continue;
		next(&back, "HEAD / HTTP/1.1\r\n\r\n", 0);
		assert_int_equal(next(&st, head, 0), strlen(head));
		assert_int_equal(next(&st, zeros, 1000), 1000);
	}
	close_fixture(fx);
}

/* The header section ends anywhere up to the limit, and beyond. */
static void finds_the_end_of_any_header(void **state)
{
	struct fixture *fx = open_bodies();
	unsigned int withheld = 0;
	char head[1200];

	for (size_t pad = 0; pad < 900; pad += 3) {
		struct stream st = {fx, &hooks[HOOK_CNT - 1], fresh_port(), 1, false};
		size_t n = (size_t)sprintf(head, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX: ");

		memset(head + n, pad % 2 ? 'y' : '\r', pad);
		strcpy(head + n + pad, "\r\n\r\n");
		next(&st, head, 0);
		n = next(&st, zeros, 1000);
		assert_true(n == 0 || n == 1000);
		assert_true(n == 0 || strlen(head) > 600);
		withheld += !n;
	}
	assert_true(withheld > 150);
	close_fixture(fx);
}

/* The beginning of each body that is asked for crosses, to the byte, and no more. */
static void shows_the_beginning_that_is_asked_for(void **state)
{
	const struct capture_config config = {.find_bodies = 1, .body_bytes = 1000};
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
	static const char small[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
	struct fixture *fx = open_fixture(&config);
	char packet[3000];

	for (size_t i = 0; i < HOOK_CNT; i++) {
		struct stream st = {fx, &hooks[i], fresh_port(), 0xffffff00, false};

		if (!hooks[i].has_state)
			continue;
		assert_int_equal(next(&st, head, 0), strlen(head));
		assert_int_equal(next(&st, zeros, 600), 600);
		assert_int_equal(next(&st, zeros, 600), 400);
		assert_int_equal(next(&st, zeros, 600), 0);
		st.seq -= 600; /* again */
		assert_int_equal(next(&st, zeros, 600), 0);
		st.seq -= 1800;
		assert_int_equal(next(&st, zeros, 1800), 1000);
		assert_int_equal(next(&st, zeros, 3000), 0);
		assert_int_equal(next(&st, zeros, 201), 201); /* not all body */
		/* Beside its header. */
		memset(packet, 'x', sizeof(packet));
		memcpy(packet, head, strlen(head));
		assert_int_equal(next(&st, packet, 3000), strlen(head) + 1000);
		assert_int_equal(next(&st, zeros, 1000), 0);
		st.port = fresh_port();
		assert_int_equal(next(&st, packet, 700), 700);
		assert_int_equal(next(&st, zeros, 3000), strlen(head) + 1000 - 700);
		/* No more than is asked for. */
		st.port = fresh_port();
		assert_int_equal(next(&st, small, 0), strlen(small));
		assert_int_equal(next(&st, zeros, 1000), 1000);
		/* A HEAD response, and the next one behind it. */
		st.port = fresh_port();
		memcpy(packet + strlen(head), "HTTP/1.1 200 OK", 15);
		assert_int_equal(next(&st, packet, 3000), 3000);
		assert_int_equal(next(&st, zeros, 3000), 3000);
	}
	close_fixture(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(withholds_bodies),
		cmocka_unit_test(leaves_doubtful_bodies),
		cmocka_unit_test(withholds_a_body_beside_its_header),
		cmocka_unit_test(shows_messages_where_a_body_was_announced),
		cmocka_unit_test(finds_the_end_of_any_header),
		cmocka_unit_test(shows_the_beginning_that_is_asked_for),
	};

	return RUN_TESTS(tests);
}
