// SPDX-License-Identifier: GPL-2.0-only
#include "trace.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attribution.h"
#include "banner.h"
#include "cgfilter.h"
#include "child.h"
#include "core/flow.h"
#include "file/file.h"
#include "file/filter.h"
#include "live/live.h"
#include "owner/procfs.h"
#include "progress.h"
#include "recorder/replay.h"
#include "saving.h"
#include "top/console.h"
#include "top/input.h"
#include "top/screen.h"
#include "txfilter.h"

#define MSEC UINT64_C(1000000)
/* Ring records are written without a wake-up, so the ring is looked at this often besides. */
#define TICK_MS 50
/* For the acknowledgement of the last response, which may be delayed. */
#define CHILD_LINGER_NS (200 * MSEC)
/* So often the clock is looked at. */
#define PROGRESS_FRAMES 4096
#define CONSOLE_FRAMES	64
#define OUT_BUFFER	(1 << 16)
#define LINK_RAW	101 /* LINKTYPE_RAW */

/* Why the run ends. */
enum stop {
	STOP_FULL = 1, /* -n and the like; a failed output */
	STOP_TOLD,     /* by a signal, or by the user of `top` */
};

/* The one thing that a signal handler may touch. */
static volatile sig_atomic_t stop_flag;

struct trace {
	const struct options *opt;
	struct counters cnt;
	struct flow_table *flow;
	struct report *report;
	struct har *har;       /* NULL: not asked for */
	struct saving *saving; /* -w, --save-slow; NULL: neither */
	struct replay *replay; /* what a recording says; NULL: no recording is read */
	struct wallclock clock; /* live */
	struct txfilter tx_filter;

	struct live *live;		 /* NULL: a capture file */
	struct attribution *attribution; /* live only */
	struct selection *selection;	 /* -c --pod --unit -g; NULL: none of them */
	struct cgfilter *cgfilter;
	struct identities *identities; /* NULL: not asked for */
	struct child child;
	uint32_t pid; /* -p, or the child's */
	bool follow;
	struct stats *totals;	   /* by side, for --fail-if; NULL: not asked for */
	struct filter *pkt_filter; /* -f, live only: file_read() applies it to whole frames */
	struct file_source *file;
	struct progress progress;
	uint32_t frames; /* of the file, so far */
	bool sees_reads;
	struct top_model *top; /* `top`; else NULL */
	struct console *console;
	uint64_t console_ns; /* when it had its last turn */
	char source[512];    /* where from, in words */
	uint64_t start_ns;

	uint64_t flush_every_ns, last_flush_ns; /* in the segments' time */
	uint64_t child_over_ns;
	const char *request_headers[OPTIONS_MAX_HEADERS + 8],
		*response_headers[OPTIONS_MAX_HEADERS + 8];
	bool full;     /* -n are printed: nothing more is */
	int write_err; /* the first; -EPIPE is no failure */
};

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void on_signal(int sig)
{
	stop_flag = STOP_TOLD;
	signal(sig, screen_die);
}

/* A second signal ends the process at once, with the terminal as it was. Without SA_RESTART a blocked read or
 * write is interrupted. */
