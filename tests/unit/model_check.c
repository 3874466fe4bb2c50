// SPDX-License-Identifier: GPL-2.0-only
/*
 * Damages a capture of a conversation, gives it to the middle, and holds what comes out against what was
 * said. Messages are told apart by their sequence numbers and by the number that both carry.
 */
#include "model.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/flow.h"

#define BODY_BYTES 100 /* asked for of each body */

struct seen {
	bool reported, paired, complete;
	uint32_t flags;
};

/* When a message's first byte came, and when it was complete, as the middle is meant to see it. */
struct timing {
	uint64_t first_ns, last_ns;
};

struct check {
	const struct model *m;
	const struct model_damage *damage;
	struct model_score *score;
	bool verbose;
	bool damaged;
	struct model_packet *pkt; /* what is left, in the order of the capture */
	size_t pkt_cnt;
	size_t live_cnt; /* of them the first ones: at a local end nothing counts behind a reset */
	struct model_packet *gone;
	size_t gone_cnt;
	struct timing req_time[MODEL_EXCHANGES_MAX], resp_time[MODEL_EXCHANGES_MAX];
	uint64_t sent_to[2];     /* of a direction's bytes, without a hole */
	uint64_t captured_to[2]; /* of them, in what is left */
	struct seen req[MODEL_EXCHANGES_MAX], resp[MODEL_EXCHANGES_MAX];
	struct counters cnt;
};

