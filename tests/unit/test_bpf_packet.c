// SPDX-License-Identifier: GPL-2.0-only
/*
 * The capture programs by BPF_PROG_TEST_RUN: how packets of all shapes are parsed and classified,
 * on each hook. The same frames go through every program. Needs root.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf_run.h"

/* The packet crosses whole, from its IP header on, on every hook that the frame suits. */
static void expect_whole(struct fixture *fx, const char *what, struct frame_spec spec)
{
	struct kept_event *e;
	struct built_frame f;
	size_t i;

	spec.payload = spec.payload ? spec.payload : "GET / HTTP/1.1\r\n\r\n";
	for (i = 0; i < HOOK_CNT; i++) {
		if (hooks[i].from_l3 && spec.tags)
			continue;
		spec.sport = fresh_port();
		frame_build(&spec, &f);
		if (run(fx, &hooks[i], &spec, &e) != 1)
			fail_msg("%s, %s: %u events", what, hooks[i].name, fx->cnt);
		assert_int_equal(e->ev.type, EVENT_SEGMENT);
		assert_int_equal(e->ev.hook, hooks[i].hook);
		assert_int_equal(e->ev.dir, hooks[i].dir);
		assert_int_equal(e->ev.pkt_len, f.ip_len);
		assert_int_equal(e->ev.cap_len, f.ip_len);
		assert_true(e->ev.time_ns != 0);
		assert_memory_equal(e->packet, f.bytes + f.l3, f.ip_len);
	}
}

/* No event, but the counter goes up by one each time. */
static void expect_counted(struct fixture *fx, const char *what, struct frame_spec spec,
			   enum event_counter which)
{
	uint64_t before;
	size_t i;

	spec.payload = spec.payload ? spec.payload : "GET / HTTP/1.1\r\n\r\n";
	for (i = 0; i < HOOK_CNT; i++) {
		before = counter(fx, which);
		spec.sport = fresh_port();
		if (run(fx, &hooks[i], &spec, NULL))
			fail_msg("%s, %s: an event", what, hooks[i].name);
		if (counter(fx, which) != before + 1)
			fail_msg("%s, %s: not counted", what, hooks[i].name);
	}
}

static const struct capture_config plain_config;

static int setup(void **state)
{
	*state = open_fixture(&plain_config);
	return 0;
}

static int teardown(void **state)
{
	if (*state)
		close_fixture(*state);
	return 0;
}

static void parses_ipv4(void **state)
{
	expect_whole(*state, "plain", (struct frame_spec){0});
	expect_whole(*state, "TCP options", (struct frame_spec){.tcp_option_words = 10});
	for (unsigned int words = 1; words <= 10; words++)
		expect_whole(*state, "IP options", (struct frame_spec){.ip_option_words = words});
	expect_whole(*state, "don't fragment", (struct frame_spec){.frag = 0x4000});
	expect_whole(*state, "Ethernet padding", (struct frame_spec){.padding = 20});
	expect_whole(*state, "BIG TCP", (struct frame_spec){.no_length = true});
}

