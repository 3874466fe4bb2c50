// SPDX-License-Identifier: GPL-2.0-only
/* What record.h makes of a ring record: the annotations, what is refused, and which end is
 * local. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "live/record.h"
#include "packets.h"

enum { HEADERS = 40 };

static struct pkt pkt;

/* What the sink was given last. */
static struct {
	unsigned int segments, owners;
	struct segment seg;
	uint64_t cookie;
	struct endpoint local, remote;
	struct owner owner;
	uint64_t cgroup_id;
	char cgroup_path[64];
	unsigned int reads, sums;
	struct reading reading;
	struct sum sum;
} got;

static void on_segment(void *ctx, const struct segment *seg)
{
	got.segments++;
	got.seg = *seg;
}

static void on_owner(void *ctx, uint64_t cookie, const struct endpoint *local,
		     const struct endpoint *remote, const struct owner *owner)
{
	got.owners++;
	got.cookie = cookie;
	got.local = *local;
	got.remote = *remote;
	got.owner = *owner;
}

static void on_cgroup(void *ctx, uint64_t id, const char *path)
{
	got.cgroup_id = id;
	snprintf(got.cgroup_path, sizeof(got.cgroup_path), "%s", path);
}

static void on_read(void *ctx, const struct reading *reading)
{
	got.reads++;
	got.reading = *reading;
}

static void on_sum(void *ctx, const struct sum *sum)
{
	got.sums++;
	got.sum = *sum;
}

static const struct live_sink sink = {
	.segment = on_segment,
	.owner = on_owner,
	.cgroup = on_cgroup,
	.read = on_read,
	.sum = on_sum,
};

/* Takes a copy of exactly `size` bytes, so that a sanitizer sees a read past them. */
static void take(struct counters *cnt, struct localaddr *local, const void *data, size_t size)
{
	struct record_env env = {cnt, local};
	void *copy = malloc(size);

	memset(&got, 0, sizeof(got));
	memcpy(copy, data, size);
	record_take(&env, &sink, copy, size);
	free(copy);
}

static struct event_segment event(const char *src, const char *dst)
{
	static const struct pkt_tcp tcp = {.src = 40000, .dst = 80, .seq = 77, .flags = 0x18};

	pkt_init(&pkt, "GET / HTTP/1.1\r\n\r\n", 18);
	pkt_tcp(&pkt, &tcp);
	pkt_ipv4(&pkt, src, dst, IPPROTO_TCP);
	return (struct event_segment){
		.type = EVENT_SEGMENT,
		.hook = EVENT_HOOK_CGROUP,
		.dir = EVENT_DIR_EGRESS,
		.time_ns = 5,
		.pkt_len = pkt_len(&pkt),
		.cap_len = pkt_len(&pkt),
	};
}

static void take_event(struct counters *cnt, struct localaddr *local,
		       const struct event_segment *ev, size_t packet)
{
	uint8_t record[sizeof(*ev) + 256];

	memcpy(record, ev, sizeof(*ev));
	memcpy(record + sizeof(*ev), pkt_data(&pkt), packet);
	take(cnt, local, record, sizeof(*ev) + packet);
}

static void test_annotations(void **state)
{
	struct event_segment ev = event("10.0.0.1", "10.0.0.2");
	struct counters cnt = {0};

	ev.flags = EVENT_F_SOCK_TUPLE | EVENT_F_STREAM_START | EVENT_F_LOST | EVENT_F_TCP_INFO |
		   EVENT_F_CONNECT | EVENT_F_ELIDED;
	ev.cookie = 9;
	ev.owner = (struct event_owner_id){.cgroup_id = 3, .pid = 4, .tid = 5, .comm = "nginx"};
	ev.local_port = 1;
	ev.remote_port = 2;
	ev.stream_start = 70;
	ev.lost_events = 6;
	ev.lost_bytes = 700;
	ev.connect_ns = 8;
	ev.srtt_us = 11;
	take_event(&cnt, NULL, &ev, ev.cap_len);
	assert_int_equal(got.segments, 1);
	assert_int_equal(cnt.packets, 1);
	assert_int_equal(cnt.bad_records, 0);
	assert_int_equal(got.seg.hook, HOOK_CGROUP);
	assert_int_equal(got.seg.dir, SEG_DIR_EGRESS);
	assert_int_equal(got.seg.seq, 77);
	assert_int_equal(got.seg.payload_len, 18);
	assert_int_equal(got.seg.note.cookie, 9);
	assert_int_equal(got.seg.note.owner.pid, 4);
	assert_string_equal(got.seg.note.owner.comm, "nginx");
	assert_true(got.seg.note.has_sock && got.seg.note.local.port == 1);
	assert_true(got.seg.note.has_stream_start && got.seg.note.stream_start == 70);
	assert_int_equal(got.seg.note.lost_events, 6);
	assert_int_equal(got.seg.note.lost_bytes, 700);
	assert_true(got.seg.note.has_connect && got.seg.note.connect_ns == 8);
	assert_true(got.seg.note.has_tcp_info && got.seg.note.srtt_us == 11);
	assert_true(got.seg.note.elided && !got.seg.note.not_http);
}

