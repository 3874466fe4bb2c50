// SPDX-License-Identifier: GPL-2.0-only
#include "live/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "live/record.h"

/* In one go, so that a ring that fills as fast as it is read does not keep the caller from its
 * signals. */
#define RECORDS_MAX 65536

#define RING_AHEAD 8 /* a power of two */

struct ring {
	struct record_env env;
	size_t page, size;
	unsigned long *consumer;       /* a page: positions, in bytes, that are never reset */
	const unsigned long *producer; /* a page, followed by the data */
	const uint8_t *data;
	uint8_t *joined; /* a record that goes on at the data's beginning; joined_size bytes */
	size_t joined_size;
};

/* What comes next: up to `pos`. */
struct outlook {
	unsigned long pos;
	unsigned int cnt;
	uint64_t cookie[RING_AHEAD]; /* of the n-th record of all, at n % RING_AHEAD; 0: none */
};

static void *map(int fd, size_t len, int prot, size_t off)
{
	void *at = mmap(NULL, len, prot, MAP_SHARED, fd, (off_t)off);

	return at == MAP_FAILED ? NULL : at;
}

int ring_open(int fd, size_t size, struct counters *cnt, struct localaddr *local, struct ring **out)
{
	struct ring *rg = calloc(1, sizeof(*rg));
	int err;

	if (!rg)
		return -ENOMEM;
	rg->env = (struct record_env){cnt, local};
	rg->page = (size_t)sysconf(_SC_PAGESIZE);
	rg->size = size;
	rg->consumer = map(fd, rg->page, PROT_READ | PROT_WRITE, 0);
	rg->producer = rg->consumer ? map(fd, rg->page + size, PROT_READ, rg->page) : NULL;
	if (!rg->producer) {
		err = -errno;
		ring_close(rg);
		return err;
	}
	rg->data = (const uint8_t *)rg->producer + rg->page;
	*out = rg;
	return 0;
}

void ring_close(struct ring *rg)
{
	if (!rg)
		return;
	if (rg->producer)
		munmap((void *)rg->producer, rg->page + rg->size);
	if (rg->consumer)
		munmap(rg->consumer, rg->page);
	free(rg->joined);
	free(rg);
}

/* Of the record at pos: its length with two flags, BUSY while it is being written. */
static uint32_t header_at(const struct ring *rg, unsigned long pos)
{
	return __atomic_load_n((const uint32_t *)(rg->data + (pos & (rg->size - 1))),
			       __ATOMIC_ACQUIRE);
}

static uint32_t length_of(uint32_t header)
{
	return header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
}

/* What it takes up, with its header. */
static unsigned long step_of(uint32_t header)
{
	return BPF_RINGBUF_HDR_SZ + ((unsigned long)length_of(header) + 7) / 8 * 8;
}

/* The bytes behind the header at pos, in one piece; NULL: there is no memory for that. */
static const uint8_t *record_at(struct ring *rg, unsigned long pos, uint32_t len)
{
	size_t at = (pos + BPF_RINGBUF_HDR_SZ) & (rg->size - 1), first = rg->size - at;

	if (len <= first)
		return rg->data + at;
	if (len > rg->joined_size) {
		uint8_t *joined = realloc(rg->joined, len);

		if (!joined)
			return NULL;
		rg->joined = joined;
		rg->joined_size = len;
	}
	memcpy(rg->joined, rg->data + at, first);
	memcpy(rg->joined + first, rg->data, len - first);
	return rg->joined;
}

static uint64_t cookie_at(const struct ring *rg, unsigned long pos, uint32_t header)
{
	size_t at = (pos + BPF_RINGBUF_HDR_SZ) & (rg->size - 1), len = length_of(header);

	if (len > rg->size - at)
		len = rg->size - at;
	return header & BPF_RINGBUF_DISCARD_BIT ? 0 : record_cookie(rg->data + at, len);
}

/*
 * Before the n-th record of all, at pos, is taken. Each record in its turn goes through the stages: the farther it
 * is, the less of what it needs can be named.
 */
static void look_ahead(const struct ring *rg, const struct live_sink *sink, struct outlook *o,
		       unsigned int n, unsigned long pos, unsigned long end)
{
	static const unsigned int distance[LIVE_EXPECT_STAGES] = {7, 5, 3, 1};

	if (o->cnt <= n) {
		o->cnt = n;
		o->pos = pos;
	}
	while (o->cnt < n + RING_AHEAD && o->pos < end) {
		uint32_t header = header_at(rg, o->pos);

		if (header & BPF_RINGBUF_BUSY_BIT)
			break;
		o->cookie[o->cnt++ % RING_AHEAD] = cookie_at(rg, o->pos, header);
		o->pos += step_of(header);
	}
	for (unsigned int i = 0; i < LIVE_EXPECT_STAGES; i++) {
		unsigned int m = n + distance[i];

		if (m < o->cnt && o->cookie[m % RING_AHEAD])
			sink->expect(sink->ctx, o->cookie[m % RING_AHEAD], i);
	}
}

static void take(struct ring *rg, const struct live_sink *sink, unsigned long pos, uint32_t header)
{
	const uint8_t *record;

	if (header & BPF_RINGBUF_DISCARD_BIT)
		return;
	record = record_at(rg, pos, length_of(header));
	rg->env.cnt->ring_bytes += step_of(header);
	if (record)
		record_take(&rg->env, sink, record, length_of(header));
	else
		rg->env.cnt->memory_dropped++;
}

int ring_consume(struct ring *rg, const struct live_sink *sink)
{
	unsigned long pos = *rg->consumer, end;
	struct outlook outlook = {0};
	unsigned int n = 0;

	while (n < RECORDS_MAX && pos != (end = __atomic_load_n(rg->producer, __ATOMIC_ACQUIRE))) {
		while (n < RECORDS_MAX && pos != end) {
			uint32_t header = header_at(rg, pos);

			if (header & BPF_RINGBUF_BUSY_BIT)
				return (int)n;
			if (sink->expect)
				look_ahead(rg, sink, &outlook, n, pos, end);
			take(rg, sink, pos, header);
			pos += step_of(header);
			n++;
			/* From here on the kernel writes over it. */
			__atomic_store_n(rg->consumer, pos, __ATOMIC_RELEASE);
		}
	}
	return (int)n;
}
