// SPDX-License-Identifier: GPL-2.0-only
#include "live/capture_load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "live/expression.h"

#include "capture.skel.h"

#define RING_BYTES_DEFAULT (16u << 20)
#define RING_BYTES_MAX	   (1u << 30)
#define LOG_BYTES	   (1u << 16)

/* libbpf writes to stderr by itself otherwise; what failed is told by whoever called it. */
static int be_quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

/* Memory for maps is charged to the cgroup since 5.11; before, to this limit. Not being allowed to
 * raise it is no error where it does not matter, and the load says so where it does. */
static void raise_memlock(void)
{
	const struct rlimit inf = {RLIM_INFINITY, RLIM_INFINITY};

	(void)!setrlimit(RLIMIT_MEMLOCK, &inf);
}

static uint32_t ring_size(uint32_t wanted)
{
	uint32_t size = (uint32_t)sysconf(_SC_PAGESIZE);

	if (!wanted)
		wanted = RING_BYTES_DEFAULT;
	if (wanted > RING_BYTES_MAX)
		wanted = RING_BYTES_MAX;
	while (size < wanted)
		size *= 2;
	return size;
}

/* Maps that a hook makes no use of are as small as can be. */
static int size_maps(struct capture_bpf *skel, const struct capture_load_options *opt)
{
	uint32_t tuples = opt->hook == HOOK_SOCKET ? 65536 : opt->hook == HOOK_TC ? 16384 : 1;
	uint32_t wires = opt->hook == HOOK_TC ? 8192 : 1;
	int err;

	if (!opt->config.by_cgroup)
		bpf_map__set_max_entries(skel->maps.cgroups, 1);
	err = bpf_map__set_max_entries(skel->maps.ring, ring_size(opt->ring_bytes));
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.conns_by_tuple, tuples);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.wire_tuples, wires);
	return err;
}

static void choose_programs(struct capture_bpf *skel, const struct capture_load_options *opt)
{
	bool all = opt->all_programs;
	bool cgroup = all || opt->hook == HOOK_CGROUP;
	bool tc = all || (opt->hook == HOOK_TC && opt->need_l2);
	bool tc3 = all || (opt->hook == HOOK_TC && opt->need_l3);
	bool tap = all || opt->hook == HOOK_SOCKET;

	bpf_program__set_autoload(skel->progs.httplat_cg_in, cgroup);
	bpf_program__set_autoload(skel->progs.httplat_cg_out, cgroup);
	bpf_program__set_autoload(skel->progs.httplat_tc_in, tc);
	bpf_program__set_autoload(skel->progs.httplat_tc_out, tc);
	bpf_program__set_autoload(skel->progs.httplat_tc_in3, tc3);
	bpf_program__set_autoload(skel->progs.httplat_tc_out3, tc3);
	bpf_program__set_autoload(skel->progs.httplat_tap, tap);
	bpf_program__set_autoload(skel->progs.httplat_tap_body, tap);
}

/* The packet socket's filter goes on in its body by a tail call. */
static int link_tap(struct capture_bpf *skel)
{
	int body = bpf_program__fd(skel->progs.httplat_tap_body);
	uint32_t slot = 0;

	if (body < 0)
		return 0;
	return bpf_map_update_elem(bpf_map__fd(skel->maps.tap_body), &slot, &body, BPF_ANY);
}

/* The verifier's last line that is not its statistics. */
static const char *last_words(char *log)
{
	char *line, *last = NULL, *save = NULL;

	for (line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "processed ", 10) && strncmp(line, "verification time", 17) &&
		    strncmp(line, "stack depth", 11))
			last = line;
	return last;
}

static int explain(int err, char *log, struct diag *d)
{
	const char *words = last_words(log);

	/* Where nothing may be loaded, nothing can be probed. */
	if (err == -EPERM && !words)
		return diag_set(d, EXIT_UNSUPPORTED, err,
				"bpf(2) is not permitted, although the capabilities are there: a "
				"container's "
				"seccomp profile forbids it (podman, docker: --security-opt "
				"seccomp=unconfined), or RLIMIT_MEMLOCK is too low (`ulimit -l "
				"unlimited`)");
	if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 0)
		return diag_set(d, EXIT_UNSUPPORTED, err,
				"this kernel has no BPF ring buffer: Linux 5.10 or later with "
				"CONFIG_BPF_SYSCALL is needed");
	if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_SK_STORAGE, NULL) == 0)
		return diag_set(d, EXIT_UNSUPPORTED, err,
				"this kernel has no BPF socket storage: Linux 5.10 or later with "
				"CONFIG_NET and CONFIG_BPF_SYSCALL is needed");
	if (words)
		return diag_set(d, EXIT_UNSUPPORTED, err,
				"the kernel refused the capture programs (%s): %.300s; try another "
				"--hook",
				strerror(-err), words);
	return diag_set(d, EXIT_UNSUPPORTED, err,
			"the kernel refused the capture programs: %s; try another --hook",
			strerror(-err));
}

