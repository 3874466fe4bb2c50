// SPDX-License-Identifier: GPL-2.0-only
#include "live/live.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "caps.h"
#include "live/attach.h"
#include "live/btf_file.h"
#include "live/capture_load.h"
#include "live/clsact.h"
#include "live/follow_load.h"
#include "live/ifaces.h"
#include "live/localaddr.h"
#include "live/netns.h"
#include "live/owner_load.h"
#include "live/ring.h"
#include "owner/cgroup2.h"

#include "capture.skel.h"

/* The reader wakes when this much has come (and by its own clock). */
#define WAKE_BYTES    65536
#define CONTROL_BYTES (EVENT_CONTROL_SLOTS * sizeof(uint64_t))

struct live {
	enum hook hook;
	struct cgroup2 cg;
	struct ifaces *ifaces; /* tc, socket */
	uint32_t netns_inode;
	struct capture_config config;
	struct capture_bpf *skel;
	struct follow_load *follow; /* NULL: not asked for, or not to be had */
	char follow_note[256];
	bool filters;
	char filter_note[256];
	char load_note[256];
	char *hook_note; /* heap; why it is not the hook of choice */
	struct owner_load *owners;
	struct attach attach;
	struct localaddr *local; /* socket hook only */
	struct ring *ring;
	uint64_t *control; /* mapped; EVENT_CONTROL_SLOTS words */
	int cpu_cnt;
};

static enum hook choose_hook(const struct live_options *opt)
{
	if (opt->hook != HOOK_UNKNOWN)
		return opt->hook;
	return opt->interfaces || opt->netns ? HOOK_TC : HOOK_CGROUP;
}

static int check_capabilities(const struct live *lv, const char *netns, struct diag *d)
{
	uint64_t mask = CAPS(CAP_BPF) | CAPS(CAP_PERFMON);

	mask |= lv->hook == HOOK_SOCKET ? CAPS(CAP_NET_RAW) : CAPS(CAP_NET_ADMIN);
	if (netns)
		mask |= CAPS(CAP_SYS_ADMIN);
	return caps_require(mask, d);
}

static int find_cgroup_root(struct live *lv, struct diag *d)
{
	int err = cgroup2_open(&lv->cg);

	if (!err || lv->hook != HOOK_CGROUP)
		return 0;
	if (err == -EPERM)
		return diag_set(d, EXIT_UNSUPPORTED, err,
				"the cgroup2 hierarchy is not mounted, and mounting it needs "
				"CAP_SYS_ADMIN: run as root, or `mount -t cgroup2 none "
				"/sys/fs/cgroup`, or use -i");
	return diag_set(d, EXIT_UNSUPPORTED, err,
			"no cgroup2 hierarchy (%s): use -i INTERFACE, or --hook socket",
			strerror(-err));
}

static void configure(struct live *lv, const struct live_options *opt)
{
	struct capture_config *cfg = &lv->config;

	cfg->filter_pid = opt->pid;
	cfg->filter_uid = opt->uid;
	cfg->filter_port = opt->port;
	cfg->snaplen = opt->snaplen;
	cfg->body_bytes = opt->body_bytes;
	cfg->all_segments = opt->all_segments;
	cfg->find_bodies = !opt->all_segments;
	cfg->sum_up = !opt->all_segments;
	cfg->wake_bytes = WAKE_BYTES;
	cfg->owner_lookup = OWNER_LOOKUP_COOKIE | OWNER_LOOKUP_TUPLE;
	cfg->netns = lv->hook == HOOK_CGROUP ? 0 : lv->netns_inode;
	memcpy(cfg->filter_comm, opt->comm, strnlen(opt->comm, sizeof(cfg->filter_comm) - 1));
	cfg->by_uid = opt->by_uid;
	cfg->by_cgroup = opt->by_cgroup;
	cfg->follow = opt->follow;
	cfg->by_owner = opt->pid || opt->by_uid || opt->comm[0] || opt->by_cgroup;
}

static int find_interfaces(struct live *lv, const struct live_options *opt, struct diag *d)
{
	lv->netns_inode = netns_inode();
	return lv->hook == HOOK_CGROUP ? 0 : ifaces_open(opt->interfaces, lv->hook, &lv->ifaces, d);
}

