// SPDX-License-Identifier: GPL-2.0-only
#include "probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "live/tracefs.h"

/* Not in the headers of older kernels (enum bpf_attach_type, Linux 6.6). */
#define ATTACH_TCX_INGRESS 46

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* r0 = 0; exit */
static const struct bpf_insn return_0[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
	{.code = BPF_JMP | BPF_EXIT},
};

/* A descriptor's trial: 0 and closed, or its error. */
static int closed(int fd)
{
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int probe_ring_buffer(void)
{
	return closed(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "probe", 0, 0,
				     (uint32_t)sysconf(_SC_PAGESIZE), NULL));
}

int probe_socket_storage(void)
{
	int ret = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_SK_STORAGE, NULL);

	return ret < 0 ? ret : ret ? 0 : -ENOTSUP;
}

/*
 * What a tracing program of ours cannot do without: r1 = member of its context; helper(r1) unless
 * that is NULL; r0 = 0; exit.
 */
#define CALL_WITH(helper, member)                                                                  \
	{                                                                                          \
		{.code = BPF_LDX | BPF_MEM | BPF_DW,                                               \
		 .dst_reg = BPF_REG_1,                                                             \
		 .src_reg = BPF_REG_1,                                                             \
		 .off = (member)*8},                                                               \
			{.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_1, .off = 1},       \
			{.code = BPF_JMP | BPF_CALL, .imm = (helper)},                             \
			{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},               \
			{.code = BPF_JMP | BPF_EXIT},                                              \
	}

/* The socket is the tracepoint's first argument, the file the iterator's fourth (struct
 * bpf_iter__task_file). */
static const struct bpf_insn cookie_of_socket[] = CALL_WITH(BPF_FUNC_get_socket_cookie, 0);
static const struct bpf_insn socket_of_file[] = CALL_WITH(BPF_FUNC_sock_from_file, 3);

/* bpf_probe_read_kernel(fp - 8, 8, NULL); return 0 */
static const struct bpf_insn read_kernel[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10},
	{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -8},
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 8},
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3},
	{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel},
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
	{.code = BPF_JMP | BPF_EXIT},
};

static int load(enum bpf_prog_type type, struct bpf_prog_load_opts *opts)
{
	return bpf_prog_load(type, "probe", "GPL", return_0, COUNT(return_0), opts);
}

/*
 * The part of union bpf_attr that BPF_LINK_CREATE reads. bpf_link_create() of libbpf 1.1 refuses
 * attach types that it doesn't know.
 */
struct link_create_attr {
	uint32_t prog_fd, target_ifindex, attach_type, flags;
	uint8_t rest[48];
};

int probe_tcx(void)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	struct link_create_attr attr = {.attach_type = ATTACH_TCX_INGRESS};
	int prog = load(BPF_PROG_TYPE_SCHED_CLS, &opts);
	int err;

	if (prog < 0)
		return prog;
	attr.prog_fd = (uint32_t)prog;
	attr.target_ifindex = if_nametoindex("lo");
	err = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	if (err < 0)
		err = -errno;
	close(prog);
	return closed(err);
}

static int load_with_btf(enum bpf_attach_type attach, const char *name,
			 const struct bpf_insn *insns, size_t cnt, int *prog)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach);
	int id = libbpf_find_vmlinux_btf_id(name, attach);

	if (id < 0)
		return id;
	opts.attach_btf_id = (uint32_t)id;
	*prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, "probe", "GPL", insns, cnt, &opts);
	return *prog < 0 ? *prog : 0;
}

int probe_tp_btf(void)
{
	int prog = -1;
	int err = load_with_btf(BPF_TRACE_RAW_TP, "tcp_rcv_space_adjust", cookie_of_socket,
				COUNT(cookie_of_socket), &prog);

	if (err)
		return err;
	err = closed(bpf_raw_tracepoint_open(NULL, prog));
	close(prog);
	return err;
}

int probe_iter_task_file(void)
{
	int prog = -1;
	int err = load_with_btf(BPF_TRACE_ITER, "task_file", socket_of_file, COUNT(socket_of_file),
				&prog);

	return err ? err : closed(prog);
}

int probe_raw_tracepoint(void)
{
	int err, prog = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "probe", "GPL", read_kernel,
				      sizeof(read_kernel) / sizeof(read_kernel[0]), NULL);

	if (prog < 0)
		return prog;
	err = closed(bpf_raw_tracepoint_open("tcp_rcv_space_adjust", prog));
	close(prog);
	return err;
}

int probe_classic_tracepoint(void)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	struct tracefs tf;
	int err = closed(load(BPF_PROG_TYPE_TRACEPOINT, &opts));

	if (err)
		return err;
	err = tracefs_open(&tf);
	if (!err)
		err = closed(tracefs_event_open(&tf, "tcp/tcp_rcv_space_adjust"));
	tracefs_close(&tf);
	return err;
}

int probe_packet_socket(void)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	int prog, err = 0;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: receives nothing */

	if (fd < 0)
		return -errno;
	prog = load(BPF_PROG_TYPE_SOCKET_FILTER, &opts);
	if (prog < 0)
		err = prog;
	else if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)))
		err = -errno;
	if (prog >= 0)
		close(prog);
	close(fd);
	return err;
}

int probe_btf(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int err = libbpf_get_error(btf);

	if (err)
		return err;
	btf__free(btf);
	return 0;
}
