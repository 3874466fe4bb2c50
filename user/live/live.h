/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live.h - segments from the running host: loads and attaches the BPF programs, reads the ring.
 *
 * Everything is attached through links or file descriptors, so that nothing remains however the
 * process ends; only legacy clsact filters outlive a kill, and the next live_open() removes those
 * of dead instances. On failure nothing stays attached. One thread uses a struct live.
 */
#ifndef HTTPLAT_LIVE_H
#define HTTPLAT_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../bpf/event.h"
/* after event.h */
#include "../../bpf/conn.h"
#include "../core/counters.h"
#include "../core/segment.h"
#include "../diag.h"

struct sock_filter;

struct live_options {
	enum hook hook;               /* HOOK_UNKNOWN: see live_open() */
	const char *const *interfaces; /* NULL-terminated; "any" stands alone; NULL: none named */
	const char *netns;            /* pid, name (/run/netns) or path; NULL: the current one */
	uint32_t snaplen;             /* copy at most this much of each packet; 0: as needed */
	uint16_t port;                /* 0: any */
	uint32_t pid;                 /* tgid; 0: any */
	char comm[16];                /* "": any */
	bool follow;                  /* pid's descendants too */
	bool by_uid;
	uint32_t uid;                 /* with by_uid: effective */
	bool by_cgroup;               /* live_decide() says which are asked for */
	uint32_t body_bytes;          /* of each body, that are not elided */
	bool all_segments;            /* -v, -w: every TCP segment crosses, nothing is elided */
	/* -f: a classic program over IP packets, as libpcap compiles it for LINKTYPE_RAW; NULL:
	 * none. */
	const struct sock_filter *expression;
	unsigned int expression_len;
	const char *btf;	      /* this kernel's types, should it have none itself; NULL */
	uint32_t ring_bytes;          /* 0: the default; rounded up to a power of two of pages */
};

struct live_sink {
	void *ctx;
	void (*segment)(void *ctx, const struct segment *seg);
	void (*owner)(void *ctx, uint64_t cookie, const struct endpoint *local,
		      const struct endpoint *remote, const struct owner *owner);
	/* Before each of these that has an owner: what else is known of that. inner_pid: what its
	 * process is called in its own pid namespace, 0 unknown. May be NULL. */
	void (*who)(void *ctx, const struct owner *owner, uint32_t uid, uint32_t inner_pid,
		    bool followed);
	/* A cgroup was made. May be NULL. */
	void (*cgroup)(void *ctx, uint64_t id, const char *path);
	/* After the segments that brought the bytes. May be NULL. */
	void (*read)(void *ctx, const struct reading *reading);
	/* Before the segment that follows them. May be NULL. */
	void (*sum)(void *ctx, const struct sum *sum);
	/* Something of the socket `cookie` comes within a few records, see flow_expect(). NULL: nobody cares. */
	void (*expect)(void *ctx, uint64_t cookie, unsigned int stage);
};

#define LIVE_EXPECT_STAGES 4

struct live;

/*
 * Loads, attaches and starts. Without a hook in *opt: at tc with interfaces or `netns`, else at
 * cgroup, and where that is not to be had at tc on every interface; live_note() says why. On
 * failure *out is untouched, *d says why and what to do, and -errno is returned: -EPERM/-ENOSYS/...
 * with EXIT_UNSUPPORTED (not root, capability, cgroup2, kernel feature), -ENODEV with EXIT_USAGE
 * for an interface that does not exist, or `btf` that is none. No BTF in the kernel is no failure:
 * owners are then learned through other tracepoints, or not at all (live_note()). *cnt is borrowed.
 * With `netns` the calling thread is in that namespace from then on (netns.h).
 */
int live_open(const struct live_options *opt, struct counters *cnt, struct live **out,
	      struct diag *d);

/* A descriptor to poll for reading (EPOLLIN): the ring's. */
int live_fd(const struct live *lv);

/* Takes what is in the ring and pushes it into *sink. Never blocks. Returns the number of records,
 * or -errno. Call it when live_fd() is readable and every few tens of milliseconds besides:
 * records are submitted without a wake-up. */
int live_consume(struct live *lv, const struct live_sink *sink);

/* Looks whether interfaces came or went, and attaches to those that are asked for; what is to be
 * `say`d: ifaces.h. Cheap where nothing changed: call it as often as live_consume(). */
void live_watch(struct live *lv, void (*say)(void *ctx, const char *sentence), void *ctx);

/* Capture control, see EVENT_CONTROL_WORD in event.h. */
void live_elide(struct live *lv, uint64_t cookie, enum seg_dir dir, uint32_t seq);

/*
 * The filter by cgroup: what is known to be asked for, or not to be. Traffic is left out in the
 * kernel once both cgroups that it belongs to, the user's and the creator's, are not; everything
 * is copied until then. Takes effect with live_decided(), for any number of decisions.
 */
void live_decide(struct live *lv, uint64_t cgroup_id, enum filter_verdict verdict);
void live_decided(struct live *lv);

/* Whether `followed` is to be relied on; else the kernel says so of everybody (no BTF). */
bool live_follows(const struct live *lv);

/* Whether the kernel applies the expression; else the caller has to, and live_note() says why. */
bool live_filters(const struct live *lv);

/* Whether `read` is called for what applications read: needs BTF, and a hook with sockets. */
bool live_sees_reads(const struct live *lv);

/* Sums the kernel's per-CPU counters. */
void live_counters(const struct live *lv, uint64_t out[EVENT_CNT_MAX]);

/* Which hook, and one line for each thing that could not be had and why ("no BTF: ..."); for the
 * banner. NULL at the end. */
enum hook live_hook(const struct live *lv);
const char *live_note(const struct live *lv, unsigned int n);

/* The capabilities (caps.h) without which the functions above, or live_close(), would fail. */
uint64_t live_caps(struct live *lv);

/* Detaches and frees. NULL is fine. */
void live_close(struct live *lv);

#endif
