// SPDX-License-Identifier: GPL-2.0-only
/*
 * follow.bpf.c - which processes descend from the one that -p names, for --follow.
 *
 * The loader puts the process and the descendants that it has by then into `followed`; from then on
 * a child of one that is in there comes in as it is made, and each leaves when it ends, so that a
 * pid that is used again means nobody. As in owner.bpf.c kernel memory is read by direct
 * dereference alone, for which the kernel has to have BTF, and be 5.5. Where its BTF comes from a
 * file the loader takes the two raw tracepoints instead.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include "vmlinux/vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "event.h"
#include "conn.h"

/* In the parent. A thread is a child of the same process. */
static __always_inline int on_fork(__u32 from, __u32 to)
{
	__u8 yes = 1;

	if (from != to && bpf_map_lookup_elem(&followed, &from))
		bpf_map_update_elem(&followed, &to, &yes, BPF_ANY);
	return 0;
}

/* Of each thread; it is the process' end when none is left. */
static __always_inline int on_exit(__u32 tgid, int live)
{
	if (!live)
		bpf_map_delete_elem(&followed, &tgid);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(follow_fork, struct task_struct *parent, struct task_struct *child)
{
	return on_fork(parent->tgid, child->tgid);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(follow_exit, struct task_struct *task)
{
	return on_exit(task->tgid, task->signal->live.counter);
}

SEC("raw_tp/sched_process_fork")
int BPF_PROG(follow_fork_raw, struct task_struct *parent, struct task_struct *child)
{
	return on_fork(BPF_CORE_READ(parent, tgid), BPF_CORE_READ(child, tgid));
}

SEC("raw_tp/sched_process_exit")
int BPF_PROG(follow_exit_raw, struct task_struct *task)
{
	return on_exit(BPF_CORE_READ(task, tgid), BPF_CORE_READ(task, signal, live.counter));
}

char LICENSE[] SEC("license") = "GPL";