/* capture_bpf__open_opts() with another object file, as long as the one that is built in. */
static struct capture_bpf *open_object(const void *elf, const struct bpf_object_open_opts *opts)
{
	struct capture_bpf *skel = calloc(1, sizeof(*skel));
	int err;

	if (!skel)
		return NULL;
	err = capture_bpf__create_skeleton(skel);
	if (!err) {
		skel->skeleton->data = (void *)elf;
		err = bpf_object__open_skeleton(skel->skeleton, opts);
	}
	if (!err)
		return skel;
	capture_bpf__destroy(skel);
	errno = -err;
	return NULL;
}

static int try_load(const struct capture_load_options *opt, const struct capture_config *config,
		    const void *elf, char *log, struct capture_bpf **out)
{
	LIBBPF_OPTS(bpf_object_open_opts, open_opts, .kernel_log_buf = log,
		    .kernel_log_size = LOG_BYTES);
	struct capture_bpf *skel = open_object(elf, &open_opts);
	int err;

	if (!skel)
		return -errno;
	skel->rodata->cfg = *config;
	/* A ring that is full wakes nobody any more. */
	if (config->wake_bytes > ring_size(opt->ring_bytes) / 2)
		skel->rodata->cfg.wake_bytes = ring_size(opt->ring_bytes) / 2;
	choose_programs(skel, opt);
	err = size_maps(skel, opt);
	if (!err)
		err = capture_bpf__load(skel);
	if (!err)
		err = link_tap(skel);
	if (err)
		capture_bpf__destroy(skel);
	else
		*out = skel;
	return err;
}

static bool is_too_long(int err)
{
	return err == -E2BIG || err == -ENOSPC;
}

static int load(const struct capture_load_options *opt, const struct capture_config *wanted,
		const void *elf, char *log, struct capture_bpf **out)
{
	struct capture_config config = *wanted;
	int err = try_load(opt, &config, elf, log, out);

	/* The verifier gave up counting (then its log is too long as well): with less to follow
	 * it may not. */
	if (is_too_long(err) && config.sum_up) {
		config.sum_up = 0;
		err = try_load(opt, &config, elf, log, out);
	}
	if (is_too_long(err) && config.find_bodies) {
		config.find_bodies = 0;
		err = try_load(opt, &config, elf, log, out);
	}
	return err;
}

/* The programs with the expression in them. */
static int load_with(const struct capture_load_options *opt, const void *elf, size_t size,
		     char *log, struct capture_bpf **out)
{
	struct capture_config config = opt->config;
	void *patched;
	int err = expression_patch(elf, size, opt->expression, opt->expression_len, &patched);

	if (err)
		return err;
	config.expression = 1;
	err = load(opt, &config, patched, log, out);
	free(patched);
	return err;
}

int capture_load(const struct capture_load_options *opt, struct capture_bpf **out,
		 int *expression_err, struct diag *d)
{
	struct capture_config plain = opt->config;
	char *log = calloc(1, LOG_BYTES);
	const void *elf;
	size_t size;
	int err = 0;

	if (!log)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	libbpf_set_print(be_quiet);
	raise_memlock();
	elf = capture_bpf__elf_bytes(&size);
	*expression_err = opt->expression ? load_with(opt, elf, size, log, out) : 0;
	/* What user space is to filter it has to see. */
	if (*expression_err)
		plain.sum_up = 0;
	if (!opt->expression || *expression_err)
		err = load(opt, &plain, elf, log, out);
	if (err)
		explain(err, log, d);
	free(log);
	return err;
}

void capture_programs(const struct capture_bpf *skel, struct attach_progs *out)
{
	out->cg_in = bpf_program__fd(skel->progs.httplat_cg_in);
	out->cg_out = bpf_program__fd(skel->progs.httplat_cg_out);
	out->tc_in = bpf_program__fd(skel->progs.httplat_tc_in);
	out->tc_out = bpf_program__fd(skel->progs.httplat_tc_out);
	out->tc_in3 = bpf_program__fd(skel->progs.httplat_tc_in3);
	out->tc_out3 = bpf_program__fd(skel->progs.httplat_tc_out3);
	out->tap = bpf_program__fd(skel->progs.httplat_tap);
}

void capture_unload(struct capture_bpf *skel)
{
	capture_bpf__destroy(skel);
}