static void test_without_its_flag_nothing_is_taken(void **state)
{
	struct event_segment ev = event("10.0.0.1", "10.0.0.2");
	struct counters cnt = {0};

	ev.stream_start = ev.lost_events = ev.srtt_us = ev.local_port = 1;
	ev.connect_ns = ev.lost_bytes = 1;
	take_event(&cnt, NULL, &ev, ev.cap_len);
	assert_int_equal(got.segments, 1);
	assert_false(got.seg.note.has_stream_start || got.seg.note.has_sock);
	assert_false(got.seg.note.has_connect || got.seg.note.has_tcp_info);
	assert_int_equal(got.seg.note.lost_events + got.seg.note.lost_bytes, 0);
}

static void test_listener(void **state)
{
	struct event_segment ev = event("10.0.0.1", "10.0.0.2");
	struct counters cnt = {0};

	ev.flags = EVENT_F_LISTENER;
	take_event(&cnt, NULL, &ev, ev.cap_len);
	assert_true(got.seg.note.has_stream_start);
	assert_int_equal(got.seg.note.stream_start, 77);
}

static void test_bad_records(void **state)
{
	const struct event_segment good = event("10.0.0.1", "10.0.0.2");
	struct event_owner owner = {.type = EVENT_OWNER};
	struct event_segment ev;
	struct counters cnt = {0};
	struct event_read read = {.type = EVENT_READ};
	uint16_t type = EVENT_SUM + 1;

	take(&cnt, NULL, &type, 1);
	assert_int_equal(cnt.bad_records, 1);
	take(&cnt, NULL, &type, 2);
	assert_int_equal(cnt.bad_records, 2);
	take(&cnt, NULL, &good, sizeof(good) - 1);
	assert_int_equal(cnt.bad_records, 3);
	take(&cnt, NULL, &owner, sizeof(owner) - 1);
	assert_int_equal(cnt.bad_records, 4);
	take_event(&cnt, NULL, &good, good.cap_len - 1); /* says more than there is */
	assert_int_equal(cnt.bad_records, 5);
	ev = good;
	ev.pkt_len = ev.cap_len - 1;
	take_event(&cnt, NULL, &ev, ev.cap_len);
	assert_int_equal(cnt.bad_records, 6);
	ev = good;
	ev.hook = EVENT_HOOK_SOCKET + 1;
	take_event(&cnt, NULL, &ev, ev.cap_len);
	assert_int_equal(cnt.bad_records, 7);
	ev = good;
	ev.dir = EVENT_DIR_EGRESS + 1;
	take_event(&cnt, NULL, &ev, ev.cap_len);
	assert_int_equal(cnt.bad_records, 8);
	take(&cnt, NULL, &read, sizeof(read) - 1);
	assert_int_equal(cnt.bad_records, 9);
	assert_int_equal(cnt.packets, 0);
	assert_int_equal(got.segments + got.owners + got.reads, 0);
}

/* A packet that is none is counted by the decoder's cause, not as a bad record. */
static void test_packet_is_cut(void **state)
{
	struct event_segment ev = event("10.0.0.1", "10.0.0.2");
	struct counters cnt = {0};

	ev.cap_len = HEADERS - 1;
	take_event(&cnt, NULL, &ev, ev.cap_len);
	assert_int_equal(cnt.packets, 1);
	assert_int_equal(cnt.truncated_packets, 1);
	ev.cap_len = HEADERS;
	take_event(&cnt, NULL, &ev, ev.cap_len);
	assert_int_equal(got.segments, 1);
	assert_int_equal(got.seg.payload_cap, 0);
	assert_null(got.seg.payload);
}

static void test_cgroup(void **state)
{
	struct event_cgroup ev = {.type = EVENT_CGROUP, .id = 12, .path = "/a/b"};
	struct counters cnt = {0};

	take(&cnt, NULL, &ev, sizeof(ev));
	assert_int_equal(got.cgroup_id, 12);
	assert_string_equal(got.cgroup_path, "/a/b");
	take(&cnt, NULL, &ev, sizeof(ev) - 1);
	assert_int_equal(cnt.bad_records, 1);
	assert_int_equal(got.cgroup_id, 0);
	memset(ev.path, 'x', sizeof(ev.path)); /* no NUL */
	take(&cnt, NULL, &ev, sizeof(ev));
	assert_int_equal(cnt.bad_records, 2);
	assert_int_equal(got.cgroup_id, 0);
	strcpy(ev.path, "relative");
	take(&cnt, NULL, &ev, sizeof(ev));
	assert_int_equal(cnt.bad_records, 2);
	assert_int_equal(got.cgroup_id, 0);
}

