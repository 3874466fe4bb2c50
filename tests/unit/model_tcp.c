// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two applications, two TCPs and a network between them, in simulated time. Each step handles what happens
 * first: a segment arrives, a timer fires, an application writes.
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#define NEVER UINT64_MAX
#define FLIGHT_MAX 512
#define LATE_MAX 64
#define HELD_MAX 256
/* A client that gives up waits longer than one that closes because it has what it wanted. */
#define PATIENCE_NS 400000000ull

struct range {
	uint64_t off, end;
};

struct flight {
	uint64_t arrival;
	struct model_packet p;
};

/* A retransmission to come. */
struct late {
	uint64_t when;
	struct range r;
};

struct side {
	uint64_t written; /* of the stream, by the application */
	uint64_t sent, confirmed; /* confirmed: acknowledged by the peer */
	uint64_t received; /* in order */
	struct range held[HELD_MAX];
	unsigned int held_cnt;
	unsigned int unacked_segs;
	uint64_t ack_due, flush_due, app_due;
	bool fin_wanted, fin_sent, fin_received;
	uint64_t fin_at; /* the peer's FIN, when known */
	struct late late[LATE_MAX];
	unsigned int late_cnt;
	struct flight fly[FLIGHT_MAX]; /* on the way to the peer: a ring */
	unsigned int fly_first, fly_cnt;
	uint64_t last_arrival;
	unsigned int next;   /* request or response that comes next */
	uint64_t writing_to; /* end of the message being written */
};

struct sim {
	struct model *m;
	struct side side[2];
	uint64_t now, delay, rto;
	uint32_t place_ppm; /* where on the way the capture is, from the client */
	uint32_t loss_per_mille;
	unsigned int responses_read;
	bool awaiting;  /* a burst's answers */
	uint64_t heard; /* when the client heard last of the server */
	uint64_t stop_at; /* reset or end of the capture */
	bool over;
};

static void record(struct sim *s, const struct model_packet *p)
{
	struct model *m = s->m;

	if (m->pkt_cnt == m->pkt_cap) {
		m->pkt_cap = m->pkt_cap * 2 + 256;
		m->pkt = realloc(m->pkt, m->pkt_cap * sizeof(*m->pkt));
		if (!m->pkt)
			abort();
	}
	m->pkt[m->pkt_cnt++] = *p;
}

/* Sends a packet: it is captured on its way, unless the network lost it before. */
static void transmit(struct sim *s, unsigned int dir, struct model_packet p)
{
	struct side *me = &s->side[dir];
	uint64_t part = s->delay * (dir ? 1000000 - s->place_ppm : s->place_ppm) / 1000000;
	bool lost = p.len && !p.syn && !p.rst && !p.fin && me->late_cnt < LATE_MAX &&
		    model_chance(s->m, s->loss_per_mille);
	struct flight *f;

	p.dir = dir;
	p.ns = s->now + part;
	p.has_ack = !(p.syn && !dir);
	p.ack = me->received + me->fin_received;
	if (p.has_ack) {
		me->ack_due = NEVER;
		me->unacked_segs = 0;
	}
	if (!lost || model_chance(s->m, 500))
		record(s, &p);
	if (lost) {
		me->late[me->late_cnt++] = (struct late){ s->now + s->rto, { p.off, p.off + p.len } };
		return;
	}
	if (me->fly_cnt == FLIGHT_MAX)
		abort();
	f = &me->fly[(me->fly_first + me->fly_cnt++) % FLIGHT_MAX];
	f->arrival = s->now + s->delay;
	if (f->arrival < me->last_arrival)
		f->arrival = me->last_arrival;
	me->last_arrival = f->arrival;
	f->p = p;
}

/* Sends [off, end) in segments. */
static void send_range(struct sim *s, unsigned int dir, uint64_t off, uint64_t end)
{
	struct side *me = &s->side[dir];

	while (off < end) {
		uint64_t len = end - off < s->m->mss[dir] ? end - off : s->m->mss[dir];
		struct model_packet p = { .off = off, .len = (uint32_t)len };

		off += len;
		p.fin = me->fin_wanted && !me->fin_sent && off == s->m->stream[dir].len &&
			off == me->written && model_chance(s->m, 500);
		if (p.fin && me->late_cnt)
			p.fin = false; /* a lost FIN would have to be repeated */
		if (p.fin)
			me->fin_sent = true;
		transmit(s, dir, p);
		if (off > me->sent)
			me->sent = off;
	}
}

