// SPDX-License-Identifier: GPL-2.0-only
#include "trace_run.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "banner.h"
#include "caps.h"
#include "sandbox.h"
#include "top/input.h"
#include "top/screen.h"

/* Ring records are written without a wake-up, so the ring is looked at this often besides. */
#define TICK_MS 50
/* For the acknowledgement of the last response, which may be delayed. */
#define CHILD_LINGER_NS (200 * MSEC)
/* So often the clock is looked at. */
#define PROGRESS_FRAMES 4096
#define CONSOLE_FRAMES	64
#define OUT_BUFFER	(1 << 16)

volatile sig_atomic_t trace_stop;

uint64_t trace_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void on_signal(int sig)
{
	trace_stop = STOP_TOLD;
	signal(sig, screen_die);
}

/* A second signal ends the process at once, with the terminal as it was. Without SA_RESTART a
 * blocked read or write is interrupted. */
static void catch_signals(void)
{
	struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}
/* --- top -------------------------------------------------------------------------------------- */

/* Lets the terminal have its turn. */
static void step_console(struct trace *tr, bool reading, uint64_t now_ns)
{
	tr->console_ns = now_ns;
	if (!console_step(tr->console, reading, now_ns))
		trace_stop = STOP_TOLD;
}

/* What a file held stays on the screen until the user has seen it. */
static void stay(struct trace *tr)
{
	struct pollfd fd = {.fd = console_fd(tr->console), .events = POLLIN};

	do {
		step_console(tr, false, trace_now_ns());
		if (trace_stop != STOP_TOLD)
			poll(&fd, 1, TICK_MS);
		if (fd.revents & (POLLHUP | POLLERR | POLLNVAL))
			trace_stop = STOP_TOLD;
	} while (trace_stop != STOP_TOLD);
}

/* While a pipe has nothing to read. */
static bool wait_for_input(void *ctx, int fd)
{
	struct trace *tr = ctx;
	struct pollfd fds[] = {
		{.fd = fd, .events = POLLIN},
		{.fd = tr->console ? console_fd(tr->console) : -1, .events = POLLIN},
	};

	poll(fds, 2, TICK_MS);
	if (fds[1].revents & (POLLHUP | POLLERR | POLLNVAL))
		trace_stop = STOP_TOLD;
	if (tr->console && !trace_stop)
		step_console(tr, true, trace_now_ns());
	return !trace_stop;
}

static int open_console(struct trace *tr, struct diag *d)
{
	const struct console_run run = {
		.model = tr->top,
		.live = tr->live,
		.owners = tr->live || tr->replay,
		.file = tr->file,
		.cnt = &tr->cnt,
		.source = tr->source,
		.interval_ns = tr->opt->interval_ns,
		.start_ns = tr->start_ns,
	};

	return tr->top ? console_open(&run, &tr->console, d) : 0;
}

/* --- what it may still do --------------------------------------------------------------------- */

/* Everything is open. What comes from now on may be hostile. */
static void restrict_itself(struct trace *tr)
{
	const struct options *opt = tr->opt;
	struct sandbox sb = {
		.live = tr->live,
		.interfaces = tr->live && live_hook(tr->live) != HOOK_CGROUP,
		.makes_files = opt->save_slow || (opt->write_file && opt->write_size),
		.child = tr->child.pid,
	};
	int err;

	if (tr->live)
		sb.caps = CAPS_NAMES | live_caps(tr->live);
	if (sb.makes_files) /* in a folder of somebody else, as before */
		sb.caps |= CAPS(CAP_DAC_OVERRIDE);
	if (sb.child) /* it may have become somebody else */
		sb.caps |= CAPS(CAP_KILL);
	err = sandbox_enter(&sb);
	if (err)
		fprintf(stderr, "note: system calls are not restricted: %s\n", strerror(-err));
}

/* --- the run ---------------------------------------------------------------------------------- */

/* The command that is traced is over; what it sent last is still on its way. */
static bool child_is_over(struct trace *tr, uint64_t now)
{
	if (!tr->child.pid || !child_ended(&tr->child))
		return false;
	if (!tr->child_over_ns)
		tr->child_over_ns = now;
	return now - tr->child_over_ns >= CHILD_LINGER_NS;
}

/* Its own status is httplat's; what became of the command is said where it is not what one
 * hopes. */
static void tell_child(const struct child *c)
{
	if (!c->pid || !c->ended || !c->status)
		return;
	if (WIFSIGNALED(c->status))
		fprintf(stderr, "httplat: the command was ended by signal %d\n",
			WTERMSIG(c->status));
	else
		fprintf(stderr, "httplat: the command ended with status %d\n",
			WEXITSTATUS(c->status));
}

