// SPDX-License-Identifier: GPL-2.0-only
/* The ring's reader, on a file with the layout of the kernel's map: what is written by hand here is what
 * bpf_ringbuf_reserve() and bpf_ringbuf_submit() leave there. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <linux/types.h>

#include "../../bpf/event.h"
#include "live/ring.h"

enum { EXPECTED_MAX = 64 };

struct fixture {
	int fd;
	size_t page, size;
	unsigned long *consumer, *producer;
	uint8_t *data;
	struct counters cnt;
	struct ring *rg;
	struct live_sink sink;
	/* What came out. */
	uint64_t read[EXPECTED_MAX];
	unsigned int read_cnt;
	struct {
		uint64_t cookie;
		unsigned int stage, read_cnt;
	} expected[4 * EXPECTED_MAX];
	unsigned int expected_cnt;
	char path[EVENT_CGROUP_PATH_MAX];
};

static void on_read(void *ctx, const struct reading *reading)
{
	struct fixture *f = ctx;

	if (f->read_cnt < EXPECTED_MAX)
		f->read[f->read_cnt] = reading->cookie;
	f->read_cnt++;
}

static void on_cgroup(void *ctx, uint64_t id, const char *path)
{
	struct fixture *f = ctx;

	assert_int_equal(id, 7);
	strcpy(f->path, path);
}