static void parses_ipv6(void **state)
{
	static const struct {
		const char *what;
		struct frame_ext ext[6];
	} cases[] = {
		{"plain", {FRAME_EXT_END}},
		{"hop-by-hop", {{IPPROTO_HOPOPTS, 0, 0}, FRAME_EXT_END}},
		{"long hop-by-hop", {{IPPROTO_HOPOPTS, 31, 0}, FRAME_EXT_END}},
		{"routing", {{IPPROTO_ROUTING, 2, 0}, FRAME_EXT_END}},
		{"destination options", {{IPPROTO_DSTOPTS, 1, 0}, FRAME_EXT_END}},
		{"atomic fragment", {{IPPROTO_FRAGMENT, 0, 0}, FRAME_EXT_END}},
		{"chain",
		 {{IPPROTO_HOPOPTS, 0, 0},
		  {IPPROTO_DSTOPTS, 3, 0},
		  {IPPROTO_ROUTING, 2, 0},
		  {IPPROTO_FRAGMENT, 0, 0},
		  {IPPROTO_DSTOPTS, 0, 0},
		  FRAME_EXT_END}},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_whole(*state, cases[i].what,
			     (struct frame_spec){.v6 = true, .ext = cases[i].ext});
	expect_whole(*state, "BIG TCP", (struct frame_spec){.v6 = true, .no_length = true});
	expect_whole(*state, "BIG TCP with a jumbo option",
		     (struct frame_spec){.v6 = true, .no_length = true, .ext = cases[1].ext});
}

static void parses_vlan(void **state)
{
	static const uint16_t vlan[] = {ETH_P_8021Q, 0};
	static const uint16_t qinq[] = {ETH_P_8021AD, ETH_P_8021Q, 0};
	static const uint16_t three[] = {ETH_P_8021AD, ETH_P_8021Q, ETH_P_8021Q, 0};

	for (int v6 = 0; v6 < 2; v6++) {
		expect_whole(*state, "VLAN", (struct frame_spec){.tags = vlan, .v6 = v6});
		expect_whole(*state, "QinQ", (struct frame_spec){.tags = qinq, .v6 = v6});
		expect_whole(*state, "three tags", (struct frame_spec){.tags = three, .v6 = v6});
	}
}

static void counts_fragments(void **state)
{
	static const struct frame_ext first[] = {{IPPROTO_FRAGMENT, 0, 1}, FRAME_EXT_END};
	static const struct frame_ext later[] = {{IPPROTO_FRAGMENT, 0, 0x100}, FRAME_EXT_END};

	expect_counted(*state, "first", (struct frame_spec){.frag = 0x2000}, EVENT_CNT_FRAGMENTS);
	expect_counted(*state, "later", (struct frame_spec){.frag = 0x2010}, EVENT_CNT_FRAGMENTS);
	expect_counted(*state, "last", (struct frame_spec){.frag = 0x0010}, EVENT_CNT_FRAGMENTS);
	expect_counted(*state, "IPv6, first", (struct frame_spec){.v6 = true, .ext = first},
		       EVENT_CNT_FRAGMENTS);
	expect_counted(*state, "IPv6, later", (struct frame_spec){.v6 = true, .ext = later},
		       EVENT_CNT_FRAGMENTS);
}

static void counts_malformed(void **state)
{
	expect_counted(*state, "TCP header of 16 bytes", (struct frame_spec){.doff = 4},
		       EVENT_CNT_MALFORMED);
	expect_counted(*state, "TCP header beyond the packet", (struct frame_spec){.doff = 15},
		       EVENT_CNT_MALFORMED);
}

/* Cut anywhere: never an event, unless nothing but payload is missing. */
static void survives_short_packets(void **state)
{
	struct fixture *fx = *state;
	size_t i, len;

	for (i = 0; i < HOOK_CNT; i++) {
		for (int v6 = 0; v6 < 2; v6++) {
			struct frame_spec spec = {.v6 = v6,
						  .sport = fresh_port(),
						  .payload = "GET / HTTP/1.1\r\n\r\n"};
			size_t start, headers = (v6 ? 40 : 20) + 20;
			struct built_frame f;

			frame_build(&spec, &f);
			start = hooks[i].from_l3 ? f.l3 : 0;
			/* The kernel asks for an Ethernet header and the IP header's length. */
			for (len = ETH_HLEN + 1; len < f.l3 - start + headers; len++) {
				LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f.bytes + start,
					    .data_size_in = (uint32_t)len, .repeat = 1);
				int fd = run_fd(fx, &hooks[i]);

				fx->cnt = 0;
				bpf_prog_test_run_opts(fd, &opts);
				ring_buffer__consume(fx->ring);
				assert_int_equal(fx->cnt, 0);
			}
		}
	}
}

