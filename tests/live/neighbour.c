// SPDX-License-Identifier: GPL-2.0-only
/*
 * neighbour.c - another program at the hooks that httplat uses: counts what is sent, and drops what carries a mark.
 *
 * usage: neighbour cgroup DIRECTORY | tcx INTERFACE | clsact INTERFACE
 *
 * Prints the count every tenth of a second, until it is ended by SIGTERM; then it detaches.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define MARK	   0xbad
#define TCX_EGRESS 47

static volatile sig_atomic_t ended;

static void on_end(int sig)
{
	ended = 1;
}

/* count[0]++; return skb->mark == MARK ? drop : pass; */
static int load(enum bpf_prog_type type, enum bpf_attach_type attach, int map, int pass, int drop)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1},
		{.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4},
		{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem},
		{.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 2},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = 1},
		{.code = BPF_STX | BPF_XADD | BPF_DW, .dst_reg = 0, .src_reg = 1},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = pass},
		{.code = BPF_LDX | BPF_MEM | BPF_W,
		 .dst_reg = 1,
		 .src_reg = 6,
		 .off = offsetof(struct __sk_buff, mark)},
		{.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 1, .imm = MARK, .off = 1},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = drop},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach);

	return bpf_prog_load(type, "neighbour", "GPL", insns, sizeof(insns) / sizeof(insns[0]), &opts);
}

static int attach_clsact(int prog, int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1, .prog_fd = prog);
	int err = bpf_tc_hook_create(&hook);

	return err && err != -EEXIST ? err : bpf_tc_attach(&hook, &opts);
}

static void detach_clsact(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);

	bpf_tc_detach(&hook, &opts);
}

int main(int argc, char **argv)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "count", 4, 8, 1, NULL), prog, target, err;
	uint32_t zero = 0;
	uint64_t count;

	if (argc != 3)
		return 2;
	signal(SIGTERM, on_end);
	if (!strcmp(argv[1], "cgroup")) {
		prog = load(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, map, 1, 0);
		target = open(argv[2], O_RDONLY | O_DIRECTORY);
		err = bpf_link_create(prog, target, BPF_CGROUP_INET_EGRESS, NULL);
	} else {
		prog = load(BPF_PROG_TYPE_SCHED_CLS, 0, map, -1 /* goes on */, 2 /* TC_ACT_SHOT */);
		target = (int)if_nametoindex(argv[2]);
		if (!strcmp(argv[1], "tcx"))
			err = bpf_link_create(prog, target, (enum bpf_attach_type)TCX_EGRESS, NULL);
		else
			err = attach_clsact(prog, target);
	}
	if (map < 0 || prog < 0 || err < 0) {
		fprintf(stderr, "neighbour: %d %d %d: %s\n", map, prog, err, strerror(errno));
		return 1;
	}
	while (!ended && !bpf_map_lookup_elem(map, &zero, &count)) {
		printf("%llu\n", (unsigned long long)count);
		fflush(stdout);
		usleep(100000);
	}
	if (!strcmp(argv[1], "clsact"))
		detach_clsact(target);
	return 0;
}
