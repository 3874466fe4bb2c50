// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a recording says beside its packets: written and read again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "file/notes.h"
#include "recorder/replay.h"

static const struct owner owner = {4194304, 4194303, "nginx: worker x", 0xfedcba9876543210};
static const struct endpoint here = {{0x20, 1, 0xd, 0xb8, [15] = 1}, 8080};
static const struct endpoint there = {{[10] = 0xff, 0xff, 192, 0, 2, 1}, 65535};

static void read_back(const struct note *n, struct note *out)
{
	static uint8_t bytes[NOTE_MAX + 1];
	size_t len = note_write(bytes, n), cut;

	assert_true(len > 0);
	bytes[len] = 0xff; /* what stands behind it is not read */
	/* Cut short anywhere it is no note; in a block of its own, so that a sanitizer sees what is read. */
	for (cut = 0; cut < len; cut++) {
		uint8_t *part = malloc(cut ? cut : 1);

		memcpy(part, bytes, cut);
		assert_false(note_read(part, cut, out));
		free(part);
	}
	assert_true(note_read(bytes, len + 1, out));
	assert_int_equal(out->kind, n->kind);
}

static void test_session_and_clock(void **state)
{
	struct note n = {.kind = NOTE_SESSION, .session = {.sees_reads = true}}, out;

	read_back(&n, &out);
	assert_true(out.session.sees_reads);
	n = (struct note){.kind = NOTE_CLOCK, .clock = {1ull << 60, -5}};
	read_back(&n, &out);
	assert_true(out.clock.since_ns == 1ull << 60);
	assert_true(out.clock.offset_ns == -5);
}

static void assert_segment(const struct segment *a, const struct segment *b)
{
	assert_true(a->time_ns == b->time_ns);
	assert_int_equal(a->dir, b->dir);
	assert_memory_equal(&a->note, &b->note, sizeof(a->note));
}

static void test_segment(void **state)
{
	struct note n, out;

	memset(&n, 0, sizeof(n));
	n.kind = NOTE_SEGMENT;
	read_back(&n, &out);
	assert_segment(&n.segment, &out.segment);

	n.segment.time_ns = 123456789012345;
	n.segment.dir = SEG_DIR_EGRESS;
	n.segment.note.cookie = 1ull << 60;
	n.segment.note.sock_cgroup_id = 77;
	n.segment.note.owner = owner;
	n.segment.note.has_sock = true;
	n.segment.note.local = here;
	n.segment.note.remote = there;
	n.segment.note.has_stream_start = true;
	n.segment.note.stream_start = 0xffffffff;
	n.segment.note.not_http = true;
	n.segment.note.elided = true;
	n.segment.note.lost_events = 3;
	n.segment.note.lost_bytes = 1ull << 40;
	n.segment.note.has_connect = true;
	n.segment.note.connect_ns = 5000000;
	n.segment.note.has_tcp_info = true;
	n.segment.note.srtt_us = 1;
	n.segment.note.rtt_min_us = 2;
	n.segment.note.total_retrans = 3;
	n.segment.note.ifindex = 4;
	n.segment.note.gso_segs = 5;
	read_back(&n, &out);
	assert_segment(&n.segment, &out.segment);
}

static void test_owner_and_read(void **state)
{
	struct note n = {.kind = NOTE_OWNER, .owner = {9, here, there, owner}}, out;

	read_back(&n, &out);
	assert_true(out.owner.cookie == 9);
	assert_memory_equal(&out.owner.local, &here, sizeof(here));
	assert_memory_equal(&out.owner.remote, &there, sizeof(there));
	assert_memory_equal(&out.owner.owner, &owner, sizeof(owner));

	n = (struct note){.kind = NOTE_READ, .read = {.seq = 7, .time_ns = 8, .lost_before = true}};
	n.read.wscale_in = 14;
	n.read.wscale_out = 15;
	read_back(&n, &out);
	assert_false(out.read.has_tuple);
	assert_int_equal(out.read.seq, 7);
	assert_true(out.read.time_ns == 8 && out.read.lost_before);
	assert_int_equal(out.read.wscale_in, 14);
	assert_int_equal(out.read.wscale_out, 15);
	n.read.has_tuple = true;
	n.read.local = here;
	n.read.remote = there;
	read_back(&n, &out);
	assert_memory_equal(&out.read.local, &here, sizeof(here));
	assert_memory_equal(&out.read.remote, &there, sizeof(there));
}

