// SPDX-License-Identifier: GPL-2.0-only
#include "settle.h"

struct http_msg *settle_response(struct http_msg *msg)
{
	return msg->response ? msg : msg->peer;
}

void settle_push(struct settle *s, struct http_msg *msg)
{
	msg->next = NULL;
	if (s->tail)
		s->tail->next = msg;
	else
		s->head = msg;
	s->tail = msg;
}

struct http_msg *settle_drop(struct settle *s)
{
	struct http_msg *msg = s->head;

	if (!msg)
		return NULL;
	s->head = msg->next;
	if (!s->head)
		s->tail = NULL;
	return msg;
}

void settle_unread(struct settle *s)
{
	for (struct http_msg *msg = s->head; msg; msg = msg->next)
		if (msg->held.wait == HTTP_WAIT_READ)
			msg->held.wait = HTTP_WAIT_NOTHING;
}

static const struct marks *awaited(const struct settle *s, const struct http_msg *msg)
{
	if (msg->held.wait == HTTP_WAIT_ACK)
		return &s->acked;
	return msg->held.wait == HTTP_WAIT_READ ? &s->read : NULL;
}

struct http_msg *settle_pop(struct settle *s, uint64_t now_ns)
{
	const struct marks *marks;
	uint64_t ns;

	if (!s->head)
		return NULL;
	marks = awaited(s, s->head);
	if (!marks || s->blind ||
	    marks_find(marks, settle_response(s->head)->end_off, &ns) != MARKS_NOT_YET)
		return settle_drop(s);
	if (now_ns < s->head->held.since_ns + SETTLE_NS)
		return NULL;
	s->blind = !marks->used;
	return settle_drop(s);
}

void settle_free(struct settle *s, struct mem *mem)
{
	marks_free(&s->acked, mem);
	marks_free(&s->read, mem);
}

struct http_msg *settle_find(const struct settle *s, bool response, uint64_t from, uint64_t to)
{
	struct http_msg *msg, *of;

	for (msg = s->head; msg; msg = msg->next) {
		of = response ? settle_response(msg) : msg->response ? NULL : msg;
		if (http_msg_covers(of, from, to))
			return of;
	}
	return NULL;
}