/* What a killed instance left at any interface of this namespace. Not being able to is no reason
 * not to start. */
static void sweep(void)
{
	struct iface *all = NULL;
	size_t cnt = 0, i;

	if (attach_interfaces(NULL, &all, &cnt, NULL))
		return;
	for (i = 0; i < cnt; i++)
		clsact_sweep(all[i].ifindex);
	free(all);
}

static void note_expression(struct live *lv, const struct live_options *opt, int err)
{
	lv->filters = opt->expression && !err;
	if (!err)
		return;
	snprintf(lv->filter_note, sizeof(lv->filter_note),
		 "-f is applied to what was copied, and saves no copying: %s",
		 err == -E2BIG	   ? "the expression is too long for the kernel"
		 : err == -ENOTSUP ? "the expression has a loop, which cannot be translated"
				   : "the kernel does not take its program");
}

/* Where the verifier could not follow all of it. */
static void note_reduced(struct live *lv)
{
	const struct capture_config *is = (const void *)&lv->skel->rodata->cfg;

	if (lv->config.find_bodies && !is->find_bodies)
		snprintf(lv->load_note, sizeof(lv->load_note),
			 "this kernel's verifier does not follow the search for bodies: they are "
			 "copied until user space says not to");
	else if (lv->config.sum_up && !is->sum_up && !lv->filter_note[0])
		snprintf(lv->load_note, sizeof(lv->load_note),
			 "this kernel's verifier does not follow the summing of bodies: their segments "
			 "cross one by one");
}

static int load(struct live *lv, const struct live_options *opt, struct counters *cnt,
		struct diag *d)
{
	struct capture_load_options load_opt = {
		.hook = lv->hook,
		.config = lv->config,
		.ring_bytes = opt->ring_bytes,
		.expression = opt->expression,
		.expression_len = opt->expression_len,
	};
	int err, expression_err;

	if (lv->ifaces)
		ifaces_kinds(lv->ifaces, &load_opt.need_l2, &load_opt.need_l3);
	err = capture_load(&load_opt, &lv->skel, &expression_err, d);
	if (err)
		return err;
	note_expression(lv, opt, expression_err);
	note_reduced(lv);
	lv->control = mmap(NULL, CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			   bpf_map__fd(lv->skel->maps.control), 0);
	if (lv->control == MAP_FAILED) {
		lv->control = NULL;
		return diag_set(d, EXIT_RUNTIME, -errno, "cannot map the capture control: %s",
				strerror(errno));
	}
	if (lv->hook == HOOK_SOCKET) {
		lv->local = localaddr_new();
		if (!lv->local)
			return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	}
	err = ring_open(bpf_map__fd(lv->skel->maps.ring), bpf_map__max_entries(lv->skel->maps.ring),
			cnt, lv->local, &lv->ring);
	if (err)
		return diag_set(d, EXIT_RUNTIME, err, "cannot map the ring: %s", strerror(-err));
	return 0;
}

/* Without BTF, its own or from a file, descent is found out in user space. */
static void start_following(struct live *lv, uint32_t pid, const char *btf)
{
	int err = follow_load_open(lv->skel->obj, pid, btf, &lv->follow);

	if (err)
		snprintf(lv->follow_note, sizeof(lv->follow_note),
			 "forks cannot be seen (%s): children of process %u are found in /proc, "
			 "while they live, and the kernel copies everybody's traffic",
			 strerror(-err), pid);
}

/* Owners first, so that the first packet captured finds its socket's. */
static int start_owners(struct live *lv, const char *btf, struct diag *d)
{
	const struct owner_load_options opt = {
		.by_tuple = lv->hook == HOOK_SOCKET,
		.netns = lv->config.netns,
		.btf = btf,
		.follow = !lv->config.follow ? FOLLOW_NONE
			  : lv->follow	     ? FOLLOW_MAP
					     : FOLLOW_ANY,
	};
	int err = owner_load_open(lv->skel->obj, &opt, &lv->owners);

	if (err)
		return diag_set(d, EXIT_RUNTIME, err, "out of memory");
	owner_load_attach(lv->owners);
	owner_load_iterate(lv->owners);
	return 0;
}

