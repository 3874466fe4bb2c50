// SPDX-License-Identifier: GPL-2.0-only
#include "marks.h"

#include <stddef.h>

static unsigned int capacity(const struct marks *m)
{
	return m->more ? MARKS_MAX : MARKS_FEW;
}

/* The n-th of them, oldest first. */
static struct mark *slot(struct marks *m, unsigned int n)
{
	return (m->more ? m->more : m->few) + (m->first + n) % capacity(m);
}

static const struct mark *mark_at(const struct marks *m, unsigned int n)
{
	return slot((struct marks *)m, n);
}

static void drop_oldest(struct marks *m)
{
	m->forgotten = mark_at(m, 0)->off;
	m->first = (m->first + 1) % capacity(m);
	m->cnt--;
}

/* Without memory the oldest go. */
static void grow(struct marks *m, struct mem *mem)
{
	struct mark *more;

	if (m->more)
		return;
	more = mem_alloc(mem, MARKS_MAX * sizeof(*more));
	if (!more)
		return;
	for (unsigned int i = 0; i < m->cnt; i++)
		more[i] = *mark_at(m, i);
	m->more = more;
	m->first = 0;
}

const struct mark *marks_last(const struct marks *m)
{
	return m->cnt ? mark_at(m, m->cnt - 1) : NULL;
}

static bool ascends(const struct marks *m, uint64_t off)
{
	return off > (m->cnt ? marks_last(m)->off : m->forgotten);
}

/* Whether a message may have ended between the last mark and the one before it. */
static bool last_is_needed(const struct marks *m, uint64_t last_end, uint64_t parsed)
{
	uint64_t before = m->cnt > 1 ? mark_at(m, m->cnt - 2)->off : m->forgotten;

	return last_end > before || parsed < marks_last(m)->off;
}

void marks_add(struct marks *m, struct mem *mem, uint64_t off, uint64_t ns, uint64_t last_end,
	       uint64_t parsed)
{
	m->used = true;
	if (!ascends(m, off))
		return;
	if (m->cnt && !last_is_needed(m, last_end, parsed)) {
		m->cnt--;
	} else if (m->cnt == capacity(m)) {
		grow(m, mem);
		if (m->cnt == capacity(m))
			drop_oldest(m);
	}
	*slot(m, m->cnt) = (struct mark){off, ns};
	m->cnt++;
}

void marks_done(struct marks *m, uint64_t off)
{
	while (m->cnt > 1 && mark_at(m, 0)->off <= off)
		drop_oldest(m);
}

void marks_free(struct marks *m, struct mem *mem)
{
	mem_free(mem, m->more, MARKS_MAX * sizeof(*m->more));
	m->more = NULL;
}

void marks_forget(struct marks *m, uint64_t off)
{
	m->used = true;
	if (!ascends(m, off))
		return;
	m->forgotten = off;
	m->cnt = 0;
}

enum marks_result marks_find(const struct marks *m, uint64_t off, uint64_t *ns)
{
	if (off <= m->forgotten)
		return MARKS_UNKNOWN;
	for (unsigned int i = 0; i < m->cnt; i++) {
		if (mark_at(m, i)->off >= off) {
			*ns = mark_at(m, i)->ns;
			return MARKS_KNOWN;
		}
	}
	return MARKS_NOT_YET;
}