static void catch_signals(void)
{
	struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static void keep_write_error(struct trace *tr, int err)
{
	if (!err || tr->write_err)
		return;
	tr->write_err = err;
	if (!stop_flag)
		stop_flag = STOP_FULL;
}

static void stop_printing(struct trace *tr)
{
	tr->full = true;
	if (!stop_flag)
		stop_flag = STOP_FULL;
}

/* -n */
static void check_count(struct trace *tr)
{
	if (tr->opt->count && report_printed(tr->report) >= tr->opt->count)
		stop_printing(tr);
}

/* Fills in tx's owner, where it can be found, and its names. False: there are no owners here. */
static bool name_owner(struct trace *tr, struct transaction *tx, struct owner_names *names)
{
	if (tr->attribution)
		attribution_name(tr->attribution, tx, monotonic_ns(), names);
	else if (tr->replay)
		replay_names(tr->replay, tx, names);
	else
		return false;
	return true;
}

/* -p and the other filters by whose the socket is; --port, --side. */
static bool is_asked_for(struct trace *tr, const struct transaction *tx, struct owner_names *names)
{
	struct identity id = {0};
	bool selected = false;

	if (tr->identities && tx->owner.pid)
		id = identities_get(tr->identities, &tx->owner);
	if (tr->selection && tr->attribution)
		selected = attribution_selected(tr->attribution, tx, tr->selection, names);
	else if (tr->selection)
		selected = selection_judge(tr->selection, names) == SELECTION_YES;
	return txfilter_match(&tr->tx_filter, tx, &id, selected);
}

static void on_transaction(void *ctx, const struct transaction *borrowed)
{
	struct trace *tr = ctx;
	struct transaction tx = *borrowed;
	struct owner_names names = {0};
	bool shown, kept, named = false;

	if (tr->full || tr->write_err)
		return;
	shown = reqfilter_match(&tr->opt->requests, &tx);
	kept = saving_wants(tr->saving, &tx);
	if (shown || kept || saving_needs_names(tr->saving))
		named = name_owner(tr, &tx, &names);
	if ((shown || kept) && !is_asked_for(tr, &tx, &names))
		shown = kept = false;
	saving_transaction(tr->saving, tr->flow, &tx, named ? &names : NULL,
			   tx.owner.pid != borrowed->owner.pid, shown, kept);
	if (!shown) {
		tr->cnt.filtered++;
		return;
	}
	keep_write_error(tr, report_transaction(tr->report, &tx, named ? &names : NULL));
	if (tr->totals && stats_add(tr->totals, &tx, NULL))
		tr->cnt.memory_dropped++;
	if (tr->opt->until_slow_ns && tx.has_latency && tx.latency_ns >= tr->opt->until_slow_ns)
		stop_printing(tr);
	check_count(tr);
}

static void on_elide(void *ctx, uint64_t cookie, enum seg_dir dir, uint32_t seq)
{
	struct trace *tr = ctx;

	if (tr->live)
		live_elide(tr->live, cookie, dir, seq);
}

/* -f on a packet that begins with its IP header, which is what a live segment holds. */
static const struct frame *raw_frame(const struct segment *seg, struct frame *out)
{
	*out = (struct frame){
		.link_type = LINK_RAW, .cap = seg->pkt_cap, .len = seg->pkt_len, .data = seg->pkt};
	return out;
}

static void on_segment(void *ctx, const struct segment *seg)
{
	struct trace *tr = ctx;
	struct frame frame;

	if (tr->attribution)
		attribution_learn(tr->attribution, &seg->note.owner, seg->note.sock_cgroup_id);
	if (tr->cgfilter) {
		cgfilter_meet(tr->cgfilter, seg->note.owner.cgroup_id);
		cgfilter_meet(tr->cgfilter, seg->note.sock_cgroup_id);
	}
	if (tr->pkt_filter && !filter_match(tr->pkt_filter, raw_frame(seg, &frame), NULL)) {
		tr->cnt.filtered_packets++;
		return;
	}
	if (tr->opt->verbose && !tr->full && !tr->write_err)
		keep_write_error(tr, report_segment(tr->report, seg));
	saving_segment(tr->saving, tr->flow, seg);
}

static void on_owner(void *ctx, uint64_t cookie, const struct endpoint *local,
		     const struct endpoint *remote, const struct owner *owner)
{
	struct trace *tr = ctx;
	const struct note_owner told = {cookie, *local, *remote, *owner};

	attribution_learn(tr->attribution, owner, 0);
	saving_owner(tr->saving, tr->flow, &told);
}

static void on_read(void *ctx, const struct reading *reading)
{
	struct trace *tr = ctx;

	saving_read(tr->saving, tr->flow, reading);
}

static void on_who(void *ctx, const struct owner *owner, uint32_t uid, uint32_t inner_pid,
		   bool followed)
{
	struct trace *tr = ctx;

	if (inner_pid)
		attribution_learn_inner_pid(tr->attribution, owner->pid, inner_pid);
	if (tr->identities)
		identities_note(tr->identities, owner, uid, followed);
}

static void on_cgroup(void *ctx, uint64_t id, const char *path)
{
	struct trace *tr = ctx;

	attribution_learn_cgroup(tr->attribution, id, path);
}

static void on_verdict(void *ctx, uint64_t cgroup_id, enum selection_verdict verdict)
{
	static const enum filter_verdict told[] = {
		[SELECTION_UNDECIDED] = FILTER_UNDECIDED,
		[SELECTION_NO] = FILTER_NO,
		[SELECTION_YES] = FILTER_YES,
	};
	struct trace *tr = ctx;

	live_decide(tr->live, cgroup_id, told[verdict]);
}

static void update_cgroups(struct trace *tr, uint64_t now_ns)
{
	if (tr->cgfilter && cgfilter_update(tr->cgfilter, now_ns, on_verdict, tr))
		live_decided(tr->live);
}

static uint64_t before(uint64_t now_ns, uint64_t ago_ns)
{
	return now_ns > ago_ns ? now_ns - ago_ns : 0;
}

/* Drives the middle's clock. Time in a file may jump back. */
static void on_clock(void *ctx, uint64_t now_ns)
{
	struct trace *tr = ctx;

	if (now_ns >= tr->last_flush_ns && now_ns - tr->last_flush_ns < tr->flush_every_ns)
		return;
	tr->last_flush_ns = now_ns;
	flow_flush(tr->flow, before(now_ns, tr->opt->gap_timeout_ns),
		   before(now_ns, tr->opt->idle_timeout_ns));
}

static int make_selection(struct trace *tr, const char *const *cgroups, struct diag *d)
{
	const struct options *opt = tr->opt;
	const struct selection_query query = {opt->containers, opt->pods, opt->units, cgroups};

	tr->selection = selection_new(&query);
	return tr->selection ? 0 : diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
}

/* -c, --pod, --unit and -g; says on standard error what is not there yet. */
static int open_selection(struct trace *tr, struct diag *d)
{
	const struct options *opt = tr->opt;
	const char *cgroups[OPTIONS_MAX_NAMES + 1] = {NULL};
	char what[512];
	unsigned int i;
	int err;

	if (!tr->tx_filter.by_cgroup)
		return 0;
	for (i = 0; opt->cgroups[i]; i++)
		cgroups[i] = attribution_cgroup_path(tr->attribution, opt->cgroups[i]);
	err = make_selection(tr, cgroups, d);
	if (err)
		return err;
	tr->cgfilter = cgfilter_new(tr->selection, attribution_cache(tr->attribution));
	if (!tr->cgfilter)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	err = cgfilter_start(tr->cgfilter, d);
	for (i = 0; !err && selection_missing(tr->selection, i, what, sizeof(what)); i++)
		fprintf(stderr, "httplat: no %s yet; waiting (httplat ps lists what there is)\n",
			what);
	return err;
}

/* -v, -w and --save-slow: what leaves out bodies would leave holes in them. */
static bool wants_all_segments(const struct options *opt)
{
	return opt->verbose || opt->write_file || opt->save_slow;
}

/* A recording says whose sockets were whose; another capture file doesn't. */
static int open_file(struct trace *tr, const char *path, struct diag *d)
{
	const struct options *opt = tr->opt;
	struct note_session session;
	bool recorded;
	int err = file_open(path, opt->filter, &tr->cnt, &tr->file, d);

	if (err)
		return err;
	recorded = file_session(tr->file, &session);
	err = options_check_capture(opt, recorded, d);
	if (err || !recorded)
		return err;
	tr->sees_reads = session.sees_reads;
	tr->replay = replay_new();
	if (!tr->replay)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	if (!tr->tx_filter.by_cgroup)
		return 0;
	err = make_selection(tr, opt->cgroups, d);
	return err ? err : selection_start(tr->selection, d);
}

/* -f, live: over IP packets, whatever the link. */
static int open_filter(struct trace *tr, struct live_options *lo, struct diag *d)
{
	int err;

	tr->pkt_filter = filter_new(tr->opt->filter);
	if (!tr->pkt_filter)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	err = filter_add(tr->pkt_filter, LINK_RAW, d);
	if (!err)
		lo->expression = filter_code(tr->pkt_filter, LINK_RAW, &lo->expression_len);
	return err;
}

static int open_live(struct trace *tr, struct diag *d)
{
	const struct options *opt = tr->opt;
	struct live_options lo = {
		.hook = opt->hook,
		.interfaces = opt->interfaces[0] ? opt->interfaces : NULL,
		.netns = opt->netns,
		.snaplen = opt->snaplen,
		.port = opt->port,
		.pid = tr->pid,
		.follow = tr->follow,
		.by_uid = opt->by_uid,
		.uid = opt->uid,
		.by_cgroup = tr->tx_filter.by_cgroup,
		.body_bytes = opt->body_bytes,
		.all_segments = wants_all_segments(opt),
	};
	int err;

	tr->attribution = attribution_new();
	if (!tr->attribution)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	memcpy(lo.comm, opt->comm, sizeof(lo.comm));
	err = opt->filter ? open_filter(tr, &lo, d) : 0;
	if (err)
		return err;
	/* It cannot come: a pid that is used again is another process. */
	if (tr->pid && !procfs_start_time(tr->pid))
		fprintf(stderr, "httplat: there is no process %" PRIu32 "\n", tr->pid);
	err = open_selection(tr, d);
	if (!err)
		err = live_open(&lo, &tr->cnt, &tr->live, d);
	if (err)
		return err;
	if (live_filters(tr->live)) { /* not twice */
		filter_free(tr->pkt_filter);
		tr->pkt_filter = NULL;
	}
	tr->sees_reads = live_sees_reads(tr->live);
	wallclock_sample(&tr->clock);
	update_cgroups(tr, monotonic_ns());
	if (!txfilter_needs_identity(&tr->tx_filter))
		return 0;
	tr->identities = identities_new(tr->follow ? tr->pid : 0, live_follows(tr->live));
	return tr->identities ? 0 : diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
}

static void add_header(const char **list, const char *name)
{
	for (; *list; list++)
		if (strcmp(*list, name) == 0)
			return;
	list[0] = name;
	list[1] = NULL;
}

/* Those that are always kept, --header's, and what a body can't be read without. */
static void choose_headers(const char **out, const char *const *always, const struct options *opt)
{
	unsigned int i;

	out[0] = NULL;
	for (; *always; always++)
		add_header(out, *always);
	for (i = 0; opt->headers[i]; i++)
		add_header(out, opt->headers[i]);
	if (!opt->body_bytes)
		return;
	add_header(out, "content-type");
	add_header(out, "content-encoding");
}

/* NULL: segments have wall time. */
static const struct wallclock *trace_clock(const struct trace *tr)
{
	if (tr->live)
		return &tr->clock;
	return tr->replay ? replay_clock(tr->replay) : NULL;
}

static int open_saving(struct trace *tr, struct diag *d)
{
	const struct saving_env env = {
		.clock = trace_clock(tr),
		.sees_reads = tr->sees_reads,
		.live = tr->live != NULL,
		.hook = tr->live ? live_hook(tr->live) : HOOK_FILE,
	};

	return saving_open(tr->opt, &env, &tr->cnt, &tr->saving, d);
}

static int open_middle(struct trace *tr, struct diag *d)
{
	const struct options *opt = tr->opt;
	struct flow_config fc = flow_config_default;
	struct flow_sink sink = {tr, on_transaction, wants_all_segments(opt) ? NULL : on_elide};
	struct report_options ro = {
		.format = opt->format,
		.explain = opt->explain,
		.joined = opt->joined,
		.count = opt->count,
		.har = tr->har,
		.stats = opt->command == COMMAND_STAT ? &opt->stats : NULL,
		.histogram = opt->histogram,
		.heat = opt->heat,
		.interval_ns = opt->interval_ns,
		.started_ns = tr->live ? monotonic_ns() : 0,
		.redact = opt->redact,
		.live = tr->live != NULL,
		.owners = tr->live || tr->replay,
		.clock = trace_clock(tr),
		.out = opt->write_file && !strcmp(opt->write_file, "-") ? stderr : stdout,
		.err = stderr,
	};

	if (opt->command == COMMAND_TOP) {
		tr->top = top_model_new(&opt->stats, tr->live, TOP_MODEL_BYTES);
		if (!tr->top)
			return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
		ro.top = tr->top;
	}
	choose_headers(tr->request_headers, fc.request_headers, opt);
	choose_headers(tr->response_headers, fc.response_headers, opt);
	fc.request_headers = tr->request_headers;
	fc.response_headers = tr->response_headers;
	fc.body_bytes = opt->body_bytes;
	fc.gap_timeout_ns = opt->gap_timeout_ns;
	fc.idle_timeout_ns = opt->idle_timeout_ns;
	fc.max_memory = opt->max_memory;
	fc.sees_reads = tr->sees_reads;
	if (fc.max_conn_memory > fc.max_memory / 2)
		fc.max_conn_memory = fc.max_memory / 2;
	/* Often enough that a hole is given up within a tenth more than it was asked for. */
	tr->flush_every_ns = fc.gap_timeout_ns / 10;
	if (tr->flush_every_ns > 1000 * MSEC)
		tr->flush_every_ns = 1000 * MSEC;

	tr->report = report_new(&ro);
	tr->flow = flow_table_new(&fc, &sink, &tr->cnt);
	if (opt->fail_if_cnt)
		tr->totals = stats_new(&(struct stats_options){.time = opt->stats.time});
	if (!tr->report || !tr->flow || (opt->fail_if_cnt && !tr->totals))
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	return 0;
}

/* --- top -------------------------------------------------------------------------------------- */

/* Lets the terminal have its turn. */
static void step_console(struct trace *tr, bool reading, uint64_t now_ns)
{
	tr->console_ns = now_ns;
	if (!console_step(tr->console, reading, now_ns))
		stop_flag = STOP_TOLD;
}

/* What a file held stays on the screen until the user has seen it. */
static void stay(struct trace *tr)
{
	struct pollfd fd = {.fd = console_fd(tr->console), .events = POLLIN};

	do {
		step_console(tr, false, monotonic_ns());
		if (stop_flag != STOP_TOLD)
			poll(&fd, 1, TICK_MS);
		if (fd.revents & (POLLHUP | POLLERR | POLLNVAL))
			stop_flag = STOP_TOLD;
	} while (stop_flag != STOP_TOLD);
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
		stop_flag = STOP_TOLD;
	if (tr->console && !stop_flag)
		step_console(tr, true, monotonic_ns());
	return !stop_flag;
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

static int run_live(struct trace *tr, struct diag *d)
{
	struct live_sink sink = {tr, on_segment, on_owner, on_who, on_cgroup, on_read};
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
	while (!stop_flag && n >= 0) {
		poll(fds, 3, TICK_MS);
		if (fds[1].revents & POLLERR)
			keep_write_error(tr, -EPIPE);
		if (fds[2].revents & (POLLHUP | POLLERR | POLLNVAL))
			stop_flag = STOP_TOLD;
		n = live_consume(tr->live, &sink);
		now = monotonic_ns();
		if (now - last_tick >= TICK_MS * MSEC / 2) {
			last_tick = now;
			update_cgroups(tr, now);
			on_clock(tr, now);
			flow_settle(tr->flow, now);
			wallclock_sample(&tr->clock);
			keep_write_error(tr, report_flush(tr->report, now));
			if (saving_flush(tr->saving))
				stop_flag = 1;
			check_count(tr);
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
	    monotonic_ns() - tr->console_ns >= TICK_MS * MSEC)
		step_console(tr, true, monotonic_ns());
	if (tr->progress.on && tr->frames % PROGRESS_FRAMES == 0) {
		file_progress(tr->file, &done, &total);
		progress_file(&tr->progress, done, total, monotonic_ns());
	}
	on_clock(tr, now_ns);
}

/* Of a recording. */
static void on_note(void *ctx, const struct note *n)
{
	struct trace *tr = ctx;

	if (n->kind == NOTE_OWNER)
		saving_owner(tr->saving, tr->flow, &n->owner);
	else if (n->kind == NOTE_READ)
		saving_read(tr->saving, tr->flow, &n->read);
	else if (replay_note(tr->replay, n))
		tr->cnt.memory_dropped++;
}

static int run_file(struct trace *tr, struct diag *d)
{
	struct file_sink sink = {tr, on_segment, on_frame, on_note};
	int err = file_read(tr->file, &sink, &stop_flag, d);

	progress_clear(&tr->progress);

	/* An interrupted read of a pipe looks like a damaged file. */
	if (err && stop_flag) {
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
	if (tr->write_err && tr->write_err != -EPIPE && !err)
		err = diag_set(d, EXIT_RUNTIME, tr->write_err,
			       "cannot write to standard output: %s", strerror(-tr->write_err));
	if (!err && tr->totals)
		err = check_conditions(tr, kernel[EVENT_CNT_LOST_EVENTS], d);
	return err;
}

int trace_run(const struct options *opt, struct diag *d)
{
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
	setvbuf(stdout, NULL, interactive ? _IOLBF : _IOFBF, OUT_BUFFER);
	catch_signals();

	err = opt->command == COMMAND_TOP ? screen_check(d) : 0;
	if (!err && opt->command == COMMAND_TOP && opt->read_file)
		path = input_prepare(opt->read_file, &wait);
	if (!err && opt->command_argv)
		err = child_start(opt->command_argv, opt->command == COMMAND_TOP, &tr.child, d);
	if (tr.child.pid)
		tr.pid = tr.tx_filter.pid = (uint32_t)tr.child.pid;
	if (!err)
		err = opt->read_file ? open_file(&tr, path, d) : open_live(&tr, d);
	if (!err)
		err = open_saving(&tr, d);
	if (!err && opt->har_file)
		err = har_open(opt->har_file, &tr.har, d);
	if (!err)
		err = open_middle(&tr, d);
	if (!err) {
		banner_source(opt, tr.live, tr.source, sizeof(tr.source));
		if (tr.live)
			banner_print(opt, tr.live, tr.source);
		tr.start_ns = monotonic_ns();
		err = open_console(&tr, d);
	}
	if (!err) {
		progress_open(&tr.progress, stderr,
			      opt->command == COMMAND_STAT && !opt->interval_ns && !opt->heat,
			      tr.start_ns);
		err = tr.live ? run_live(&tr, d) : run_file(&tr, d);
		flow_finish(tr.flow);
		if (tr.console && !tr.live && stop_flag != STOP_TOLD)
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
