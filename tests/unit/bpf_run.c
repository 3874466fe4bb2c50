// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf_run.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>

#include "file/filter.h"

#include "capture.skel.h"

#define LINK_RAW     101 /* LINKTYPE_RAW */
#define PROG(member) offsetof(struct attach_progs, member)

const struct hook_case hooks[HOOK_CNT] = {
	{"cgroup ingress", PROG(cg_in), EVENT_HOOK_CGROUP, EVENT_DIR_INGRESS, false, false},
	{"cgroup egress", PROG(cg_out), EVENT_HOOK_CGROUP, EVENT_DIR_EGRESS, false, false},
	{"tc ingress", PROG(tc_in), EVENT_HOOK_TC, EVENT_DIR_UNKNOWN, false, true},
	{"tc egress", PROG(tc_out), EVENT_HOOK_TC, EVENT_DIR_EGRESS, false, true},
	{"tc ingress, no L2", PROG(tc_in3), EVENT_HOOK_TC, EVENT_DIR_UNKNOWN, true, true},
	{"tc egress, no L2", PROG(tc_out3), EVENT_HOOK_TC, EVENT_DIR_EGRESS, true, true},
	{"socket", PROG(tap), EVENT_HOOK_SOCKET, EVENT_DIR_INGRESS, false, true},
};

/* A connection of its own for each use. */
uint16_t fresh_port(void)
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

static struct fixture *open_with(struct capture_load_options *opt)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct diag d = {0};
	int no_expression, err;

	opt->hook = HOOK_SOCKET;
	opt->ring_bytes = 1 << 20;
	opt->all_programs = true;
	err = capture_load(opt, &fx->skel, &no_expression, &d);
	if (err)
		fail_msg("%s", d.text);
	assert_int_equal(no_expression, 0);
	capture_programs(fx->skel, &fx->progs);
	fx->ring = ring_buffer__new(bpf_map__fd(fx->skel->maps.ring), on_record, fx, NULL);
	assert_non_null(fx->ring);
	return fx;
}

struct fixture *open_fixture(const struct capture_config *config)
{
	struct capture_load_options opt = {.config = *config};

	return open_with(&opt);
}

struct fixture *open_expression(const char *expression)
{
	struct capture_load_options opt = {.config.all_segments = 1};
	struct filter *ft = filter_new(expression);
	struct fixture *fx;
	struct diag d = {0};

	assert_non_null(ft);
	if (filter_add(ft, LINK_RAW, &d))
		fail_msg("%s", d.text);
	opt.expression = filter_code(ft, LINK_RAW, &opt.expression_len);
	fx = open_with(&opt);
	filter_free(ft);
	return fx;
}

void close_fixture(struct fixture *fx)
{
	ring_buffer__free(fx->ring);
	capture_unload(fx->skel);
	free(fx);
}

uint64_t counter(struct fixture *fx, enum event_counter which)
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

int run_fd(const struct fixture *fx, const struct hook_case *hook)
{
	return *(const int *)((const char *)&fx->progs + hook->prog);
}

static void run_bytes(struct fixture *fx, const struct hook_case *hook, const uint8_t *data,
		      size_t len)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = (uint32_t)len,
		    .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(run_fd(fx, hook), &opts), 0);
	ring_buffer__consume(fx->ring);
}

/* Runs the frame; returns the number of events that it made, the last one in *last. */
unsigned int run(struct fixture *fx, const struct hook_case *hook, const struct frame_spec *spec,
		 struct kept_event **last)
{
	struct built_frame f;

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