static void on_expect(void *ctx, uint64_t cookie, unsigned int stage)
{
	struct fixture *f = ctx;

	assert_true(f->expected_cnt < 4 * EXPECTED_MAX);
	f->expected[f->expected_cnt].cookie = cookie;
	f->expected[f->expected_cnt].stage = stage;
	f->expected[f->expected_cnt++].read_cnt = f->read_cnt;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t *at;

	assert_non_null(f);
	f->page = (size_t)sysconf(_SC_PAGESIZE);
	f->size = f->page;
	f->fd = memfd_create("ring", MFD_CLOEXEC);
	assert_true(f->fd >= 0);
	assert_int_equal(ftruncate(f->fd, (off_t)(2 * f->page + f->size)), 0);
	at = mmap(NULL, 2 * f->page + f->size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	f->consumer = (unsigned long *)at;
	f->producer = (unsigned long *)(at + f->page);
	f->data = at + 2 * f->page;
	f->sink = (struct live_sink){.ctx = f, .read = on_read, .cgroup = on_cgroup};
	assert_int_equal(ring_open(f->fd, f->size, &f->cnt, NULL, &f->rg), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ring_close(f->rg);
	ring_close(NULL);
	munmap(f->consumer, 2 * f->page + f->size);
	close(f->fd);
	free(f);
	return 0;
}

/* Returns the position of its header. */
static unsigned long produce(struct fixture *f, const void *record, uint32_t len, uint32_t flags)
{
	const uint8_t *bytes = record;
	unsigned long pos = *f->producer;
	uint32_t header = len | flags;

	assert_true(pos + len + 15 - *f->consumer <= f->size);
	memcpy(f->data + pos % f->size, &header, sizeof(header));
	for (uint32_t i = 0; i < len; i++)
		f->data[(pos + 8 + i) % f->size] = bytes[i];
	*f->producer = pos + 8 + (len + 7) / 8 * 8;
	return pos;
}

static unsigned long produce_read(struct fixture *f, uint64_t cookie, uint32_t flags)
{
	struct event_read ev = {.type = EVENT_READ, .cookie = cookie};

	return produce(f, &ev, sizeof(ev), flags);
}

static void test_order(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ring_consume(f->rg, &f->sink), 0);
	for (uint64_t i = 1; i <= 3; i++)
		produce_read(f, i, 0);
	assert_int_equal(ring_consume(f->rg, &f->sink), 3);
	assert_int_equal(f->read_cnt, 3);
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(f->read[i - 1], i);
	assert_int_equal(*f->consumer, *f->producer);
	assert_int_equal(f->cnt.ring_bytes, *f->producer);
	assert_int_equal(ring_consume(f->rg, &f->sink), 0);
}

/* What is still being written is waited for, and what was given up is passed over. */
static void test_busy_and_discarded(void **state)
{
	struct fixture *f = *state;
	unsigned long busy;
	uint32_t header;

	f->sink.expect = on_expect;
	produce_read(f, 1, 0);
	produce_read(f, 2, BPF_RINGBUF_DISCARD_BIT);
	busy = produce_read(f, 3, BPF_RINGBUF_BUSY_BIT);
	produce_read(f, 4, 0);
	assert_int_equal(ring_consume(f->rg, &f->sink), 2);
	assert_int_equal(f->read_cnt, 1);
	assert_int_equal(*f->consumer, busy);
	for (unsigned int i = 0; i < f->expected_cnt; i++)
		assert_int_not_equal(f->expected[i].cookie, 3);
	header = sizeof(struct event_read);
	memcpy(f->data + busy % f->size, &header, sizeof(header));
	assert_int_equal(ring_consume(f->rg, &f->sink), 2);
	assert_int_equal(f->read_cnt, 3);
	assert_int_equal(f->read[1], 3);
	assert_int_equal(f->read[2], 4);
}

/* Records cross the data's end at every place where one can. */
static void test_wrap(void **state)
{
	struct event_cgroup cgroup = {.type = EVENT_CGROUP, .id = 7};
	struct fixture *f = *state;

	f->sink.expect = on_expect;
	memset(cgroup.path, 'x', sizeof(cgroup.path) - 1);
	cgroup.path[0] = '/';
	for (size_t at = 0; at <= f->size; at += 8) {
		*f->consumer = *f->producer = 1000 * f->size + at;
		memset(f->path, 0, sizeof(f->path));
		f->read_cnt = f->expected_cnt = 0;
		produce(f, &cgroup, sizeof(cgroup), 0);
		produce_read(f, at + 1, 0);
		produce_read(f, at + 2, 0);
		assert_int_equal(ring_consume(f->rg, &f->sink), 3);
		assert_string_equal(f->path, cgroup.path);
		assert_int_equal(f->read_cnt, 2);
		assert_int_equal(f->read[0], at + 1);
		assert_int_equal(f->read[1], at + 2);
	}
	assert_int_equal(f->cnt.bad_records, 0);
}

/* Each record is told of before it comes, in stages that ascend, as far as the ring tells. */
static void test_expect(void **state)
{
	enum { RECORDS = 40 };
	struct fixture *f = *state;
	unsigned int seen[RECORDS + 1] = {0};

	f->sink.expect = on_expect;
	for (uint64_t i = 1; i <= RECORDS; i++)
		produce_read(f, i, 0);
	assert_int_equal(ring_consume(f->rg, &f->sink), RECORDS);
	for (unsigned int i = 0; i < f->expected_cnt; i++) {
		uint64_t cookie = f->expected[i].cookie;

		assert_in_range(cookie, 1, RECORDS);
		assert_true(cookie > f->expected[i].read_cnt + 1);
		assert_int_equal(f->expected[i].stage,
				 LIVE_EXPECT_STAGES - 1 - (cookie - f->expected[i].read_cnt - 2) / 2);
		seen[cookie]++;
	}
	for (unsigned int i = 8; i <= RECORDS; i++)
		assert_int_equal(seen[i], LIVE_EXPECT_STAGES);
}

static void test_no_ring(void **state)
{
	struct ring *rg = NULL;
	struct counters cnt;

	(void)state;
	assert_true(ring_open(-1, 4096, &cnt, NULL, &rg) < 0);
	assert_null(rg);
}

int main(void)
{
#define RING(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		RING(test_order),
		RING(test_busy_and_discarded),
		RING(test_wrap),
		RING(test_expect),
		cmocka_unit_test(test_no_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