static void complain(const struct check *c, const char *format, ...)
{
	va_list args;

	if (!c->verbose)
		return;
	fprintf(stderr, "seed %" PRIu64 ", %u ppm dropped: ", c->m->seed, c->damage->drop_ppm);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* --- damage ---------------------------------------------------------------------------------- */

static bool hit(uint64_t *rng, uint32_t ppm)
{
	return ppm && model_random(rng) % 1000000 < ppm;
}

/* Whether packet b may be captured before a, which came first. At a local end only packets that arrive, and
 * between which that end said nothing, can change places. */
static bool may_swap(const struct model *m, const struct model_packet *a,
		     const struct model_packet *b)
{
	if (a->syn || b->syn || a->rst || b->rst || b->ns > a->ns + 50000000)
		return false;
	if (m->place == MODEL_BETWEEN)
		return true;
	return a->dir == b->dir && (a->dir == 1) == (m->place == MODEL_AT_CLIENT);
}

static void damage_packets(struct check *c)
{
	const struct model *m = c->m;
	const struct model_damage *d = c->damage;
	uint64_t rng = m->seed * 0x9e3779b97f4a7c15ull + d->drop_ppm + d->shuffle_ppm;

	c->pkt = calloc(2 * m->pkt_cnt + 1, sizeof(*c->pkt));
	c->gone = calloc(m->pkt_cnt + 1, sizeof(*c->gone));
	if (!c->pkt || !c->gone)
		abort();
	for (size_t i = 0; i < m->pkt_cnt; i++) {
		if (hit(&rng, d->drop_ppm)) {
			c->gone[c->gone_cnt++] = m->pkt[i];
			continue;
		}
		c->pkt[c->pkt_cnt++] = m->pkt[i];
		if (!m->pkt[i].syn && !m->pkt[i].rst && hit(&rng, d->double_ppm))
			c->pkt[c->pkt_cnt++] = m->pkt[i];
	}
	c->damaged = c->gone_cnt > 0;
	while (c->live_cnt < c->pkt_cnt)
		if (c->pkt[c->live_cnt++].rst && m->place != MODEL_BETWEEN)
			break;
	for (size_t i = 0; d->shuffle_ppm && i + 1 < c->pkt_cnt; i++) {
		size_t far = 1 + model_random(&rng) % 3;

		for (size_t j = i; j < i + far && j + 1 < c->pkt_cnt; j++) {
			struct model_packet p = c->pkt[j];

			if (!hit(&rng, d->shuffle_ppm) || !may_swap(m, &p, &c->pkt[j + 1]))
				break;
			c->pkt[j] = c->pkt[j + 1];
			c->pkt[j + 1] = p;
		}
	}
}

/* --- what should be seen ---------------------------------------------------------------------- */

/* How far a direction's bytes were to be seen without a hole. At a local end nothing counts behind a reset. */
static uint64_t sent_to(const struct model *m, unsigned int dir)
{
	bool *there = calloc(m->stream[dir].len + 1, 1);
	uint64_t at;

	if (!there)
		abort();
	for (size_t n = 0; n < m->pkt_cnt; n++) {
		const struct model_packet *p = &m->pkt[n];

		if (p->rst && m->place != MODEL_BETWEEN)
			break;
		if (p->dir == dir && !p->probe && p->len)
			memset(there + p->off, 1, p->len);
	}
	for (at = 0; there[at]; at++)
		;
	free(there);
	return at;
}

static bool sent_whole(const struct check *c, unsigned int dir, const struct model_msg *msg)
{
	return msg->begun && msg->end <= c->sent_to[dir];
}

/* Times of the messages of one direction: each byte is there when it and all before it are there. */
static void time_direction(struct check *c, unsigned int dir)
{
	size_t len = c->m->stream[dir].len;
	size_t *by = calloc(len + 1, sizeof(*by)); /* packet that first brought a byte, 1-based */
	const struct model_msg *msgs = dir ? c->m->resp : c->m->req;
	struct timing *times = dir ? c->resp_time : c->req_time;
	uint64_t at;
	size_t last = 0;

	if (!by)
		abort();
	for (size_t i = 0; i < c->live_cnt; i++) {
		const struct model_packet *p = &c->pkt[i];

		if (p->dir == dir && !p->probe)
			for (at = p->off; at < p->off + p->len; at++)
				if (!by[at])
					by[at] = i + 1;
	}
	for (at = 0; at < len && by[at]; at++)
		;
	c->captured_to[dir] = at;
	for (unsigned int n = 0; n < MODEL_EXCHANGES_MAX && msgs[n].begun; n++) {
		if (msgs[n].end > c->captured_to[dir])
			break;
		for (at = n ? msgs[n - 1].end : 0; at < msgs[n].end; at++)
			if (by[at] > last)
				last = by[at];
		times[n].first_ns = c->pkt[by[msgs[n].start] - 1].ns;
		times[n].last_ns = c->pkt[last - 1].ns;
	}
	free(by);
}

static int find(const struct model_msg *msgs, uint64_t off)
{
	for (int i = 0; i < MODEL_EXCHANGES_MAX && msgs[i].begun; i++)
		if (msgs[i].start == off)
			return i;
	return -1;
}

static bool path_is(const struct transaction *tx, int i)
{
	char want[32];
	int len = snprintf(want, sizeof(want), "/%d", i);
	const char *target = tx->target.ptr;
	uint32_t at = tx->target.len > 16 && !memcmp(target, "http://h.example", 16) ? 16 : 0;

	if (tx->method.len == 7 && !memcmp(tx->method.ptr, "CONNECT", 7))
		return true;
	return tx->target.len >= at + len && !memcmp(target + at, want, len) &&
	       (tx->target.len == at + len || target[at + len] == '?');
}

static bool type_is(const struct transaction *tx, int i)
{
	char want[32];
	int len = snprintf(want, sizeof(want), "id/%d", i);

	/* What a hole swallowed cannot speak. */
	if (!tx->resp.header_cnt)
		return tx->flags & (TX_TRUNCATED | TX_GAP | TX_MALFORMED);
	return (int)tx->resp.headers[0].value.len == len &&
	       !memcmp(tx->resp.headers[0].value.ptr, want, len);
}

#define FLAGS_LOSS (TX_GAP | TX_TRUNCATED | TX_MALFORMED)

static void check_sizes(struct check *c, const struct transaction *tx, const struct message *got,
			const struct model_msg *want, const char *what, int i)
{
	if (tx->flags & FLAGS_LOSS || !got->complete)
		return;
	if (got->size == want->end - want->start && got->body_size == want->body_size)
		return;
	c->score->unflagged++;
	complain(c, "%s %d: size %" PRIu64 " body %" PRIu64 ", want %" PRIu64 " body %" PRIu64, what,
		 i, got->size, got->body_size, want->end - want->start, want->body_size);
}

/* What is kept of a body is its beginning, and all that is asked for unless it says otherwise. Bodies in chunks have
 * other bytes between theirs. */
static void check_body(struct check *c, const struct body_bytes *got, const struct message *msg,
		       unsigned int dir, const struct model_msg *want, int i)
{
	const uint8_t *body = c->m->stream[dir].data + want->head_end;
	uint64_t asked = want->body_size < BODY_BYTES ? want->body_size : BODY_BYTES;

	if (want->end - want->head_end != want->body_size)
		return;
	if (got->len <= asked && (!got->len || !memcmp(got->ptr, body, got->len)) &&
	    (got->len == asked || got->cut || !msg->complete))
		return;
	c->score->unflagged++;
	complain(c, "%s %d: %u bytes of another body, or not all of them",
		 dir ? "response" : "request", i, got->len);
}

static void check_time(struct check *c, const struct message *got, const struct timing *want,
		       const char *what, int i)
{
	if (c->damaged || !got->complete || !want->first_ns)
		return;
	if (got->first_ns == want->first_ns && got->last_ns == want->last_ns)
		return;
	c->score->missing++;
	complain(c, "%s %d: seen %" PRIu64 "..%" PRIu64 ", want %" PRIu64 "..%" PRIu64, what, i,
		 got->first_ns, got->last_ns, want->first_ns, want->last_ns);
}

static void take_request(struct check *c, const struct transaction *tx, int i)
{
	if (i < 0) {
		c->score->invented++;
		complain(c, "a request at %u that nobody sent",
			 tx->req.start_seq - c->m->isn[0] - 1);
		return;
	}
	if (c->req[i].reported) {
		c->score->doubled++;
		complain(c, "request %d is reported twice", i);
	}
	if (!path_is(tx, i)) {
		c->score->unflagged++;
		complain(c, "request %d has another's target", i);
	}
	c->req[i].reported = true;
	c->req[i].complete = tx->req.complete;
	c->req[i].flags = tx->flags;
	check_sizes(c, tx, &tx->req, &c->m->req[i], "request", i);
	check_body(c, &tx->req_body, &tx->req, 0, &c->m->req[i], i);
	check_time(c, &tx->req, &c->req_time[i], "request", i);
}

static void take_response(struct check *c, const struct transaction *tx, int i)
{
	if (i < 0) {
		c->score->invented++;
		complain(c, "a response at %u that nobody sent",
			 tx->resp.start_seq - c->m->isn[1] - 1);
		return;
	}
	if (c->resp[i].reported) {
		c->score->doubled++;
		complain(c, "response %d is reported twice", i);
	}
	if (!type_is(tx, i) || tx->status != c->m->resp[i].status) {
		c->score->unflagged++;
		complain(c, "response %d is not itself", i);
	}
	c->resp[i].reported = true;
	c->resp[i].complete = tx->resp.complete;
	c->resp[i].flags = tx->flags;
	check_sizes(c, tx, &tx->resp, &c->m->resp[i], "response", i);
	check_body(c, &tx->resp_body, &tx->resp, 1, &c->m->resp[i], i);
	check_time(c, &tx->resp, &c->resp_time[i], "response", i);
}

static void on_transaction(void *ctx, const struct transaction *tx)
{
	struct check *c = ctx;
	int req = -1, resp = -1;

	if (tx->req.seen) {
		req = find(c->m->req, tx->req.start_seq - c->m->isn[0] - 1);
		take_request(c, tx, req);
	}
	if (tx->resp.seen) {
		resp = find(c->m->resp, tx->resp.start_seq - c->m->isn[1] - 1);
		take_response(c, tx, resp);
	}
	if (!tx->req.seen || !tx->resp.seen || req < 0 || resp < 0)
		return;
	if (req != resp) {
		c->score->wrong++;
		complain(c, "request %d is paired with response %d (flags %x)", req, resp, tx->flags);
		return;
	}
	c->req[req].paired = c->resp[resp].paired = true;
	if (!c->damaged && sent_whole(c, 1, &c->m->resp[resp]) &&
	    tx->interim_cnt != c->m->resp[resp].interim_cnt) {
		c->score->missing++;
		complain(c, "response %d has %u interim ones, want %u (flags %x)", resp,
			 tx->interim_cnt, c->m->resp[resp].interim_cnt, tx->flags);
	}
}

/* --- the run --------------------------------------------------------------------------------- */

static struct endpoint endpoint(uint8_t host, uint16_t port)
{
	struct endpoint e = { .addr = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = host },
			      .port = port };

	return e;
}

