// SPDX-License-Identifier: GPL-2.0-only
/*
 * follow.bpf.c - which processes descend from the one that -p names, for --follow.
 *
 * The loader puts the process and the descendants that it has by then into `followed`; from then on
 * a child of one that is in there comes in as it is made, and each leaves when it ends, so that a
 * pid that is used again means nobody. As in owner.bpf.c kernel memory is read by direct
 * dereference alone. Needs BTF, and Linux 5.5.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include "vmlinux/vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "event.h"
#include "conn.h"

/* In the parent. A thread is a child of the same process. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(follow_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = parent->tgid, to = child->tgid;
	__u8 yes = 1;

	if (from != to && bpf_map_lookup_elem(&followed, &from))
		bpf_map_update_elem(&followed, &to, &yes, BPF_ANY);
	return 0;
}

/* Of each thread; it is the process' end when none is left. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(follow_exit, struct task_struct *task)
{
	__u32 tgid = task->tgid;

	if (!task->signal->live.counter)
		bpf_map_delete_elem(&followed, &tgid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