static struct note names_of(const char *container)
{
	return (struct note){
		.kind = NOTE_NAMES,
		.names = {.pid = 12, .cgroup_id = 34, .sock_cgroup_id = 56,
			  .names = {.cgroup_id = 34, .cgroup_path = "/a", .unit = "",
				    .container_name = container, .inner_pid = 2}},
	};
}

static void test_names(void **state)
{
	struct note n = names_of("web"), out;
	static char endless[UINT16_MAX + 1];
	static uint8_t bytes[NOTE_MAX];

	read_back(&n, &out);
	assert_string_equal(out.names.names.container_name, "web");
	assert_string_equal(out.names.names.cgroup_path, "/a");
	assert_string_equal(out.names.names.unit, "");
	assert_null(out.names.names.pod);
	assert_int_equal(out.names.names.inner_pid, 2);

	memset(endless, 'x', sizeof(endless) - 1);
	n = names_of(endless);
	assert_int_equal(note_write(bytes, &n), 0);
}

/* A string that ends before its length, or has no end. */
static void test_damaged_string(void **state)
{
	struct note n = names_of("web"), out;
	uint8_t bytes[NOTE_MAX];
	size_t len = note_write(bytes, &n);
	uint8_t *web = memmem(bytes, len, "web", 4);

	web[1] = 0;
	assert_false(note_read(bytes, len, &out));
	memcpy(web, "webx", 4);
	assert_false(note_read(bytes, len, &out));
}

/* Times that nobody measured, with which sums would overflow. */
static void test_impossible_time(void **state)
{
	struct note n = {.kind = NOTE_CLOCK, .clock = {1ull << 61, 0}};
	uint8_t bytes[NOTE_MAX];

	assert_int_equal(note_write(bytes, &n), 0);
	n.clock = (struct note_clock){0, INT64_MIN};
	assert_int_equal(note_write(bytes, &n), 0);
	n.clock = (struct note_clock){0, INT64_MAX};
	assert_int_equal(note_write(bytes, &n), 0);
	n = (struct note){.kind = NOTE_READ, .read = {.time_ns = UINT64_MAX}};
	assert_int_equal(note_write(bytes, &n), 0);
}

static void test_not_ours(void **state)
{
	const uint8_t unknown[] = "hplt\377", other[] = "xxxx\1\1\1\1";
	struct note out;

	assert_false(note_read(unknown, sizeof(unknown), &out));
	assert_false(note_read(other, sizeof(other), &out));
	assert_false(note_read(NULL, 0, &out));
}

/* The last names that were told hold, each owner has its own, and the note's bytes may go. */
static void test_replay_names(void **state)
{
	struct replay *rp = replay_new();
	struct transaction tx = {.owner = {.pid = 12, .cgroup_id = 34}, .sock_cgroup_id = 56};
	struct owner_names names;
	char first[] = "web", second[] = "shop";
	struct note n = names_of(first);

	assert_non_null(rp);
	replay_names(rp, &tx, &names);
	assert_null(names.container_name);
	assert_int_equal(replay_note(rp, &n), 0);
	memset(first, 'x', sizeof(first));
	replay_names(rp, &tx, &names);
	assert_string_equal(names.container_name, "web");
	n = names_of(second);
	assert_int_equal(replay_note(rp, &n), 0);
	replay_names(rp, &tx, &names);
	assert_string_equal(names.container_name, "shop");
	tx.owner.pid = 13;
	replay_names(rp, &tx, &names);
	assert_null(names.container_name);
	replay_free(rp);
}

static void test_replay_clock(void **state)
{
	struct replay *rp = replay_new();
	const struct note first = {.kind = NOTE_CLOCK, .clock = {1000, 5000}};
	const struct note step = {.kind = NOTE_CLOCK, .clock = {2000, -1000}};

	assert_int_equal(wallclock_offset(replay_clock(rp), 1500), 0);
	replay_note(rp, &first);
	replay_note(rp, &step);
	replay_note(rp, &first); /* each file tells all of them */
	assert_int_equal(wallclock_offset(replay_clock(rp), 1500), 5000);
	assert_int_equal(wallclock_offset(replay_clock(rp), 2500), -1000);
	replay_free(rp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session_and_clock),
		cmocka_unit_test(test_segment),
		cmocka_unit_test(test_owner_and_read),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_damaged_string),
		cmocka_unit_test(test_impossible_time),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_replay_names),
		cmocka_unit_test(test_replay_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