static void test_owner(void **state)
{
	struct event_owner ev = {
		.type = EVENT_OWNER,
		.cookie = 9,
		.owner = {.pid = 4, .tid = 5, .comm = "sixteen bytes, n"},
		.local_port = 80,
		.remote_port = 40000,
	};
	struct counters cnt = {0};

	take(&cnt, NULL, &ev, sizeof(ev));
	assert_int_equal(got.owners, 1);
	assert_int_equal(got.cookie, 9);
	assert_int_equal(got.owner.tid, 5);
	assert_memory_equal(got.owner.comm, "sixteen bytes, n", 16);
	assert_int_equal(got.local.port, 80);
	assert_int_equal(got.remote.port, 40000);
	assert_int_equal(got.reads, 0);
	ev.owner_flags = EVENT_OWNER_READ;
	ev.read_seq = 700;
	ev.time_ns = 800;
	take(&cnt, NULL, &ev, sizeof(ev));
	assert_int_equal(got.owners, 1);
	assert_int_equal(got.reads, 1);
	assert_int_equal(got.reading.cookie, 9);
	assert_int_equal(got.reading.seq, 700);
	assert_int_equal(got.reading.time_ns, 800);
	assert_true(got.reading.has_tuple && !got.reading.lost_before);
	assert_int_equal(got.reading.local.port, 80);
	assert_int_equal(got.reading.remote.port, 40000);
	ev.owner_flags |= EVENT_OWNER_READ_LOST;
	take(&cnt, NULL, &ev, sizeof(ev));
	assert_true(got.reading.lost_before);
	assert_int_equal(cnt.bad_records, 0);
}

static void test_read(void **state)
{
	struct event_read ev = {
		.type = EVENT_READ, .wscale = 0xa7, .cookie = 9, .seq = 7, .time_ns = 8};
	struct counters cnt = {0};

	take(&cnt, NULL, &ev, sizeof(ev));
	assert_int_equal(got.reads, 1);
	assert_int_equal(got.reading.cookie, 9);
	assert_int_equal(got.reading.seq, 7);
	assert_int_equal(got.reading.time_ns, 8);
	assert_int_equal(got.reading.wscale_in, 7);
	assert_int_equal(got.reading.wscale_out, 10);
	assert_false(got.reading.has_tuple || got.reading.lost_before);
	ev.flags = EVENT_READ_LOST;
	take(&cnt, NULL, &ev, sizeof(ev));
	assert_true(got.reading.lost_before);
	assert_int_equal(cnt.bad_records, 0);
}

static void test_sum(void **state)
{
	struct event_sum ev = {
		.type = EVENT_SUM,
		.hook = EVENT_HOOK_CGROUP,
		.dir = EVENT_DIR_INGRESS,
		.cookie = 9,
		.saddr = {1},
		.daddr = {2},
		.sport = 3,
		.dport = 4,
		.end = {5, 6},
		.cnt = {7, 8},
		.last_ns = {10, 11},
		.quiet_ns = 12,
		.idle_ns = 13,
	};
	struct counters cnt = {0};

	take(&cnt, NULL, &ev, sizeof(ev));
	assert_int_equal(got.sums, 1);
	assert_int_equal(got.sum.hook, HOOK_CGROUP);
	assert_int_equal(got.sum.dir, SEG_DIR_INGRESS);
	assert_int_equal(got.sum.cookie, 9);
	assert_int_equal(got.sum.src.addr[0], 1);
	assert_int_equal(got.sum.src.port, 3);
	assert_int_equal(got.sum.dst.addr[0], 2);
	assert_int_equal(got.sum.dst.port, 4);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(got.sum.half[i].end, 5 + i);
		assert_int_equal(got.sum.half[i].cnt, 7 + i);
		assert_int_equal(got.sum.half[i].last_ns, 10 + i);
	}
	assert_int_equal(got.sum.quiet_ns, 12);
	assert_int_equal(got.sum.idle_ns, 13);
	assert_int_equal(cnt.bad_records, 0);
	take(&cnt, NULL, &ev, sizeof(ev) - 1);
	ev.dir = EVENT_DIR_EGRESS + 1;
	take(&cnt, NULL, &ev, sizeof(ev));
	ev.dir = 0;
	ev.hook = EVENT_HOOK_SOCKET + 1;
	take(&cnt, NULL, &ev, sizeof(ev));
	assert_int_equal(got.sums, 0);
	assert_int_equal(cnt.bad_records, 3);
}

static void test_tap(void **state)
{
	struct event_segment ev = event("192.0.2.9", "127.0.0.1");
	struct localaddr *local = localaddr_new();
	struct counters cnt = {0};

	assert_non_null(local);
	ev.hook = EVENT_HOOK_SOCKET;
	take_event(&cnt, local, &ev, ev.cap_len); /* what leaves is not from here: forwarded */
	assert_int_equal(got.seg.dir, SEG_DIR_UNKNOWN);
	ev.dir = EVENT_DIR_INGRESS;
	take_event(&cnt, local, &ev, ev.cap_len);
	assert_int_equal(got.seg.dir, SEG_DIR_INGRESS);
	ev.dir = EVENT_DIR_EGRESS;
	ev.cookie = 1; /* a socket is an end */
	take_event(&cnt, local, &ev, ev.cap_len);
	assert_int_equal(got.seg.dir, SEG_DIR_EGRESS);
	localaddr_free(local);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_without_its_flag_nothing_is_taken),
		cmocka_unit_test(test_listener),
		cmocka_unit_test(test_bad_records),
		cmocka_unit_test(test_packet_is_cut),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_tap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