static void flush(struct sim *s, unsigned int dir)
{
	struct side *me = &s->side[dir];

	me->flush_due = NEVER;
	/* The window: what does not fit goes with the next acknowledgement. */
	if (me->fly_cnt > FLIGHT_MAX / 2) {
		me->flush_due = s->now + s->delay + 1000;
		return;
	}
	if (me->sent < me->written) {
		uint64_t window = (uint64_t)s->m->mss[dir] * (FLIGHT_MAX / 4);
		uint64_t end = me->written - me->sent < window ? me->written : me->sent + window;

		send_range(s, dir, me->sent, end);
		if (end < me->written) {
			me->flush_due = s->now + s->delay + 1000;
			return;
		}
	}
	if (me->fin_wanted && !me->fin_sent && me->sent == s->m->stream[dir].len && !me->late_cnt) {
		me->fin_sent = true;
		transmit(s, dir, (struct model_packet){ .off = me->sent, .fin = true });
	} else if (me->fin_wanted && !me->fin_sent) {
		me->flush_due = s->now + s->rto;
	}
}

static void app_write(struct sim *s, unsigned int dir, uint64_t to)
{
	s->side[dir].written = to;
	if (model_chance(s->m, 150)) {
		if (s->side[dir].flush_due == NEVER)
			s->side[dir].flush_due = s->now + model_below(s->m, 300000);
	} else {
		flush(s, dir);
	}
}

/* Writes the rest of the current message, or a part of it; true when it is all written. */
static bool write_on(struct sim *s, unsigned int dir)
{
	struct side *me = &s->side[dir];
	uint64_t left = me->writing_to - me->written;

	if (model_chance(s->m, 150) && left > 1) {
		app_write(s, dir, me->written + 1 + model_below(s->m, (uint32_t)left - 1));
		me->app_due = s->now + model_below(s->m, 2000000);
		return false;
	}
	app_write(s, dir, me->writing_to);
	return true;
}

/* --- the client ------------------------------------------------------------------------------ */

static void client_close(struct sim *s)
{
	struct side *me = &s->side[0];

	if (me->fin_wanted)
		return;
	me->fin_wanted = true;
	me->flush_due = s->now + model_below(s->m, 1000000);
}

/* Nothing to send: who gives up looks again later. */
static void client_wait(struct sim *s)
{
	if (s->m->end != MODEL_END_GIVEN_UP)
		return; /* arrivals wake it up */
	if (s->now >= s->heard + PATIENCE_NS && s->side[0].sent == s->side[0].written)
		client_close(s);
	else
		s->side[0].app_due = s->now + PATIENCE_NS / 4;
}

/* Whether the client may send another request now. */
static bool client_may_send(struct sim *s)
{
	struct model *m = s->m;
	unsigned int depth = m->depth, outstanding = s->side[0].next - s->responses_read;

	if (m->bursts) {
		s->awaiting = outstanding && (s->awaiting || outstanding >= depth);
		return !s->awaiting;
	}
	if (m->mixed_depth && model_chance(m, 600))
		depth = 1;
	return outstanding < depth;
}

static void client_step(struct sim *s)
{
	struct model *m = s->m;
	struct side *me = &s->side[0];

	me->app_due = NEVER;
	if (me->fin_wanted)
		return;
	if (me->written < me->writing_to) {
		if (write_on(s, 0))
			me->app_due = s->now + model_below(m, 200000);
		return;
	}
	if (me->next == m->exchange_cnt) {
		if (s->responses_read == m->exchange_cnt && m->end != MODEL_END_SERVER_FIN)
			client_close(s);
		else
			client_wait(s);
		return;
	}
	if (!client_may_send(s)) {
		client_wait(s);
		return;
	}
	m->req[me->next].pipelined = me->next > s->responses_read;
	model_request(m, me->next);
	me->writing_to = m->req[me->next++].end;
	if (write_on(s, 0))
		me->app_due = s->now + (model_chance(m, 700) ? 0 : model_below(m, 3000000));
}