static void ignores_other_protocols(void **state)
{
	struct frame_spec udp = {.proto = IPPROTO_UDP, .payload = "GET / HTTP/1.1\r\n\r\n"};
	struct frame_spec udp6 = udp;
	uint64_t before = counter(*state, EVENT_CNT_OTHER);

	udp6.v6 = true;
	for (size_t i = 0; i < HOOK_CNT; i++) {
		assert_int_equal(run(*state, &hooks[i], &udp, NULL), 0);
		assert_int_equal(run(*state, &hooks[i], &udp6, NULL), 0);
	}
	assert_int_equal(counter(*state, EVENT_CNT_OTHER), before + 2 * HOOK_CNT);
}

static void knows_message_starts(void **state)
{
	static const char *const starts[] = {
		"HTTP/1.1 200 OK", "HTTP/1.0 404 X", "GET /",	      "POST /",	      "PUT /",
		"HEAD /",	   "DELETE /",	     "OPTIONS *",     "PATCH /",      "CONNECT a:1",
		"TRACE /",	   "PROPFIND /",     "PROPPATCH /",   "MKCOL /",      "COPY /",
		"MOVE /",	   "LOCK /",	     "UNLOCK /",      "SEARCH /",     "QUERY /",
		"REPORT /",	   "MERGE /",	     "ACL /",	      "BIND /",	      "REBIND /",
		"UNBIND /",	   "CHECKOUT /",     "MKACTIVITY /",  "MKCALENDAR /", "M-SEARCH *",
		"NOTIFY /",	   "SUBSCRIBE /",    "UNSUBSCRIBE /", "PURGE /",      "LINK /",
		"UNLINK /",	   "SOURCE /",
	};
	static const char *const others[] = {
		"\x16\x03\x01\x02\x00\x01",
		"SSH-2.0-OpenSSH",
		"PRI * HTTP/2.0",
		"GETTY /",
		"get / http",
		"HTTP/2.0 200",
		"HTTPS /",
		" GET /",
		"POSTS",
		"A",
		"Z",
		"220 mail",
	};
	struct kept_event *e;
	size_t i, k;

	for (i = 0; i < HOOK_CNT; i++) {
		for (k = 0; k < sizeof(starts) / sizeof(starts[0]); k++) {
			struct frame_spec spec = {.sport = fresh_port(), .payload = starts[k]};

			if (run(*state, &hooks[i], &spec, &e) != 1 ||
			    e->ev.flags & EVENT_F_NOT_HTTP)
				fail_msg("%s: %s not recognised", hooks[i].name, starts[k]);
		}
		for (k = 0; k < sizeof(others) / sizeof(others[0]); k++) {
			struct frame_spec spec = {.sport = fresh_port(), .payload = others[k]};
			bool prefix = !strcmp(others[k], "A"); /* of ACL */
			unsigned int cnt = run(*state, &hooks[i], &spec, &e);

			if (prefix ? cnt != 1 || e->ev.flags & EVENT_F_NOT_HTTP
				   : cnt && !(e->ev.flags & EVENT_F_NOT_HTTP))
				fail_msg("%s: %s taken for HTTP", hooks[i].name, others[k]);
		}
	}
}

static void follows_a_request_byte_by_byte(void **state)
{
	static const char request[] = "OPTIONS * HTTP/1.1\r\n\r\n";
	struct kept_event *e;
	char byte[2] = "";

	for (size_t i = 0; i < HOOK_CNT; i++) {
		uint16_t port = fresh_port();

		if (!hooks[i].has_state)
			continue;
		for (size_t k = 0; k < sizeof(request) - 1; k++) {
			struct frame_spec spec = {
				.sport = port, .seq = (uint32_t)k, .payload = byte};

			byte[0] = request[k];
			if (run(*state, &hooks[i], &spec, &e) != 1)
				fail_msg("%s: byte %zu missing", hooks[i].name, k);
			assert_int_equal(e->ev.flags & EVENT_F_NOT_HTTP, 0);
		}
	}
}