/* The terminal of `top` is no place for sentences. */
static void say_change(void *ctx, const char *sentence)
{
	const struct trace *tr = ctx;

	if (!tr->console)
		fprintf(stderr, "httplat: %s\n", sentence);
}

static int run_live(struct trace *tr, struct diag *d)
{
	struct live_sink sink = {tr, trace_segment, trace_owner, trace_who, trace_cgroup, trace_read,
				 trace_sum, NULL};
	/* Of the output only the end is awaited: a reader that goes away while nothing is
	 * written. */
	struct pollfd fds[] = {
		{.fd = live_fd(tr->live), .events = POLLIN},
		{.fd = STDOUT_FILENO},
		{.fd = tr->console ? console_fd(tr->console) : -1, .events = POLLIN},
	};
	uint64_t start = tr->start_ns, now = start, last_tick = start;
	int n = tr->child.pid ? child_go(&tr->child, d) : 0;

	if (n)
		return n;
	while (!trace_stop && n >= 0) {
		poll(fds, 3, TICK_MS);
		if (fds[1].revents & POLLERR)
			trace_write_error(tr, -EPIPE);
		if (fds[2].revents & (POLLHUP | POLLERR | POLLNVAL))
			trace_stop = STOP_TOLD;
		sink.expect = flow_is_wide(tr->flow) ? trace_expect : NULL;
		n = live_consume(tr->live, &sink);
		now = trace_now_ns();
		if (now - last_tick >= TICK_MS * MSEC / 2) {
			last_tick = now;
			live_watch(tr->live, say_change, tr);
			trace_update_cgroups(tr, now);
			trace_clock_tick(tr, now);
			flow_settle(tr->flow, now);
			wallclock_sample(&tr->clock);
			trace_write_error(tr, report_flush(tr->report, now));
			if (saving_flush(tr->saving))
				trace_stop = STOP_FULL;
			trace_check_count(tr);
			if (tr->opt->duration_ns)
				progress_time(&tr->progress, tr->opt->duration_ns, now);
		}
		if (tr->console && (last_tick == now || fds[2].revents))
			step_console(tr, false, now);
		if (tr->opt->duration_ns && now - start >= tr->opt->duration_ns)
			break;
		if (child_is_over(tr, now))
			break;
	}
	if (n >= 0)
		n = live_consume(tr->live, &sink);
	progress_clear(&tr->progress);
	if (n < 0)
		return diag_set(d, EXIT_RUNTIME, n, "cannot read the ring buffer: %s",
				strerror(-n));
	return 0;
}

static void on_frame(void *ctx, uint64_t now_ns)
{
	struct trace *tr = ctx;
	uint64_t done, total;

	tr->frames++;
	if (tr->console && tr->frames % CONSOLE_FRAMES == 0 &&
	    trace_now_ns() - tr->console_ns >= TICK_MS * MSEC)
		step_console(tr, true, trace_now_ns());
	if (tr->progress.on && tr->frames % PROGRESS_FRAMES == 0) {
		file_progress(tr->file, &done, &total);
		progress_file(&tr->progress, done, total, trace_now_ns());
	}
	trace_clock_tick(tr, now_ns);
}

static int run_file(struct trace *tr, struct diag *d)
{
	struct file_sink sink = {tr, trace_segment, on_frame, trace_note};
	int err = file_read(tr->file, &sink, &trace_stop, d);

	progress_clear(&tr->progress);

	/* An interrupted read of a pipe looks like a damaged file. */
	if (err && trace_stop) {
		d->text[0] = '\0';
		return 0;
	}
	return err;
}

/* --fail-if, on the whole run. The first condition that holds is told. */
static int check_conditions(const struct trace *tr, uint64_t lost, struct diag *d)
{
	const struct stats_group *groups;
	char value[FAILIF_VALUE_MAX];
	const char *side;
	unsigned int i;
	double found;
	size_t cnt;
	int err = stats_groups(tr->totals, &groups, &cnt);

	if (err)
		return diag_set(d, EXIT_RUNTIME, err, "out of memory");
	for (i = 0; i < tr->opt->fail_if_cnt; i++) {
		const struct failif *f = &tr->opt->fail_if[i];

		if (!failif_holds(f, groups, cnt, lost, &side, &found))
			continue;
		return diag_set(d, EXIT_FAIL_IF, -ERANGE, "--fail-if %s holds: it was %s%s%s",
				f->text, failif_format(f, found, value), side[0] ? " at side " : "",
				side);
	}
	return 0;
}

