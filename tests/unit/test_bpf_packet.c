// SPDX-License-Identifier: GPL-2.0-only
/*
 * The capture programs by BPF_PROG_TEST_RUN: how packets of all shapes are parsed and classified, on each
 * hook. The same frames go through every program. Needs root.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/capability.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf_frame.h"
#include "live/caps.h"
#include "live/capture_load.h"

#include "capture.skel.h"

#define EVENTS_MAX 64

struct kept_event {
	struct event_segment ev;
	uint8_t packet[FRAME_MAX];
};

struct fixture {
	struct capture_bpf *skel;
	struct attach_progs progs;
	struct ring_buffer *ring;
	struct kept_event events[EVENTS_MAX];
	unsigned int cnt;
};

/* What each program stands for, and what it can know in a test run: there is no real socket. */
struct hook_case {
	const char *name;
	size_t prog; /* offset in struct attach_progs */
	uint8_t hook, dir;
	bool from_l3;	/* is given the IP packet alone */
	bool has_state; /* by tuple: the cgroup hook has it on the socket only */
};

#define PROG(member) offsetof(struct attach_progs, member)

static const struct hook_case hooks[] = {
	{"cgroup ingress", PROG(cg_in), EVENT_HOOK_CGROUP, EVENT_DIR_INGRESS, false, false},
	{"cgroup egress", PROG(cg_out), EVENT_HOOK_CGROUP, EVENT_DIR_EGRESS, false, false},
	{"tc ingress", PROG(tc_in), EVENT_HOOK_TC, EVENT_DIR_UNKNOWN, false, true},
	{"tc egress", PROG(tc_out), EVENT_HOOK_TC, EVENT_DIR_EGRESS, false, true},
	{"tc ingress, no L2", PROG(tc_in3), EVENT_HOOK_TC, EVENT_DIR_UNKNOWN, true, true},
	{"tc egress, no L2", PROG(tc_out3), EVENT_HOOK_TC, EVENT_DIR_EGRESS, true, true},
	{"socket", PROG(tap), EVENT_HOOK_SOCKET, EVENT_DIR_INGRESS, false, true},
};

#define HOOK_CNT (sizeof(hooks) / sizeof(hooks[0]))

/* A connection of its own for each use. */
static uint16_t fresh_port(void)
{
	static uint16_t port = 10000;

	return port++;
}

static int on_record(void *ctx, void *data, size_t size)
{
	struct fixture *fx = ctx;
	struct kept_event *kept = &fx->events[fx->cnt];

	if (fx->cnt == EVENTS_MAX)
		return 0;
	assert_true(size >= sizeof(kept->ev));
	memcpy(&kept->ev, data, sizeof(kept->ev));
	assert_true(kept->ev.cap_len <= size - sizeof(kept->ev));
	assert_true(kept->ev.cap_len <= sizeof(kept->packet));
	memcpy(kept->packet, (uint8_t *)data + sizeof(kept->ev), kept->ev.cap_len);
	fx->cnt++;
	return 0;
}

static struct fixture *open_fixture(const struct capture_config *config)
{
	const struct capture_load_options opt = {
		.hook = HOOK_SOCKET,
		.config = *config,
		.ring_bytes = 1 << 20,
		.all_programs = true,
	};
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct diag d = {0};
	int err = capture_load(&opt, &fx->skel, &d);

	if (err)
		fail_msg("%s", d.text);
	capture_programs(fx->skel, &fx->progs);
	fx->ring = ring_buffer__new(bpf_map__fd(fx->skel->maps.ring), on_record, fx, NULL);
	assert_non_null(fx->ring);
	return fx;
}

static void close_fixture(struct fixture *fx)
{
	ring_buffer__free(fx->ring);
	capture_unload(fx->skel);
	free(fx);
}

static uint64_t counter(struct fixture *fx, enum event_counter which)
{
	int cpus = libbpf_num_possible_cpus(), cpu;
	struct counter_block *blocks = calloc((size_t)cpus, sizeof(*blocks));
	uint32_t zero = 0;
	uint64_t sum = 0;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(fx->skel->maps.counters), &zero, blocks),
			 0);
	for (cpu = 0; cpu < cpus; cpu++)
		sum += blocks[cpu].v[which];
	free(blocks);
	return sum;
}

static void run_bytes(struct fixture *fx, const struct hook_case *hook, const uint8_t *data,
		      size_t len)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = (uint32_t)len,
		    .repeat = 1);
	int fd = *(const int *)((const char *)&fx->progs + hook->prog);

	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	ring_buffer__consume(fx->ring);
}

/* Runs the frame; returns the number of events that it made, the last one in *last. */
static unsigned int run(struct fixture *fx, const struct hook_case *hook,
			const struct frame_spec *spec, struct kept_event **last)
{
	struct frame f;

	frame_build(spec, &f);
	fx->cnt = 0;
	if (hook->from_l3)
		run_bytes(fx, hook, f.bytes + f.l3, f.len - f.l3);
	else
		run_bytes(fx, hook, f.bytes, f.len);
	if (last)
		*last = fx->cnt ? &fx->events[fx->cnt - 1] : NULL;
	return fx->cnt;
}

/* The packet crosses whole, from its IP header on, on every hook that the frame suits. */
static void expect_whole(struct fixture *fx, const char *what, struct frame_spec spec)
{
	struct kept_event *e;
	struct frame f;
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
			struct frame f;

			frame_build(&spec, &f);
			start = hooks[i].from_l3 ? f.l3 : 0;
			/* The kernel asks for an Ethernet header and the IP header's length. */
			for (len = ETH_HLEN + 1; len < f.l3 - start + headers; len++) {
				LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f.bytes + start,
					    .data_size_in = (uint32_t)len, .repeat = 1);
				int fd = *(const int *)((const char *)&fx->progs + hooks[i].prog);

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
	uint64_t before = counter(*state, EVENT_CNT_TCP);

	udp6.v6 = true;
	for (size_t i = 0; i < HOOK_CNT; i++) {
		assert_int_equal(run(*state, &hooks[i], &udp, NULL), 0);
		assert_int_equal(run(*state, &hooks[i], &udp6, NULL), 0);
	}
	assert_int_equal(counter(*state, EVENT_CNT_TCP), before);
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

/* --- bodies ---------------------------------------------------------------------------------------- */

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

/* What must never happen: a message that is not seen because a body was announced that did not come. */
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
	struct frame f;

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

static void is_permitted(void **state)
{
	print_message("BPF is not permitted here: run as root\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest refused[] = {cmocka_unit_test(is_permitted)};
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
		cmocka_unit_test(withholds_bodies),
		cmocka_unit_test(leaves_doubtful_bodies),
		cmocka_unit_test(withholds_a_body_beside_its_header),
		cmocka_unit_test(shows_messages_where_a_body_was_announced),
		cmocka_unit_test(finds_the_end_of_any_header),
		TEST(copies_every_length),
		TEST(reads_nonlinear_packets),
	};

	if (caps_require(1ull << CAP_BPF | 1ull << CAP_PERFMON | 1ull << CAP_NET_ADMIN, NULL))
		return cmocka_run_group_tests(refused, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
