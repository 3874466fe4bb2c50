// SPDX-License-Identifier: GPL-2.0-only
/*
 * fits.bpf.c - whether types that were taken from a file are this kernel's.
 *
 * Run once, attached to nothing. With offsets of another kernel the programs that read its memory
 * by them would load all the same, and tell nonsense; so what helpers say of the current task has
 * to be what its memory says at those offsets.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include "vmlinux/vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

SEC("raw_tp")
int fits(void *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 pid_tgid = bpf_get_current_pid_tgid(), said[2] = {}, read[2] = {};

	bpf_get_current_comm(said, sizeof(said));
	/* Before 5.17 the rest of a longer name may stand behind its end. */
	bpf_core_read_str(read, sizeof(read), &task->comm);
	return (__u32)BPF_CORE_READ(task, pid) == (__u32)pid_tgid &&
	       (__u32)BPF_CORE_READ(task, tgid) == pid_tgid >> 32 && said[0] == read[0] &&
	       said[1] == read[1];
}

char LICENSE[] SEC("license") = "GPL";