/* What is complete was printed: the counts. */
static int finish(struct trace *tr, int err, struct diag *d)
{
	uint64_t kernel[EVENT_CNT_MAX] = {0};

	if (tr->live)
		live_counters(tr->live, kernel);
	tr->cnt.filtered_packets += kernel[EVENT_CNT_UNMATCHED];
	if (!tr->write_err)
		tr->write_err = report_summary(tr->report, &tr->cnt, tr->live ? kernel : NULL);
	else if (tr->write_err != -EPIPE)
		report_closing(tr->report, &tr->cnt, tr->live ? kernel : NULL);
	if (tr->write_err && tr->write_err != -EPIPE && !err)
		err = diag_set(d, EXIT_RUNTIME, tr->write_err,
			       "cannot write to standard output: %s", strerror(-tr->write_err));
	if (!err && tr->totals)
		err = check_conditions(tr, kernel[EVENT_CNT_LOST_EVENTS], d);
	return err;
}

int trace_run(const struct options *opt, struct diag *d)
{
	static char out_buffer[OUT_BUFFER]; /* until the process ends */
	struct trace tr = {
		.opt = opt,
		.pid = opt->pid,
		.follow = opt->follow || opt->command_argv,
		.tx_filter =
			{
				.pid = opt->pid,
				.follow = opt->follow || opt->command_argv,
				.by_uid = opt->by_uid,
				.uid = opt->uid,
				.by_cgroup = opt->containers[0] || opt->pods[0] || opt->units[0] ||
					     opt->cgroups[0],
				.port = opt->port,
				.side = opt->side,
			},
	};
	struct input_wait wait = {wait_for_input, &tr, -1};
	const char *path = opt->read_file;
	bool interactive = isatty(STDOUT_FILENO) ||
			   (opt->read_file && !strcmp(opt->read_file, "-"));
	int err, har_err, saving_err;

	memcpy(tr.tx_filter.comm, opt->comm, sizeof(tr.tx_filter.comm));
	/* Without a buffer of its own it would have one of 4 KB. */
	setvbuf(stdout, out_buffer, interactive ? _IOLBF : _IOFBF, sizeof(out_buffer));
	catch_signals();

	err = opt->command == COMMAND_TOP ? screen_check(d) : 0;
	if (!err && opt->command == COMMAND_TOP && opt->read_file)
		path = input_prepare(opt->read_file, &wait);
	if (!err && opt->command_argv)
		err = child_start(opt->command_argv, opt->command == COMMAND_TOP, &tr.child, d);
	if (tr.child.pid)
		tr.pid = tr.tx_filter.pid = (uint32_t)tr.child.pid;
	if (!err)
		err = opt->read_file ? trace_open_file(&tr, path, d) : trace_open_live(&tr, d);
	if (!err)
		err = trace_open_saving(&tr, d);
	if (!err && opt->har_file)
		err = har_open(opt->har_file, &tr.har, d);
	if (!err)
		err = trace_open_middle(&tr, d);
	if (!err) {
		banner_source(opt, tr.live, tr.source, sizeof(tr.source));
		if (tr.live)
			banner_print(opt, tr.live, tr.source);
		tr.start_ns = trace_now_ns();
		err = open_console(&tr, d);
	}
	if (!err)
		restrict_itself(&tr);
	if (!err) {
		progress_open(&tr.progress, stderr,
			      opt->command == COMMAND_STAT && !opt->interval_ns && !opt->heat,
			      tr.start_ns);
		err = tr.live ? run_live(&tr, d) : run_file(&tr, d);
		flow_finish(tr.flow);
		if (tr.console && !tr.live && trace_stop != STOP_TOLD)
			stay(&tr);
		console_close(tr.console);
		tell_child(&tr.child);
		err = finish(&tr, err, d);
	}
	har_err = har_close(tr.har, d);
	err = err ? err : har_err;
	saving_err = saving_close(tr.saving, d);
	err = err ? err : saving_err;
	child_end(&tr.child);
	flow_table_free(tr.flow);
	report_free(tr.report);
	top_model_free(tr.top);
	stats_free(tr.totals);
	filter_free(tr.pkt_filter);
	identities_free(tr.identities);
	cgfilter_free(tr.cgfilter);
	selection_free(tr.selection);
	replay_free(tr.replay);
	attribution_free(tr.attribution);
	live_close(tr.live);
	file_close(tr.file);
	return err;
}