static void fill_segment(const struct check *c, const struct model_packet *p, struct segment *seg)
{
	static const uint8_t garbage[1] = "\0";
	const struct model *m = c->m;
	unsigned int local = m->place == MODEL_AT_CLIENT ? 0 : 1;

	memset(seg, 0, sizeof(*seg));
	seg->time_ns = p->ns;
	seg->hook = m->place == MODEL_BETWEEN ? HOOK_FILE : HOOK_CGROUP;
	if (m->place != MODEL_BETWEEN) {
		seg->dir = p->dir == local ? SEG_DIR_EGRESS : SEG_DIR_INGRESS;
		seg->note.cookie = 1 + m->seed % 1000;
	}
	seg->src = endpoint(1 + p->dir, p->dir ? 80 : 40000);
	seg->dst = endpoint(2 - p->dir, p->dir ? 40000 : 80);
	seg->seq = m->isn[p->dir] + 1 + (uint32_t)p->off - p->syn;
	seg->flags = (p->syn ? TCP_SYN : 0) | (p->fin ? TCP_FIN : 0) | (p->rst ? TCP_RST : 0);
	if (p->has_ack) {
		seg->flags |= TCP_ACK;
		seg->ack = m->isn[!p->dir] + 1 + (uint32_t)p->ack;
	}
	seg->window = 0xffff;
	seg->payload_len = seg->payload_cap = p->len;
	if (p->len)
		seg->payload = p->probe ? garbage : m->stream[p->dir].data + p->off;
}

