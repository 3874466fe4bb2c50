// SPDX-License-Identifier: GPL-2.0-only
#include "trace_run.h"

void trace_write_error(struct trace *tr, int err)
{
	if (!err || tr->write_err)
		return;
	tr->write_err = err;
	if (!trace_stop)
		trace_stop = STOP_FULL;
}

static void stop_printing(struct trace *tr)
{
	tr->full = true;
	if (!trace_stop)
		trace_stop = STOP_FULL;
}

/* -n */
void trace_check_count(struct trace *tr)
{
	if (tr->opt->count && report_printed(tr->report) >= tr->opt->count)
		stop_printing(tr);
}

/* Fills in tx's owner, where it can be found, and its names. False: there are no owners here. */
static bool name_owner(struct trace *tr, struct transaction *tx, struct owner_names *names)
{
	if (tr->attribution)
		attribution_name(tr->attribution, tx, trace_now_ns(), names);
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

void trace_transaction(void *ctx, const struct transaction *borrowed)
{
	struct trace *tr = ctx;
	const struct transaction *tx = borrowed;
	struct transaction own; /* where it is added to */
	struct owner_names names = {0};
	bool shown, kept, named = false;

	if (tr->full || tr->write_err)
		return;
	if (tr->attribution || tr->replay || tr->saving) {
		own = *borrowed;
		tx = &own;
	}
	shown = reqfilter_match(&tr->opt->requests, tx);
	kept = saving_wants(tr->saving, tx);
	if (shown || kept || saving_needs_names(tr->saving))
		named = name_owner(tr, &own, &names);
	if ((shown || kept) && !is_asked_for(tr, tx, &names))
		shown = kept = false;
	saving_transaction(tr->saving, tr->flow, &own, named ? &names : NULL,
			   tx->owner.pid != borrowed->owner.pid, shown, kept);
	if (!shown) {
		tr->cnt.filtered++;
		return;
	}
	trace_write_error(tr, report_transaction(tr->report, tx, named ? &names : NULL));
	if (tr->totals && stats_add(tr->totals, tx, NULL))
		tr->cnt.memory_dropped++;
	if (tr->opt->until_slow_ns && tx->has_latency && tx->latency_ns >= tr->opt->until_slow_ns)
		stop_printing(tr);
	trace_check_count(tr);
}

void trace_elide(void *ctx, uint64_t cookie, enum seg_dir dir, uint32_t seq)
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

void trace_segment(void *ctx, const struct segment *seg)
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
		trace_write_error(tr, report_segment(tr->report, seg));
	saving_segment(tr->saving, tr->flow, seg);
}

void trace_owner(void *ctx, uint64_t cookie, const struct endpoint *local,
		     const struct endpoint *remote, const struct owner *owner)
{
	struct trace *tr = ctx;
	const struct note_owner told = {cookie, *local, *remote, *owner};

	attribution_learn(tr->attribution, owner, 0);
	saving_owner(tr->saving, tr->flow, &told);
}

void trace_read(void *ctx, const struct reading *reading)
{
	struct trace *tr = ctx;

	saving_read(tr->saving, tr->flow, reading);
}

/* Where there is a record of what is captured, each segment comes by itself. */
void trace_sum(void *ctx, const struct sum *sum)
{
	struct trace *tr = ctx;

	flow_sum(tr->flow, sum);
}

void trace_expect(void *ctx, uint64_t cookie, unsigned int stage)
{
	const struct trace *tr = ctx;

	flow_expect(tr->flow, cookie, stage);
}

void trace_who(void *ctx, const struct owner *owner, uint32_t uid, uint32_t inner_pid,
		   bool followed)
{
	struct trace *tr = ctx;

	if (inner_pid)
		attribution_learn_inner_pid(tr->attribution, owner->pid, inner_pid);
	if (tr->identities)
		identities_note(tr->identities, owner, uid, followed);
}

void trace_cgroup(void *ctx, uint64_t id, const char *path)
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

void trace_update_cgroups(struct trace *tr, uint64_t now_ns)
{
	if (tr->cgfilter && cgfilter_update(tr->cgfilter, now_ns, on_verdict, tr))
		live_decided(tr->live);
}

static uint64_t before(uint64_t now_ns, uint64_t ago_ns)
{
	return now_ns > ago_ns ? now_ns - ago_ns : 0;
}

/* Drives the middle's clock. Time in a file may jump back. */
void trace_clock_tick(void *ctx, uint64_t now_ns)
{
	struct trace *tr = ctx;

	if (now_ns >= tr->last_flush_ns && now_ns - tr->last_flush_ns < tr->flush_every_ns)
		return;
	tr->last_flush_ns = now_ns;
	flow_flush(tr->flow, before(now_ns, tr->opt->gap_timeout_ns),
		   before(now_ns, tr->opt->idle_timeout_ns));
}

/* Of a recording. */
void trace_note(void *ctx, const struct note *n)
{
	struct trace *tr = ctx;

	if (n->kind == NOTE_OWNER)
		saving_owner(tr->saving, tr->flow, &n->owner);
	else if (n->kind == NOTE_READ)
		saving_read(tr->saving, tr->flow, &n->read);
	else if (replay_note(tr->replay, n))
		tr->cnt.memory_dropped++;
}
