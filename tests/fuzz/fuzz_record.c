// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_record.c - any bytes as records of the ring buffer, and what comes out of them through the
 * flow table, since a record's annotations (losses, stream starts, socket cookies, addresses, times)
 * are as hostile as its packet. Input: records, each after three bytes:
 *
 *	control  bit 0: type, hook, direction and lengths are made to make sense
 *	         bit 1: the middle's clock goes on to the record's time afterwards
 *	         bit 2: it comes from a tap, where the addresses say which end is local
 *	length   of the record, two bytes, the higher first
 *
 * Each record is a block of the heap of exactly its size, so that no byte behind it can be read
 * unseen.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/bytes.h"
#include "core/flow.h"
#include "live/record.h"

/* So little that connections have to be forgotten. */
#define MEMORY_MAX (1u << 14)
#define GAP_NS	   10000000000u
#define IDLE_NS	   600000000000u

enum { CONTROL_SOUND = 1, CONTROL_FLUSH = 2, CONTROL_TAP = 4, PREFIX = 3 };

struct run {
	struct flow_table *flow;
	struct counters cnt;
	uint64_t records, segments, owners, reads, sums, told;
	volatile uint64_t sum;
	const uint8_t *record, *end; /* the one being taken */
};

/* In place of live/localaddr.c: odd addresses are this host's. */
bool localaddr_has(struct localaddr *la, const struct endpoint *e, uint64_t now_ns)
{
	return e->addr[15] & 1;
}

static void on_transaction(void *ctx, const struct transaction *tx)
{
	struct run *run = ctx;

	run->told++;
	check_transaction(tx);
}

static void on_elide(void *ctx, uint64_t cookie, enum seg_dir dir, uint32_t seq)
{
	demand(cookie);
	demand(dir == SEG_DIR_INGRESS || dir == SEG_DIR_EGRESS);
}

static void on_segment(void *ctx, const struct segment *seg)
{
	struct run *run = ctx;

	run->segments++;
	check_segment(seg);
	demand(seg->pkt == run->record + sizeof(struct event_segment));
	demand(seg->pkt_cap <= run->end - seg->pkt);
	demand(seg->hook >= HOOK_CGROUP && seg->hook <= HOOK_SOCKET);
	demand(seg->dir <= SEG_DIR_EGRESS);
	flow_push(run->flow, seg);
}

static void on_owner(void *ctx, uint64_t cookie, const struct endpoint *local,
		     const struct endpoint *remote, const struct owner *owner)
{
	struct run *run = ctx;

	run->owners++;
	flow_owner(run->flow, cookie, local, remote, owner);
}

static void on_who(void *ctx, const struct owner *owner, uint32_t uid, uint32_t inner_pid,
		   bool followed)
{
	struct run *run = ctx;

	run->sum += owner->pid + uid + inner_pid + followed;
}

static void on_cgroup(void *ctx, uint64_t id, const char *path)
{
	struct run *run = ctx;

	run->sum += id + strlen(path);
	demand(path[0] == '/');
}

static void on_read(void *ctx, const struct reading *reading)
{
	struct run *run = ctx;

	run->reads += !reading->has_tuple; /* else it is counted as an owner event */
	flow_read(run->flow, reading);
	flow_settle(run->flow, reading->time_ns);
}

static void on_sum(void *ctx, const struct sum *sum)
{
	struct run *run = ctx;

	run->sums++;
	demand(sum->dir <= SEG_DIR_EGRESS);
	flow_sum(run->flow, sum);
}

static void make_sound(uint8_t *record, size_t len)
{
	struct event_segment ev;

	if (len < sizeof(ev))
		return;
	memcpy(&ev, record, sizeof(ev));
	ev.type = EVENT_SEGMENT;
	ev.hook = EVENT_HOOK_CGROUP + ev.hook % 3;
	ev.dir %= EVENT_DIR_EGRESS + 1;
	ev.cap_len = (uint32_t)(len - sizeof(ev));
	if (ev.pkt_len < ev.cap_len)
		ev.pkt_len = ev.cap_len;
	memcpy(record, &ev, sizeof(ev));
}

static uint64_t before(uint64_t now_ns, uint64_t ago_ns)
{
	return now_ns > ago_ns ? now_ns - ago_ns : 0;
}

/* These are counted by nobody. */
static bool is_cgroup(const uint8_t *record, size_t len)
{
	struct event_cgroup ev;

	if (len < sizeof(ev))
		return false;
	memcpy(&ev, record, sizeof(ev));
	return ev.type == EVENT_CGROUP && memchr(ev.path, 0, sizeof(ev.path));
}

static void take_record(struct run *run, uint8_t control, const uint8_t *data, size_t len)
{
	static int tap;
	struct record_env env = {&run->cnt, control & CONTROL_TAP ? (void *)&tap : NULL};
	struct live_sink sink = {.ctx = run,
				 .segment = on_segment,
				 .owner = on_owner,
				 .who = on_who,
				 .cgroup = on_cgroup,
				 .read = on_read,
				 .sum = on_sum};
	uint8_t *record = malloc(len);
	uint64_t now_ns;

	demand(record || !len);
	if (len)
		memcpy(record, data, len);
	if (control & CONTROL_SOUND)
		make_sound(record, len);
	run->records += !is_cgroup(record, len);
	run->record = record;
	run->end = record + len;
	record_take(&env, &sink, record, len);
	if (control & CONTROL_FLUSH && len >= sizeof(struct event_segment)) {
		memcpy(&now_ns, record + offsetof(struct event_segment, time_ns), sizeof(now_ns));
		flow_flush(run->flow, before(now_ns, GAP_NS), before(now_ns, IDLE_NS));
	}
	free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = {0};
	struct flow_sink sink = {&run, on_transaction, on_elide};
	struct flow_config config = flow_config_default;
	size_t len;

	config.max_memory = MEMORY_MAX;
	config.max_conn_memory = MEMORY_MAX / 4;
	config.sees_reads = true;
	run.flow = flow_table_new(&config, &sink, &run.cnt);
	demand(run.flow);
	while (size >= PREFIX) {
		len = get_be16(data + 1);
		if (len > size - PREFIX)
			len = size - PREFIX;
		take_record(&run, data[0], data + PREFIX, len);
		data += PREFIX + len;
		size -= PREFIX + len;
	}
	flow_finish(run.flow);
	check_counts(&run.cnt, run.told);
	demand(run.cnt.packets + run.cnt.bad_records + run.owners + run.reads + run.sums ==
	       run.records);
	demand(run.cnt.segments >= run.segments); /* and what sums tell of */
	demand(run.cnt.packets == run.segments + run.cnt.not_ip + run.cnt.not_tcp +
					  run.cnt.fragments + run.cnt.truncated_packets +
					  run.cnt.malformed_packets);
	flow_table_free(run.flow);
	return 0;
}
