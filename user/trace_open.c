// SPDX-License-Identifier: GPL-2.0-only
#include "trace_run.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "options_check.h"
#include "owner/procfs.h"

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
int trace_open_file(struct trace *tr, const char *path, struct diag *d)
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

int trace_open_live(struct trace *tr, struct diag *d)
{
	const struct options *opt = tr->opt;
	struct live_options lo = {
		.hook = opt->hook,
		.interfaces = opt->interfaces[0] ? opt->interfaces : NULL,
		.netns = opt->netns,
		.btf = opt->btf_file,
		.snaplen = opt->snaplen,
		.ring_bytes = (uint32_t)opt->ring_bytes,
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
	trace_update_cgroups(tr, trace_now_ns());
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

int trace_open_saving(struct trace *tr, struct diag *d)
{
	const struct saving_env env = {
		.clock = trace_clock(tr),
		.sees_reads = tr->sees_reads,
		.live = tr->live != NULL,
		.hook = tr->live ? live_hook(tr->live) : HOOK_FILE,
	};

	return saving_open(tr->opt, &env, &tr->cnt, &tr->saving, d);
}

int trace_open_middle(struct trace *tr, struct diag *d)
{
	const struct options *opt = tr->opt;
	struct flow_config fc = flow_config_default;
	struct flow_sink sink = {tr, trace_transaction, wants_all_segments(opt) ? NULL : trace_elide};
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
		.started_ns = tr->live ? trace_now_ns() : 0,
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
