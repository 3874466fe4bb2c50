// SPDX-License-Identifier: GPL-2.0-only
#include "cmd_check.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "caps.h"
#include "core/counters.h"
#include "diag.h"
#include "file/filter.h"
#include "live/live.h"
#include "owner/cgroup2.h"
#include "probe.h"
#include "sandbox.h"

#define LINK_RAW 101 /* LINKTYPE_RAW */

enum verdict { OK, WARN, NO };

/* One line: "ok    what            explanation". */
static void say(enum verdict verdict, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void say(enum verdict verdict, const char *what, const char *fmt, ...)
{
	static const char *const names[] = {[OK] = "ok", [WARN] = "warn", [NO] = "no"};
	va_list ap;

	printf("%-5s %-20s ", names[verdict], what);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void check_kernel(void)
{
	struct utsname un;
	char line[128] = "", *mode = NULL;
	FILE *f;

	if (uname(&un) == 0)
		say(OK, "kernel", "%s %s %s", un.sysname, un.release, un.machine);

	f = fopen("/sys/kernel/security/lockdown", "re");
	if (f) {
		/* "none [integrity] confidentiality": the mode in force stands in brackets */
		if (fgets(line, sizeof(line), f) && (mode = strchr(line, '[')))
			mode[strcspn(mode, "]")] = '\0';
		fclose(f);
	}
	if (!mode)
		say(OK, "lockdown", "not to be read (securityfs is not mounted, or not built)");
	else if (strcmp(mode + 1, "confidentiality") == 0)
		say(OK, "lockdown", "confidentiality: owners come through BTF tracepoints only");
	else
		say(OK, "lockdown", "%s", mode + 1);
}

static void check_capabilities(void)
{
	const struct cap_use *use;
	unsigned int i;

	for (i = 0; (use = caps_use(i)); i++) {
		if (caps_have(use->cap))
			say(OK, use->name, "for %s", use->needed_for);
		else
			say(use->without ? WARN : NO, use->name, "missing; needed for %s",
			    use->needed_for);
	}
}

/* One trial of probe.h with what follows from it. */
static void check_feature(const char *what, int err, enum verdict without, const char *good,
			  const char *bad)
{
	bool may_try = caps_have(CAP_BPF) && caps_have(CAP_PERFMON);

	if (!err)
		say(OK, what, "%s", good);
	else if (err == -EPERM && !may_try)
		say(WARN, what, "not known: trying it takes the capabilities above");
	else if (err == -EPERM)
		say(without, what,
		    "not permitted, although the capabilities are there: a container's seccomp "
		    "profile, or lockdown");
	else
		say(without, what, "%s (%s)", bad, strerror(-err));
}

static void check_features(void)
{
	check_feature("ring buffer", probe_ring_buffer(), NO, "events reach user space",
		      "BPF_MAP_TYPE_RINGBUF is refused: no live capture on this kernel");
	check_feature("socket storage", probe_socket_storage(), NO, "state lives with its socket",
		      "BPF_MAP_TYPE_SK_STORAGE is refused: no live capture on this kernel");
	check_feature("tcx", probe_tcx(), WARN, "--hook tc attaches through links",
		      "not to be had; --hook tc falls back to clsact filters");
	check_feature("packet socket", probe_packet_socket(), WARN, "for --hook socket",
		      "AF_PACKET with an eBPF filter is refused: no --hook socket");
	check_feature("btf", probe_btf(), WARN, "the kernel describes its types",
		      "no BTF: give --btf FILE, else owners come through classic tracepoints, if "
		      "at all");
	check_feature("tp_btf", probe_tp_btf(), WARN, "owners of sockets as they are used",
		      "refused: owners come through raw or classic tracepoints, if at all");
	check_feature("iter/task_file", probe_iter_task_file(), WARN,
		      "owners of sockets older than the trace",
		      "refused: owners of older sockets come from /proc");
	check_feature("raw tracepoint", probe_raw_tracepoint(), OK,
		      "stands in where tp_btf is refused, or BTF comes from --btf FILE",
		      "refused, so --btf FILE is of no use; not needed with tp_btf");
	check_feature("classic tracepoint", probe_classic_tracepoint(), OK,
		      "stands in where tp_btf is refused",
		      "not to be had, and not needed with tp_btf");
}

static void check_sandbox(void)
{
	int err = sandbox_probe();

	if (err)
		say(WARN, "seccomp",
		    "not to be had (%s): once it runs, httplat drops capabilities, "
		    "but system calls are not restricted",
		    strerror(-err));
	else
		say(OK, "seccomp", "once it runs, httplat can do little but read");
}

static void check_cgroup2(void)
{
	struct cgroup2 cg;
	int err = cgroup2_open(&cg);

	if (err)
		say(NO, "cgroup2", "neither mounted nor to be mounted (%s): no --hook cgroup; without "
		    "--hook every interface is traced",
		    strerror(-err));
	else if (cg.detached)
		say(WARN, "cgroup2",
		    "not mounted: httplat mounts it for itself, and cgroup paths "
		    "come from /proc/PID/cgroup");
	else
		say(OK, "cgroup2", "at %s", cg.path);
	cgroup2_close(&cg);
}

/* The whole of it: opens a capture at that hook and closes it at once. A note says where
 * something is done in another way. */
static bool try_hook(struct live_options *opt, const char *name, const char *where)
{
	struct counters cnt = {0};
	struct diag d = {0};
	struct live *live = NULL;
	const char *note;
	unsigned int i;

	if (live_open(opt, &cnt, &live, &d)) {
		say(NO, name, "%s", d.text);
		return false;
	}
	say(OK, name, "captures%s%s", live_filters(live) ? ", and decides on -f" : "", where);
	for (i = 0; (note = live_note(live, i)); i++)
		say(WARN, name, "%s", note);
	live_close(live);
	return true;
}

static bool check_hook(enum hook hook, const char *name, const char *interface)
{
	const char *const interfaces[] = {interface, NULL};
	struct live_options opt = {.hook = hook, .interfaces = interface ? interfaces : NULL};
	struct filter *ft = filter_new("tcp port 80");
	struct diag d = {0};
	bool captures;

	if (ft && !filter_add(ft, LINK_RAW, &d))
		opt.expression = filter_code(ft, LINK_RAW, &opt.expression_len);
	captures = try_hook(&opt, name, interface ? " (tried at lo)" : "");
	filter_free(ft);
	return captures;
}

static bool check_hooks(void)
{
	bool cgroup = check_hook(HOOK_CGROUP, "--hook cgroup", NULL);
	bool tc = check_hook(HOOK_TC, "--hook tc", "lo");
	bool packet = check_hook(HOOK_SOCKET, "--hook socket", "lo");

	return cgroup || tc || packet;
}

static int usage(int argc, char **argv)
{
	struct diag d = {0};

	if (strcmp(argv[1], "--help") == 0) {
		puts("Usage: httplat check\n"
		     "Says what works on this host, what does not, and why: one line each, with "
		     "ok,\n"
		     "warn or no in front. Exit status 0 when at least one hook can capture, "
		     "else 3.");
		return EXIT_DONE;
	}
	diag_set(&d, EXIT_USAGE, 0, "check takes no argument, but '%.80s' was given", argv[1]);
	diag_print(&d, "httplat");
	return EXIT_USAGE;
}

int cmd_check(int argc, char **argv)
{
	bool capture;

	if (argc > 1)
		return usage(argc, argv);
	libbpf_set_print(NULL); /* the trials' failures are told in our own words */
	check_kernel();
	check_capabilities();
	check_features();
	check_sandbox();
	check_cgroup2();
	capture = check_hooks();
	if (capture)
		puts("live capture works; httplat -r reads capture files on any host");
	else
		puts("no live capture on this host; httplat -r reads capture files all the same");
	return capture ? EXIT_DONE : EXIT_UNSUPPORTED;
}