static int attach(struct live *lv, const struct live_options *opt, struct diag *d)
{
	struct attach_progs progs;

	capture_programs(lv->skel, &progs);
	if (lv->hook == HOOK_CGROUP)
		return attach_cgroup(&lv->attach, &progs, lv->cg.fd, d);
	return ifaces_attach(lv->ifaces, &progs, d);
}

static int open_steps(struct live *lv, const struct live_options *opt, struct counters *cnt,
		      struct diag *d)
{
	int err = opt->btf ? btf_file_check(opt->btf, d) : 0;

	if (!err)
		err = check_capabilities(lv, opt->netns, d);
	if (!err)
		err = netns_enter(opt->netns, d);
	if (!err)
		err = find_interfaces(lv, opt, d);
	if (!err)
		sweep();
	if (!err)
		err = find_cgroup_root(lv, d);
	configure(lv, opt);
	if (!err)
		err = load(lv, opt, cnt, d);
	if (!err && opt->follow)
		start_following(lv, opt->pid, opt->btf);
	if (!err)
		err = start_owners(lv, opt->btf, d);
	if (!err)
		err = attach(lv, opt, d);
	return err;
}

/* How many CPUs there may be, or -errno. */
static int count_cpus(struct diag *d)
{
	static const char path[] = "/sys/devices/system/cpu/possible"; /* libbpf's */

	if (access(path, R_OK))
		return diag_set(d, EXIT_RUNTIME, -errno,
				"cannot start: %s: %s; is sysfs mounted (mount -t sysfs sysfs /sys)?",
				path, strerror(errno));
	return libbpf_num_possible_cpus();
}

static int open_hook(enum hook hook, const struct live_options *opt, struct counters *cnt,
		     struct live **out, struct diag *d)
{
	struct live *lv = calloc(1, sizeof(*lv));
	int err;

	if (!lv)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	lv->cg.fd = -1;
	lv->cpu_cnt = count_cpus(d);
	lv->hook = hook;
	err = lv->cpu_cnt < 0 ? lv->cpu_cnt : open_steps(lv, opt, cnt, d);
	if (err) {
		diag_set(d, EXIT_RUNTIME, err, "cannot start: %s", strerror(-err));
		live_close(lv);
		return err;
	}
	*out = lv;
	return 0;
}

/* What is wrong with one hook may not be wrong with another; what is wrong with both, the first
 * says. */
static int open_another(const struct live_options *opt, struct counters *cnt, struct live **out,
			const struct diag *why)
{
	int err = open_hook(HOOK_TC, opt, cnt, out, NULL);

	if (!err && asprintf(&(*out)->hook_note, "every interface instead of every local socket: %s",
			     why->text) < 0)
		(*out)->hook_note = NULL;
	return err;
}

int live_open(const struct live_options *opt, struct counters *cnt, struct live **out,
	      struct diag *d)
{
	enum hook hook = choose_hook(opt);
	struct diag why = {0};
	int err = open_hook(hook, opt, cnt, out, &why);

	if (err && hook == HOOK_CGROUP && opt->hook == HOOK_UNKNOWN &&
	    why.status == EXIT_UNSUPPORTED && !open_another(opt, cnt, out, &why))
		return 0;
	return err ? diag_set(d, why.status, err, "%s", why.text) : 0;
}

void live_close(struct live *lv)
{
	if (!lv)
		return;
	attach_close(&lv->attach);
	ifaces_close(lv->ifaces);
	owner_load_close(lv->owners);
	follow_load_close(lv->follow);
	ring_close(lv->ring);
	localaddr_free(lv->local);
	if (lv->control)
		munmap(lv->control, CONTROL_BYTES);
	capture_unload(lv->skel);
	cgroup2_close(&lv->cg);
	free(lv->hook_note);
	free(lv);
}

void live_watch(struct live *lv, void (*say)(void *ctx, const char *sentence), void *ctx)
{
	if (lv->ifaces)
		ifaces_watch(lv->ifaces, say, ctx);
}

