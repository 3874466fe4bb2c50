// SPDX-License-Identifier: GPL-2.0-only
/*
 * -f inside the capture programs: on every hook it sees the same packet, from its IP header on. What the
 * translation makes of expressions is in test_cbpf.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/filter.h>
#include <linux/if_ether.h>

#include "bpf_run.h"
#include "file/filter.h"

#include "capture.skel.h"

#define LINK_RAW 101 /* LINKTYPE_RAW */

/* Whether the packet crosses, on every hook that the frame suits; what doesn't is counted. */
static void expect(struct fixture *fx, bool match, struct frame_spec spec)
{
	uint64_t before;
	size_t i;

	for (i = 0; i < HOOK_CNT; i++) {
		if (hooks[i].from_l3 && spec.tags)
			continue;
		before = counter(fx, EVENT_CNT_UNMATCHED);
		if (run(fx, &hooks[i], &spec, NULL) != match)
			fail_msg("%s: %u events, not %d", hooks[i].name, fx->cnt, match);
		assert_int_equal(counter(fx, EVENT_CNT_UNMATCHED) - before, !match);
	}
}

static void test_ports(void **state)
{
	static const uint16_t tags[] = {ETH_P_8021AD, ETH_P_8021Q, 0};
	struct fixture *fx = open_expression("tcp dst port 80 or tcp src port 4242");

	expect(fx, true, (struct frame_spec){.sport = 5000, .dport = 80});
	expect(fx, false, (struct frame_spec){.sport = 80, .dport = 5000});
	expect(fx, true, (struct frame_spec){.sport = 4242, .dport = 81});
	expect(fx, true, (struct frame_spec){.v6 = true, .sport = 5000, .dport = 80});
	expect(fx, false, (struct frame_spec){.v6 = true, .sport = 5000, .dport = 81});
	expect(fx, true, (struct frame_spec){.ip_option_words = 10, .sport = 5000, .dport = 80});
	expect(fx, false, (struct frame_spec){.ip_option_words = 10, .sport = 80, .dport = 81});
	expect(fx, true, (struct frame_spec){.tags = tags, .sport = 5000, .dport = 80});
	expect(fx, false, (struct frame_spec){.tags = tags, .sport = 5000, .dport = 81});
	close_fixture(fx);
}

/* Payload, and the packet's length, in which the padding of a frame doesn't count. */
static void test_payload_and_length(void **state)
{
	struct fixture *fx = open_expression("tcp[((tcp[12]&0xf0)>>2):4] = 0x47455420 and less 60");

	expect(fx, true, (struct frame_spec){.payload = "GET / HTTP/1.1\r\n\r\n"});
	expect(fx, true, (struct frame_spec){.payload = "GET / HTTP/1.1\r\n\r\n", .padding = 30});
	expect(fx, false, (struct frame_spec){.payload = "GET /a/longer/one HTTP/1.1\r\n\r\n"});
	expect(fx, false, (struct frame_spec){.payload = "PUT / HTTP/1.1\r\n\r\n"});
	/* The load reaches past the packet, though not past the frame. */
	expect(fx, false, (struct frame_spec){.payload = "GET", .padding = 30});
	close_fixture(fx);
}

static void test_addresses(void **state)
{
	struct fixture *fx = open_expression("src host 10.0.0.1");

	expect(fx, true, (struct frame_spec){.sport = 5000, .dport = 80});
	expect(fx, false, (struct frame_spec){.sport = 5000, .dport = 80, .reverse = true});
	expect(fx, false, (struct frame_spec){.sport = 5000, .dport = 80, .v6 = true});
	close_fixture(fx);
}

/* What is translated and yet refused by the verifier, here for an instruction that nothing reaches: the programs are
 * loaded without it, and the error is not that of an expression that cannot be translated. */
static void test_refused_by_the_kernel(void **state)
{
	static const struct sock_filter prog[] = {
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_IMM, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct capture_load_options opt = {
		.hook = HOOK_SOCKET,
		.expression = prog,
		.expression_len = sizeof(prog) / sizeof(prog[0]),
	};
	struct capture_bpf *skel = NULL;
	struct diag d = {0};
	int expression_err = 0;

	if (capture_load(&opt, &skel, &expression_err, &d))
		fail_msg("%s", d.text);
	assert_int_equal(expression_err, -EINVAL);
	assert_false(skel->rodata->cfg.expression);
	capture_unload(skel);
}

/* Each program's stack and the expression's are 512 bytes together, and the programs' is the largest with a filter by
 * cgroup. The expression is that of tcpdump's manual for packets with payload. */
static void test_stack(void **state)
{
	struct capture_load_options opt = {
		.hook = HOOK_SOCKET,
		.all_programs = true,
		.config = {.find_bodies = 1, .by_owner = 1, .by_cgroup = 1, .by_uid = 1,
			   .follow = 1, .filter_pid = 1, .body_bytes = 1},
	};
	struct filter *ft = filter_new("tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - "
				       "((tcp[12]&0xf0)>>2)) != 0)");
	struct capture_bpf *skel = NULL;
	struct diag d = {0};
	int expression_err = 0;

	assert_non_null(ft);
	if (filter_add(ft, LINK_RAW, &d))
		fail_msg("%s", d.text);
	opt.expression = filter_code(ft, LINK_RAW, &opt.expression_len);
	if (capture_load(&opt, &skel, &expression_err, &d))
		fail_msg("%s", d.text);
	assert_int_equal(expression_err, 0);
	capture_unload(skel);
	filter_free(ft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_payload_and_length),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_refused_by_the_kernel),
		cmocka_unit_test(test_stack),
	};

	return RUN_TESTS(tests);
}