/* From the first message on everything crosses, acknowledgements as well. */
static void passes_all_once_http(void **state)
{
	struct kept_event *e;

	for (size_t i = 0; i < HOOK_CNT; i++) {
		struct frame_spec spec = {.sport = fresh_port(), .flags = 0x10};

		if (!hooks[i].has_state)
			continue;
		assert_int_equal(run(*state, &hooks[i], &spec, NULL), 0);
		spec.payload = "POST / HTTP/1.1\r\n\r\n";
		assert_int_equal(run(*state, &hooks[i], &spec, NULL), 1);
		spec.payload = "\x16\x03\x01 body";
		assert_int_equal(run(*state, &hooks[i], &spec, &e), 1);
		assert_int_equal(e->ev.flags & EVENT_F_NOT_HTTP, 0);
		spec.payload = NULL;
		assert_int_equal(run(*state, &hooks[i], &spec, NULL), 1);
		spec.flags = 0x11;
		assert_int_equal(run(*state, &hooks[i], &spec, NULL), 1);
	}
}

static void reports_other_protocols_once(void **state)
{
	char big[3000];
	struct kept_event *e;

	memset(big, 0x16, sizeof(big));
	for (size_t i = 0; i < HOOK_CNT; i++) {
		struct frame_spec spec = {
			.sport = fresh_port(), .payload = big, .payload_len = sizeof(big)};

		if (!hooks[i].has_state)
			continue;
		assert_int_equal(run(*state, &hooks[i], &spec, &e), 1);
		assert_true(e->ev.flags & EVENT_F_NOT_HTTP);
		assert_int_equal(e->ev.pkt_len, 40 + sizeof(big));
		assert_int_equal(e->ev.cap_len, 40 + 1024);
		assert_int_equal(run(*state, &hooks[i], &spec, NULL), 0);
		spec.payload = "G"; /* a prefix proves nothing any more */
		spec.payload_len = 0;
		assert_int_equal(run(*state, &hooks[i], &spec, NULL), 0);
		spec.payload = "GET / HTTP/1.1\r\n\r\n";
		assert_int_equal(run(*state, &hooks[i], &spec, &e), 1);
		assert_int_equal(e->ev.flags & EVENT_F_NOT_HTTP, 0);
	}
}

/* Without a socket the SYN tells where the stream begins. */
static void knows_the_start_from_the_syn(void **state)
{
	struct kept_event *e;

	for (size_t i = 0; i < HOOK_CNT; i++) {
		struct frame_spec spec = {.sport = fresh_port(), .flags = 0x02, .seq = 0xffffffff};

		if (!hooks[i].has_state)
			continue;
		assert_int_equal(run(*state, &hooks[i], &spec, NULL), 0);
		spec.flags = 0x18;
		spec.seq = 0;
		spec.payload = "GET / HTTP/1.1\r\n\r\n";
		assert_int_equal(run(*state, &hooks[i], &spec, &e), 1);
		assert_true(e->ev.flags & EVENT_F_STREAM_START);
		assert_int_equal(e->ev.stream_start, 0);
		/* The tuple is used again: what it was before is forgotten. */
		spec.flags = 0x02;
		spec.seq = 5000;
		spec.payload = NULL;
		assert_int_equal(run(*state, &hooks[i], &spec, NULL), 0);
		spec.flags = 0x18;
		spec.seq = 5001;
		spec.payload = "SSH-2.0-x";
		assert_int_equal(run(*state, &hooks[i], &spec, &e), 1);
		assert_true(e->ev.flags & EVENT_F_NOT_HTTP);
		assert_int_equal(e->ev.stream_start, 5001);
	}
}

static void filters_by_port(void **state)
{
	const struct capture_config config = {.filter_port = 8080};
	struct fixture *fx = open_fixture(&config);

	expect_counted(fx, "other port", (struct frame_spec){.dport = 80}, EVENT_CNT_FILTERED);
	expect_whole(fx, "destination", (struct frame_spec){.dport = 8080});
	for (size_t i = 0; i < HOOK_CNT; i++) {
		struct frame_spec spec = {
			.sport = 8080, .dport = fresh_port(), .payload = "HTTP/1.1 200 OK\r\n\r\n"};

		assert_int_equal(run(fx, &hooks[i], &spec, NULL), 1);
	}
	close_fixture(fx);
}