/* A copy of the payload in memory of its own, so that a read beyond it is noticed. */
static int push(struct flow_table *ft, struct segment *seg)
{
	uint8_t *copy = seg->payload_len ? malloc(seg->payload_len) : NULL;
	int err;

	if (copy) {
		memcpy(copy, seg->payload, seg->payload_len);
		seg->payload = copy;
	}
	err = flow_push(ft, seg);
	free(copy);
	return err;
}

static void tell_lost(const struct check *c, size_t *next_gone, struct segment *seg)
{
	for (; *next_gone < c->gone_cnt && c->gone[*next_gone].ns < seg->time_ns; (*next_gone)++) {
		seg->note.lost_events++;
		seg->note.lost_bytes += c->gone[*next_gone].len;
	}
}

static void replay(struct check *c)
{
	struct flow_sink sink = { .ctx = c, .transaction = on_transaction };
	struct flow_config config = flow_config_default;
	struct flow_table *ft;
	size_t next_gone = 0;

	config.body_bytes = BODY_BYTES;
	ft = flow_table_new(&config, &sink, &c->cnt);
	if (!ft)
		abort();
	for (size_t i = 0; i < c->pkt_cnt; i++) {
		struct segment seg;

		fill_segment(c, &c->pkt[i], &seg);
		if (c->damage->lost_told && c->m->place != MODEL_BETWEEN)
			tell_lost(c, &next_gone, &seg);
		if (push(ft, &seg))
			abort();
	}
	flow_finish(ft);
	flow_table_free(ft);
}

/* --- what was missed -------------------------------------------------------------------------- */

