// SPDX-License-Identifier: GPL-2.0-only
/*
 * tc without TCX links: what a killed instance leaves is removed by the next one, what a living
 * one or another program has attached is not. In a network namespace of our own. Needs root.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>
#include <net/if.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf_here.h"
#include "live/capture_load.h"
#include "live/clsact.h"

#define LO	   1 /* the loopback device of any namespace */
#define OTHER_PRIO 7

struct fixture {
	struct capture_bpf *skel;
	struct attach_progs progs;
};

static int setup(void **state)
{
	const struct capture_load_options opt = {
		.hook = HOOK_TC,
		.need_l2 = true,
		.ring_bytes = 4096,
	};
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct diag d = {0};
	int no_expression;

	assert_non_null(fx);
	if (unshare(CLONE_NEWNET))
		fail_msg("no network namespace: %s", strerror(errno));
	if (capture_load(&opt, &fx->skel, &no_expression, &d))
		fail_msg("%s", d.text);
	capture_programs(fx->skel, &fx->progs);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	capture_unload(fx->skel);
	free(fx);
	return 0;
}

static bool has_handle(enum bpf_tc_attach_point point, uint32_t prio, uint32_t handle)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = LO, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle, .priority = prio);

	return !bpf_tc_query(&hook, &opts);
}

static bool is_attached(enum bpf_tc_attach_point point, uint32_t prio)
{
	return has_handle(point, prio, CLSACT_HANDLE) || has_handle(point, prio, CLSACT_HANDLE_MADE);
}

/* How many of a slot's two filters there are. */
static int attached(unsigned int slot)
{
	return is_attached(BPF_TC_INGRESS, CLSACT_PRIO + slot) +
	       is_attached(BPF_TC_EGRESS, CLSACT_PRIO + slot);
}

/* Another program's filter, at a priority of its own choice. */
static void attach_other(uint32_t prio)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = -1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = LO, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = prio);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "other", "GPL", pass, 2, NULL);

	assert_true(fd >= 0);
	opts.prog_fd = fd;
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_create(&hook);
	hook.attach_point = BPF_TC_INGRESS;
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	close(fd);
}

/* A second instance, which lives until it is killed. */
static pid_t start_instance(struct fixture *fx)
{
	struct clsact *ca;
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		c = clsact_attach(LO, fx->progs.tc_in, fx->progs.tc_out, &ca) ? '-' : '+';
		(void)!write(ready[1], &c, 1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	assert_int_equal(c, '+');
	return pid;
}

static void kill_instance(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void detaches_and_leaves_nothing(void **state)
{
	struct fixture *fx = *state;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = LO,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	struct clsact *ca;

	assert_int_equal(clsact_attach(LO, fx->progs.tc_in, fx->progs.tc_out, &ca), 0);
	assert_int_equal(attached(0), 2);
	clsact_detach(ca);
	assert_int_equal(attached(0), 0);
	/* The qdisc went too: it can be made anew. */
	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	bpf_tc_hook_destroy(&hook);
}

static void keeps_a_qdisc_that_others_use(void **state)
{
	struct fixture *fx = *state;
	struct clsact *ca;

	assert_int_equal(clsact_attach(LO, fx->progs.tc_in, fx->progs.tc_out, &ca), 0);
	attach_other(OTHER_PRIO);
	clsact_detach(ca);
	assert_int_equal(attached(0), 0);
	assert_true(is_attached(BPF_TC_INGRESS, OTHER_PRIO));
}

static void sweeps_what_the_dead_left(void **state)
{
	struct fixture *fx = *state;
	struct clsact *ca;
	pid_t first, second;

	attach_other(OTHER_PRIO);
	first = start_instance(fx);
	second = start_instance(fx);
	assert_int_equal(attached(0) + attached(1), 4);
	assert_int_equal(clsact_sweep(LO), 0); /* both live */
	kill_instance(first);
	assert_int_equal(attached(0), 2); /* nobody cleaned up */
	assert_int_equal(clsact_sweep(LO), 2);
	assert_int_equal(attached(0), 0);
	assert_int_equal(attached(1), 2);
	assert_true(is_attached(BPF_TC_INGRESS, OTHER_PRIO));
	assert_int_equal(clsact_attach(LO, fx->progs.tc_in, fx->progs.tc_out, &ca), 0);
	assert_int_equal(attached(0), 2);
	kill_instance(second);
	assert_int_equal(clsact_sweep(LO), 2);
	assert_int_equal(attached(0), 2);
	clsact_detach(ca);
	assert_true(is_attached(BPF_TC_INGRESS, OTHER_PRIO));
}

/* What a dead instance made goes with its filters; what it found stays. */
static void sweeps_the_qdisc(void **state)
{
	struct fixture *fx = *state;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = LO,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	kill_instance(start_instance(fx));
	assert_int_equal(clsact_sweep(LO), 2);
	assert_int_equal(bpf_tc_hook_create(&hook), 0); /* it was gone */
	kill_instance(start_instance(fx));
	assert_int_equal(clsact_sweep(LO), 2);
	assert_int_equal(bpf_tc_hook_create(&hook), -EEXIST);
	bpf_tc_hook_destroy(&hook);
}

/* A stranger at one of our priorities is still a stranger. */
static void never_sweeps_others(void **state)
{
	attach_other(CLSACT_PRIO + 3);
	assert_int_equal(clsact_sweep(LO), 0);
	assert_true(is_attached(BPF_TC_INGRESS, CLSACT_PRIO + 3));
}

static void says_when_all_slots_are_taken(void **state)
{
	struct fixture *fx = *state;
	struct clsact *ca[CLSACT_SLOTS], *one_more = NULL;
	unsigned int i;

	for (i = 0; i < CLSACT_SLOTS; i++)
		assert_int_equal(clsact_attach(LO, fx->progs.tc_in, fx->progs.tc_out, &ca[i]), 0);
	assert_int_equal(clsact_attach(LO, fx->progs.tc_in, fx->progs.tc_out, &one_more), -EBUSY);
	assert_null(one_more);
	for (i = 0; i < CLSACT_SLOTS; i++)
		clsact_detach(ca[i]);
	assert_int_equal(clsact_sweep(LO), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const uint64_t caps = CAPS(CAP_BPF) | CAPS(CAP_PERFMON) | CAPS(CAP_NET_ADMIN) |
			      CAPS(CAP_SYS_ADMIN);
	const struct CMUnitTest tests[] = {
		TEST(detaches_and_leaves_nothing),   TEST(keeps_a_qdisc_that_others_use),
		TEST(sweeps_what_the_dead_left),     TEST(sweeps_the_qdisc),
		TEST(never_sweeps_others),
		TEST(says_when_all_slots_are_taken),
	};

	return RUN_BPF_TESTS(tests, caps, NULL);
}