static void client_read(struct sim *s)
{
	struct model *m = s->m;
	unsigned int before = s->responses_read;

	while (s->responses_read < s->side[1].next && m->resp[s->responses_read].begun &&
	       s->side[1].writing_to >= m->resp[s->responses_read].end &&
	       s->side[0].received >= m->resp[s->responses_read].end &&
	       (!m->resp[s->responses_read].undelimited || s->side[0].fin_received))
		s->responses_read++;
	s->heard = s->now;
	if ((s->side[0].app_due == NEVER || m->end == MODEL_END_GIVEN_UP) &&
	    (s->responses_read > before || s->side[0].next > s->responses_read))
		s->side[0].app_due = s->now + model_below(m, 2000000);
}

/* --- the server ------------------------------------------------------------------------------ */

static void server_close(struct sim *s)
{
	struct side *me = &s->side[1];

	if (me->fin_wanted)
		return;
	if (s->m->end == MODEL_END_UNANSWERED_RST) {
		transmit(s, 1, (struct model_packet){ .off = me->sent, .rst = true });
		s->over = true;
		return;
	}
	me->fin_wanted = true;
	me->flush_due = s->now + model_below(s->m, 1000000);
}

static void server_step(struct sim *s)
{
	struct model *m = s->m;
	struct side *me = &s->side[1];
	const struct model_msg *req;

	me->app_due = NEVER;
	if (me->fin_wanted)
		return;
	if (me->written < me->writing_to) {
		if (write_on(s, 1))
			me->app_due = s->now + model_below(m, 200000);
		return;
	}
	if (me->next == m->answer_cnt) {
		if (m->end == MODEL_END_GIVEN_UP)
			return;
		if (m->answer_cnt < m->exchange_cnt || m->end == MODEL_END_SERVER_FIN ||
		    m->end == MODEL_END_UNDELIMITED)
			server_close(s);
		return;
	}
	req = &m->req[me->next];
	if (!req->begun || me->received < (req->early ? req->head_end : req->end))
		return;
	model_response(m, me->next);
	me->writing_to = m->resp[me->next++].end;
	if (write_on(s, 1))
		me->app_due = s->now + (model_chance(m, 500) ? 0 : model_below(m, 5000000));
}

/* --- arrival --------------------------------------------------------------------------------- */

static void hold(struct side *me, uint64_t off, uint64_t end)
{
	bool progress = true;

	if (off > me->received) {
		if (me->held_cnt < HELD_MAX)
			me->held[me->held_cnt++] = (struct range){ off, end };
		return;
	}
	if (end > me->received)
		me->received = end;
	while (progress) {
		progress = false;
		for (unsigned int i = 0; i < me->held_cnt; i++) {
			if (me->held[i].off > me->received)
				continue;
			if (me->held[i].end > me->received)
				me->received = me->held[i].end;
			me->held[i] = me->held[--me->held_cnt];
			progress = true;
			break;
		}
	}
}

static void arrive(struct sim *s, unsigned int from)
{
	struct side *peer = &s->side[from], *me = &s->side[!from];
	struct model_packet p = peer->fly[peer->fly_first].p;
	uint64_t due;

	peer->fly_first = (peer->fly_first + 1) % FLIGHT_MAX;
	peer->fly_cnt--;
	if (p.ack > me->confirmed)
		me->confirmed = p.ack;
	if (p.len && !p.probe)
		hold(me, p.off, p.off + p.len);
	if (p.fin)
		me->fin_at = p.off + p.len;
	if (me->fin_at != NEVER && me->received == me->fin_at)
		me->fin_received = true;
	if (p.len || p.fin || p.probe) {
		due = s->now + (model_chance(s->m, 300) ? 0 : model_below(s->m, 40000000));
		if (++me->unacked_segs >= 2 || me->held_cnt || p.fin)
			due = s->now;
		if (due < me->ack_due)
			me->ack_due = due;
	}
	if (!from) {
		if (me->app_due == NEVER)
			me->app_due = s->now + (model_chance(s->m, 600) ? model_below(s->m, 100000) :
									   model_below(s->m, 20000000));
		if (me->fin_received && me->next == s->m->answer_cnt && me->written == me->writing_to)
			server_close(s);
	} else {
		client_read(s);
		if (me->fin_received)
			client_close(s);
	}
}