static bool touches(const struct model_packet *p, unsigned int dir, uint64_t from, uint64_t to)
{
	return p->dir == dir && !p->probe && p->off < to && p->off + p->len > from;
}

static bool own_packets_left(const struct check *c, int i)
{
	for (size_t n = 0; n < c->gone_cnt; n++)
		if (touches(&c->gone[n], 0, c->m->req[i].start, c->m->req[i].end) ||
		    touches(&c->gone[n], 1, c->m->resp[i].start, c->m->resp[i].end))
			return false;
	return true;
}

/* Whether what is left of the capture shows that something is missing: a byte beyond a hole, or its
 * acknowledgement. */
static bool loss_shows(const struct check *c)
{
	uint64_t shown[2] = { 0, 0 };

	for (size_t n = 0; n < c->live_cnt; n++) {
		const struct model_packet *p = &c->pkt[n];

		if (!p->probe && p->off + p->len > shown[p->dir])
			shown[p->dir] = p->off + p->len;
		if (p->has_ack && p->ack > shown[!p->dir] + 1)
			shown[!p->dir] = p->ack - 1;
	}
	return shown[0] > c->captured_to[0] || shown[1] > c->captured_to[1];
}

static void check_whole(struct check *c, int i)
{
	bool found = c->req[i].paired && c->req[i].complete && c->resp[i].complete;

	c->score->whole++;
	c->score->whole_found += found;
	if (c->m->req[i].pipelined) {
		c->score->piped_whole++;
		c->score->piped_found += found;
	}
	if (found || c->damaged)
		return;
	c->score->missing++;
	complain(c, "exchange %d is not reported whole (request %d%d%d flags %x, response %d%d%d)", i,
		 c->req[i].reported, c->req[i].paired, c->req[i].complete, c->req[i].flags,
		 c->resp[i].reported, c->resp[i].paired, c->resp[i].complete);
}

static void check_missing(struct check *c)
{
	bool flagged = c->cnt.gaps || c->cnt.skipped_bytes;
	bool missed = false;

	for (int i = 0; i < MODEL_EXCHANGES_MAX && c->m->req[i].begun; i++) {
		bool req = sent_whole(c, 0, &c->m->req[i]);
		bool resp = sent_whole(c, 1, &c->m->resp[i]);

		c->score->requests++;
		if (req && resp && own_packets_left(c, i))
			check_whole(c, i);
		if (req && !c->damaged &&
		    (!c->req[i].reported || (!resp && c->req[i].flags & (TX_GAP | TX_MALFORMED) &&
					     !loss_shows(c)))) {
			c->score->missing++;
			complain(c, "request %d is not reported as it was (flags %x)", i,
				 c->req[i].flags);
		}
		if ((req && !c->req[i].complete) || (resp && !c->resp[i].complete))
			missed = true;
		for (unsigned int n = 0; n < 2; n++)
			flagged |= (n ? c->resp : c->req)[i].flags & (FLAGS_LOSS | TX_MIDSTREAM);
	}
	if (missed && !flagged && loss_shows(c)) {
		c->score->unflagged++;
		complain(c, "something is missing and nothing says so");
	}
}

void model_check(const struct model *m, const struct model_damage *damage,
		 struct model_score *score, bool verbose)
{
	struct check *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->m = m;
	c->damage = damage;
	c->score = score;
	c->verbose = verbose;
	score->conversations++;
	damage_packets(c);
	for (size_t i = 0; i < c->gone_cnt; i++)
		complain(c, "removed: %s %" PRIu64 "+%u ack %" PRIu64 "%s%s", c->gone[i].dir ? "<" : ">",
			 c->gone[i].off, c->gone[i].len, c->gone[i].ack, c->gone[i].syn ? " SYN" : "",
			 c->gone[i].fin ? " FIN" : "");
	for (unsigned int dir = 0; dir < 2; dir++) {
		c->sent_to[dir] = sent_to(m, dir);
		time_direction(c, dir);
	}
	replay(c);
	check_missing(c);
	free(c->pkt);
	free(c->gone);
	free(c);
}