static void cuts_at_snaplen(void **state)
{
	const struct capture_config config = {.snaplen = 50};
	struct fixture *fx = open_fixture(&config);
	struct kept_event *e;

	for (size_t i = 0; i < HOOK_CNT; i++) {
		struct frame_spec spec = {.sport = fresh_port(),
					  .payload = "GET / HTTP/1.1\r\n\r\n"};

		assert_int_equal(run(fx, &hooks[i], &spec, &e), 1);
		assert_int_equal(e->ev.cap_len, 50);
		assert_int_equal(e->ev.pkt_len, 40 + strlen(spec.payload));
	}
	close_fixture(fx);
}

static void passes_every_segment_when_asked(void **state)
{
	const struct capture_config config = {.all_segments = 1};
	struct fixture *fx = open_fixture(&config);
	struct kept_event *e;

	for (size_t i = 0; i < HOOK_CNT; i++) {
		struct frame_spec spec = {.sport = fresh_port(), .flags = 0x02};

		assert_int_equal(run(fx, &hooks[i], &spec, NULL), 1);
		spec.flags = 0x18;
		spec.payload = "\x16\x03\x01";
		for (int k = 0; k < 3; k++) {
			assert_int_equal(run(fx, &hooks[i], &spec, &e), 1);
			assert_int_equal(e->ev.flags & EVENT_F_NOT_HTTP, 0);
		}
	}
	close_fixture(fx);
}

/* Every length around the borders of the record sizes. */
static void copies_every_length(void **state)
{
	char body[3200];
	struct kept_event *e;

	memset(body, 'x', sizeof(body));
	memcpy(body, "POST / HTTP/1.1\r\n", 17);
	for (size_t len = 17; len<sizeof(body); len += len % 512> 300 && len % 512 < 320 ? 1 : 7) {
		struct frame_spec spec = {
			.sport = fresh_port(), .payload = body, .payload_len = len};

		assert_int_equal(run(*state, &hooks[HOOK_CNT - 1], &spec, &e), 1);
		assert_int_equal(e->ev.cap_len, 40 + len);
		assert_memory_equal(e->packet + 40, body, len);
	}
}

/* Linear data that end early: only newer kernels can build such an skb in a test run. */
static void reads_nonlinear_packets(void **state)
{
	struct fixture *fx = *state;
	struct frame_spec spec = {.sport = fresh_port(), .payload = "GET / HTTP/1.1\r\n\r\n"};
	struct __sk_buff ctx = {0};
	struct built_frame f;

	frame_build(&spec, &f);
	for (size_t linear = ETH_HLEN + 20; linear < f.len; linear += 9) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f.bytes,
			    .data_size_in = (uint32_t)f.len, .ctx_in = &ctx,
			    .ctx_size_in = sizeof(ctx), .repeat = 1);

		ctx.data_end = (uint32_t)linear;
		fx->cnt = 0;
		if (bpf_prog_test_run_opts(fx->progs.tc_out, &opts)) {
			print_message("this kernel's test runs have linear packets only\n");
			skip();
		}
		ring_buffer__consume(fx->ring);
		assert_int_equal(fx->cnt, 1);
		assert_memory_equal(fx->events[0].packet, f.bytes + f.l3, f.ip_len);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(parses_ipv4),
		TEST(parses_ipv6),
		TEST(parses_vlan),
		TEST(counts_fragments),
		TEST(counts_malformed),
		TEST(survives_short_packets),
		TEST(ignores_other_protocols),
		TEST(knows_message_starts),
		TEST(follows_a_request_byte_by_byte),
		TEST(passes_all_once_http),
		TEST(reports_other_protocols_once),
		TEST(knows_the_start_from_the_syn),
		cmocka_unit_test(filters_by_port),
		cmocka_unit_test(cuts_at_snaplen),
		cmocka_unit_test(passes_every_segment_when_asked),
		TEST(copies_every_length),
		TEST(reads_nonlinear_packets),
	};

	return RUN_TESTS(tests);
}
