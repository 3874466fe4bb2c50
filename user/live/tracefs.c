// SPDX-License-Identifier: GPL-2.0-only
#include "tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/perf_event.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#define FORMAT_MAX 8192

/*
 * Whether the kernel keeps its memory from root (lockdown=confidentiality): then a program may not
 * call bpf_probe_read_kernel(). Asked this way because securityfs need not be mounted.
 */
static bool is_confidential(void)
{
	const struct bpf_insn insns[] = {
		/* r1 = &room, r2 = 8, r3 = 0; bpf_probe_read_kernel(r1, r2, r3); return 0 */
		{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACEPOINT, NULL, "GPL", insns,
			       sizeof(insns) / sizeof(*insns), NULL);

	if (fd >= 0)
		close(fd);
	return fd < 0;
}

/*
 * fsopen(2), Linux 5.2. Not under lockdown=confidentiality: it would be empty, and as nothing else
 * holds it there, ours would be the last mount, on whose end 6.12 crashes
 * (tracefs_destroy_inode()).
 */
static int mount_detached(void)
{
	int fs, mnt = -1, err = 0;

	if (is_confidential())
		return -EPERM;
	fs = fsopen("tracefs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ||
	    (mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0)) < 0)
		err = -errno;
	close(fs);
	return err ? err : mnt;
}

int tracefs_open(struct tracefs *tf)
{
	static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
	int fd = -1;

	for (unsigned int i = 0; fd < 0 && i < sizeof(places) / sizeof(*places); i++) {
		fd = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && faccessat(fd, "events", F_OK, 0) < 0) {
			close(fd);
			fd = -1;
		}
	}
	if (fd < 0)
		fd = mount_detached();
	tf->fd = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

void tracefs_close(struct tracefs *tf)
{
	if (tf->fd >= 0)
		close(tf->fd);
	tf->fd = -1;
}

/* Reads events/EVENT/NAME and ends it with NUL. 0 or -errno. */
static int read_event_file(const struct tracefs *tf, const char *event, const char *name, char *buf,
			   size_t size)
{
	char path[128];
	size_t used = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "events/%s/%s", event, name);
	fd = openat(tf->fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf + used, size - 1 - used)) > 0)
		used += n;
	n = n < 0 ? -errno : 0;
	close(fd);
	buf[used] = 0;
	return n;
}

int tracefs_has_field(const struct tracefs *tf, const char *event, const char *field)
{
	char text[FORMAT_MAX], want[64];
	int err = read_event_file(tf, event, "format", text, sizeof(text));

	if (err)
		return err;
	snprintf(want, sizeof(want), " %s;", field);
	return strstr(text, want) != NULL;
}

int tracefs_event_open(const struct tracefs *tf, const char *event)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr)};
	char text[32];
	int fd, err = read_event_file(tf, event, "id", text, sizeof(text));

	if (err)
		return err;
	attr.config = strtoull(text, NULL, 10);
	/* The programs of a tracepoint run on every CPU and for every task, whatever these say. */
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
