// SPDX-License-Identifier: GPL-2.0-only
#include "samples.h"

#include <stdlib.h>
#include <string.h>

/* The beginning, not cut inside of a character. */
static struct slice cut(struct slice s)
{
	if (s.len <= SAMPLE_TEXT_MAX)
		return s;
	s.len = SAMPLE_TEXT_MAX;
	while (s.len > SAMPLE_TEXT_MAX - 4 && (s.ptr[s.len] & 0xc0) == 0x80)
		s.len--;
	return s;
}

struct sample *sample_new(const struct view *v, size_t *held)
{
	struct http_header host = {{"host", 4}, cut(v->host)};
	struct record r = {*v->tx, v->names};
	struct sample *s;
	size_t size;

	r.tx.target = cut(v->target);
	r.tx.req.headers = &host;
	r.tx.req.header_cnt = host.value.len > 0;
	r.tx.resp.headers = NULL;
	r.tx.resp.header_cnt = 0;
	size = sizeof(*s) + record_borrows(&r);
	s = malloc(size);
	if (!s)
		return NULL;
	*s = (struct sample){
		.record = r,
		.target_len = v->target.len,
		.host_len = v->host.len,
		.has_time = v->has_time,
		.time_ns = v->time_ns,
		.refs = 1,
		.size = size,
		.held = held,
	};
	record_settle(&s->record, s->bytes);
	*held += size;
	return s;
}

struct sample *sample_get(struct sample *s)
{
	s->refs++;
	return s;
}

void sample_put(struct sample *s)
{
	if (!s || --s->refs)
		return;
	*s->held -= s->size;
	free(s);
}

struct view sample_view(const struct sample *s)
{
	const struct message *req = &s->record.tx.req;

	return (struct view){
		.tx = &s->record.tx,
		.has_time = s->has_time,
		.time_ns = s->time_ns,
		.target = s->record.tx.target,
		.host = req->header_cnt ? req->headers[0].value : (struct slice){"", 0},
		.target_len = s->target_len,
		.host_len = s->host_len,
		.names = s->record.names,
	};
}

static void add_slow(struct samples *set, struct sample *s, uint64_t ns)
{
	unsigned int i = set->slowest_cnt;

	if (i == SAMPLES_MAX) {
		if (ns <= set->slowest_ns[i - 1])
			return;
		sample_put(set->slowest[--i]);
	} else {
		set->slowest_cnt++;
	}
	for (; i && set->slowest_ns[i - 1] < ns; i--) {
		set->slowest[i] = set->slowest[i - 1];
		set->slowest_ns[i] = set->slowest_ns[i - 1];
	}
	set->slowest[i] = sample_get(s);
	set->slowest_ns[i] = ns;
}

void samples_add(struct samples *set, struct sample *s, const uint64_t *ns)
{
	if (set->last_cnt == SAMPLES_MAX)
		sample_put(set->last[set->at]);
	else
		set->last_cnt++;
	set->last[set->at] = sample_get(s);
	set->at = (set->at + 1) % SAMPLES_MAX;
	if (ns)
		add_slow(set, s, *ns);
}

struct sample *samples_last(const struct samples *set, unsigned int i)
{
	if (i >= set->last_cnt)
		return NULL;
	return set->last[(set->at + SAMPLES_MAX - 1 - i) % SAMPLES_MAX];
}

void samples_forget(struct samples *set)
{
	unsigned int i;

	for (i = 0; i < set->last_cnt; i++)
		sample_put(samples_last(set, i));
	for (i = 0; i < set->slowest_cnt; i++)
		sample_put(set->slowest[i]);
	*set = (struct samples){0};
}