/* The n-th of a side's timers: acknowledgement, flush, application, retransmission, arrival. */
static uint64_t *timer_of(struct side *side, unsigned int n)
{
	unsigned int first = 0;

	switch (n) {
	case 0:
		return &side->ack_due;
	case 1:
		return &side->flush_due;
	case 2:
		return &side->app_due;
	case 3:
		for (unsigned int i = 1; i < side->late_cnt; i++)
			if (side->late[i].when < side->late[first].when)
				first = i;
		return side->late_cnt ? &side->late[first].when : NULL;
	default:
		return side->fly_cnt ? &side->fly[side->fly_first].arrival : NULL;
	}
}

/* Sends again what was lost, perhaps cut differently, perhaps with what lies beside it. */
static void retransmit(struct sim *s, unsigned int dir, struct late *late)
{
	struct side *me = &s->side[dir];
	struct range r = late->r;

	*late = me->late[--me->late_cnt];
	if (model_chance(s->m, 300)) {
		uint64_t back = model_below(s->m, s->m->mss[dir] + 1);

		r.off -= back < r.off ? back : r.off;
	}
	if (r.off < me->confirmed) /* nobody repeats what was acknowledged */
		r.off = me->confirmed;
	if (model_chance(s->m, 300))
		r.end += model_below(s->m, s->m->mss[dir] + 1);
	if (r.end > me->sent)
		r.end = me->sent;
	send_range(s, dir, r.off, r.end);
}

static void fire(struct sim *s, unsigned int dir, unsigned int n, uint64_t *timer)
{
	struct side *me = &s->side[dir];

	switch (n) {
	case 0:
		transmit(s, dir, (struct model_packet){ .off = me->sent + me->fin_sent });
		break;
	case 1:
		flush(s, dir);
		break;
	case 2:
		if (dir)
			server_step(s);
		else
			client_step(s);
		break;
	case 3:
		retransmit(s, dir, (struct late *)((char *)timer - offsetof(struct late, when)));
		break;
	default:
		arrive(s, dir);
		break;
	}
}

/* A keep-alive, or a needless retransmission. */
static void disturb(struct sim *s)
{
	unsigned int dir = model_below(s->m, 2);
	struct side *me = &s->side[dir];
	uint64_t back;

	if (!me->sent || me->fin_sent || me->fly_cnt > FLIGHT_MAX / 2)
		return;
	if (me->confirmed >= me->sent) {
		struct model_packet p = { .off = me->sent - 1, .probe = true };

		if (model_chance(s->m, 800))
			return;

		p.len = model_below(s->m, 2);
		transmit(s, dir, p);
		return;
	}
	back = 1 + model_below(s->m, 3 * s->m->mss[dir]);
	if (back > me->sent - me->confirmed)
		back = me->sent - me->confirmed;
	send_range(s, dir, me->sent - back, me->sent);
}

static void run(struct sim *s)
{
	for (unsigned int step = 0; step < 200000 && !s->over; step++) {
		uint64_t *first = NULL, *t;
		unsigned int dir, n, first_dir = 0, first_n = 0;

		for (dir = 0; dir < 2; dir++) {
			for (n = 0; n < 5; n++) {
				t = timer_of(&s->side[dir], n);
				if (t && *t != NEVER && (!first || *t < *first)) {
					first = t;
					first_dir = dir;
					first_n = n;
				}
			}
		}
		if (!first || *first >= s->stop_at)
			break;
		if (*first > s->now)
			s->now = *first;
		fire(s, first_dir, first_n, first);
		if (model_chance(s->m, 3))
			disturb(s);
	}
	if (s->stop_at != NEVER && s->m->end == MODEL_END_CLIENT_RST && !s->over) {
		s->now = s->stop_at;
		transmit(s, 0, (struct model_packet){ .off = s->side[0].sent + s->side[0].fin_sent,
						      .rst = true });
	}
}

/* --- the conversation ------------------------------------------------------------------------ */