int live_fd(const struct live *lv)
{
	return bpf_map__fd(lv->skel->maps.ring);
}

int live_consume(struct live *lv, const struct live_sink *sink)
{
	return ring_consume(lv->ring, sink);
}

void live_elide(struct live *lv, uint64_t cookie, enum seg_dir dir, uint32_t seq)
{
	uint64_t *word;

	if (!cookie || dir == SEG_DIR_UNKNOWN)
		return;
	word = &lv->control[EVENT_CONTROL_SLOT(cookie, dir == SEG_DIR_EGRESS)];
	__atomic_store_n(word, EVENT_CONTROL_WORD(cookie, seq), __ATOMIC_RELAXED);
}

void live_decide(struct live *lv, uint64_t cgroup_id, enum filter_verdict verdict)
{
	int fd = bpf_map__fd(lv->skel->maps.cgroups);
	uint32_t value = verdict;

	/* Without an entry it is copied, so failing is no reason to stop. */
	if (verdict == FILTER_UNDECIDED)
		bpf_map_delete_elem(fd, &cgroup_id);
	else
		bpf_map_update_elem(fd, &cgroup_id, &value, BPF_ANY);
}

void live_decided(struct live *lv)
{
	__atomic_fetch_add(&lv->skel->bss->filter_generation, 1, __ATOMIC_RELEASE);
}

bool live_follows(const struct live *lv)
{
	return lv->follow;
}

bool live_filters(const struct live *lv)
{
	return lv->filters;
}

bool live_sees_reads(const struct live *lv)
{
	return lv->hook != HOOK_SOCKET && owner_load_mode(lv->owners) == OWNER_MODE_BTF;
}

void live_counters(const struct live *lv, uint64_t out[EVENT_CNT_MAX])
{
	struct counter_block *blocks = calloc((size_t)lv->cpu_cnt, sizeof(*blocks));
	uint32_t key = 0;
	int cpu, i;

	memset(out, 0, EVENT_CNT_MAX * sizeof(*out));
	if (!blocks)
		return;
	if (!bpf_map_lookup_elem(bpf_map__fd(lv->skel->maps.counters), &key, blocks))
		for (cpu = 0; cpu < lv->cpu_cnt; cpu++)
			for (i = 0; i < EVENT_CNT_MAX; i++)
				out[i] += blocks[cpu].v[i];
	out[EVENT_CNT_TCP] = out[EVENT_CNT_PACKETS] - out[EVENT_CNT_OTHER] -
			     out[EVENT_CNT_FRAGMENTS] - out[EVENT_CNT_MALFORMED];
	free(blocks);
}

/* Before Linux 5.19, and where unprivileged BPF is off, every use of a map took CAP_BPF. */
static bool maps_work(void *ctx)
{
	const struct live *lv = ctx;
	uint64_t nobody = 0;
	int fd = bpf_map__fd(lv->skel->maps.cgroups);

	return !bpf_map_delete_elem(fd, &nobody) || errno == ENOENT;
}

uint64_t live_caps(struct live *lv)
{
	uint64_t set = lv->hook == HOOK_TC ? CAPS(CAP_NET_ADMIN)
		       : lv->hook == HOOK_SOCKET ? CAPS(CAP_NET_RAW)
						 : 0;

	/* One stands for the other, and either may be the one that is had. */
	if (caps_needed(CAPS(CAP_BPF) | CAPS(CAP_SYS_ADMIN), maps_work, lv))
		set |= caps_needed(CAPS(CAP_SYS_ADMIN), maps_work, lv) ? CAPS(CAP_SYS_ADMIN)
								       : CAPS(CAP_BPF);
	return set;
}

enum hook live_hook(const struct live *lv)
{
	return lv->hook;
}

const char *live_note(const struct live *lv, unsigned int n)
{
	if (lv->hook_note && !n--)
		return lv->hook_note;
	if (lv->filter_note[0] && !n--)
		return lv->filter_note;
	if (lv->load_note[0] && !n--)
		return lv->load_note;
	if (lv->follow_note[0] && !n--)
		return lv->follow_note;
	return owner_load_note(lv->owners, n);
}
