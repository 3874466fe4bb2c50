/* SPDX-License-Identifier: GPL-2.0-only */
/* bpf_run.h - for tests: runs a frame through a capture program and collects the events that it
 * makes. */
#ifndef HTTPLAT_TESTS_BPF_RUN_H
#define HTTPLAT_TESTS_BPF_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf_frame.h"
#include "bpf_here.h"
#include "live/capture_load.h"

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

#define HOOK_CNT 7
extern const struct hook_case hooks[HOOK_CNT];

/* Programs of all hooks, loaded. Fails the test where that is not possible. */
struct fixture *open_fixture(const struct capture_config *config);
/* With -f: every segment that it takes crosses. */
struct fixture *open_expression(const char *expression);
void close_fixture(struct fixture *fx);

/* A counter of the programs, summed over the CPUs. */
uint64_t counter(struct fixture *fx, enum event_counter which);

/* A port that was not used before, for a connection of its own. */
uint16_t fresh_port(void);

/* The program of a hook. */
int run_fd(const struct fixture *fx, const struct hook_case *hook);

/* Runs the frame; returns the number of events that it made, the last one in *last. */
unsigned int run(struct fixture *fx, const struct hook_case *hook, const struct frame_spec *spec,
		 struct kept_event **last);

/* What loading the programs takes. */
#define RUN_CAPS (CAPS(CAP_BPF) | CAPS(CAP_PERFMON) | CAPS(CAP_NET_ADMIN))

/* The tests, or one that is skipped and says why. Returns the exit status. */
#define RUN_TESTS(tests) RUN_BPF_TESTS(tests, RUN_CAPS, NULL)

#endif