static void plan(struct model *m)
{
	static const uint32_t sizes[] = { 1460, 1460, 1448, 536, 100, 65000, 9000, 1460, 1460, 7 };

	m->exchange_cnt = 1 + model_below(m, model_chance(m, 200) ? MODEL_EXCHANGES_MAX : 24);
	m->answer_cnt = m->exchange_cnt;
	m->end = model_chance(m, 500) ? MODEL_END_CLIENT_FIN : model_below(m, MODEL_END_MAX);
	m->depth = model_chance(m, 500) ? 1 : 2 + model_below(m, 8);
	m->mixed_depth = model_chance(m, 500);
	m->bursts = !m->mixed_depth && m->depth > 1 && model_chance(m, 300);
	for (unsigned int dir = 0; dir < 2; dir++) {
		m->mss[dir] = sizes[model_below(m, sizeof(sizes) / sizeof(sizes[0]))];
		m->isn[dir] = (uint32_t)(model_random(&m->rng));
		if (model_chance(m, 500)) /* it wraps */
			m->isn[dir] = 0u - model_below(m, 20000);
		if (m->mss[dir] < 100 && m->exchange_cnt > 4)
			m->exchange_cnt = m->answer_cnt = 4;
	}
	if (m->end == MODEL_END_UNANSWERED_FIN || m->end == MODEL_END_UNANSWERED_RST ||
	    m->end == MODEL_END_GIVEN_UP)
		m->answer_cnt = model_below(m, m->exchange_cnt);
}

static void handshake(struct sim *s)
{
	transmit(s, 0, (struct model_packet){ .syn = true });
	s->now += s->delay;
	transmit(s, 1, (struct model_packet){ .syn = true });
	s->now += s->delay;
	s->side[0].fly_cnt = s->side[1].fly_cnt = 0;
	s->side[0].last_arrival = s->side[1].last_arrival = s->now;
	transmit(s, 0, (struct model_packet){ 0 });
}

static int by_time(const void *a, const void *b)
{
	const struct model_packet *x = a, *y = b;

	return x->ns < y->ns ? -1 : x->ns > y->ns;
}

/* Stable: packets of one time keep their order. */
static void sort_packets(struct model *m)
{
	for (size_t i = 1; i < m->pkt_cnt; i++) {
		struct model_packet p = m->pkt[i];
		size_t j = i;

		for (; j && by_time(&m->pkt[j - 1], &p) > 0; j--)
			m->pkt[j] = m->pkt[j - 1];
		m->pkt[j] = p;
	}
}

void model_make(struct model *m, uint64_t seed, bool decoys)
{
	struct sim *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	memset(m, 0, sizeof(*m));
	m->seed = m->rng = seed;
	m->decoys = decoys;
	plan(m);
	s->m = m;
	s->now = 1000000000000ull;
	s->delay = 10000 + model_below(m, model_chance(m, 500) ? 100000 : 20000000);
	s->rto = 2 * s->delay + 3000000;
	m->place = model_below(m, 3);
	s->place_ppm = m->place == MODEL_AT_CLIENT ? 0 :
		       m->place == MODEL_AT_SERVER ? 1000000 :
						     model_below(m, 1000000);
	s->loss_per_mille = model_chance(m, 400) ? 1 + model_below(m, 30) : 0;
	m->decoys &= !s->loss_per_mille; /* a capture that is cut may end with a hole */
	m->in_order_network = !s->loss_per_mille;
	s->stop_at = NEVER;
	for (unsigned int dir = 0; dir < 2; dir++) {
		struct side *side = &s->side[dir];

		side->ack_due = side->flush_due = side->app_due = side->fin_at = NEVER;
	}
	handshake(s);
	s->side[0].app_due = s->now + model_below(m, 1000000);
	if (m->end == MODEL_END_CLIENT_RST || m->end == MODEL_END_CUT)
		s->stop_at = s->now + model_below(m, 1 + 4 * m->exchange_cnt * 10) * 1000000ull;
	run(s);
	sort_packets(m);
	free(s);
}

void model_free(struct model *m)
{
	free(m->stream[0].data);
	free(m->stream[1].data);
	free(m->pkt);
	memset(m, 0, sizeof(*m));
}
