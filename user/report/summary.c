// SPDX-License-Identifier: GPL-2.0-only
#include "summary.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

#include "totals.h"

/* One "N what" of an enumeration; left out where N is 0. */
struct item {
	uint64_t n;
	const char *what;
};

/* "PREFIX: N what, N what" or nothing when all are 0. */
static void print_items(FILE *err, const char *prefix, const struct item *items, size_t cnt)
{
	const char *before = prefix;
	size_t i;

	for (i = 0; i < cnt; i++) {
		if (!items[i].n)
			continue;
		fprintf(err, "%s%" PRIu64 " %s", before, items[i].n, items[i].what);
		before = ", ";
	}
	if (before != prefix)
		fputc('\n', err);
}

#define PRINT_ITEMS(err, prefix, items)                                                            \
	print_items(err, prefix, items, sizeof(items) / sizeof((items)[0]))

static void print_counts(FILE *err, const struct counters *c, const struct totals *total)
{
	fprintf(err,
		"requests %" PRIu64 ", responses %" PRIu64 ", pairs %" PRIu64
		", unpaired requests %" PRIu64 ", unpaired responses %" PRIu64 ", segments %" PRIu64
		", bytes copied %" PRIu64 ", bytes elided %" PRIu64 ", events lost %" PRIu64
		", gaps %" PRIu64 "\n",
		c->requests, c->responses, c->pairs, c->no_response, c->orphans, c->segments,
		total->bytes_copied, total->bytes_elided, total->events_lost, c->gaps);
}

static void print_causes(FILE *err, const struct counters *c, const uint64_t *kernel,
			 const struct totals *total)
{
	const struct item lost[] = {
		{total->events_lost, "segments that found the ring full"},
		{total->bytes_lost, "bytes in them"},
		{kernel ? kernel[EVENT_CNT_NO_STATE] : 0,
		 "connections without memory in the kernel"},
		{kernel ? kernel[EVENT_CNT_OWNER_LOST] : 0, "owner events"},
		{kernel ? kernel[EVENT_CNT_READ_LOST] : 0, "reads by applications"},
		{c->bad_records, "ring records that make no sense"},
		{c->memory_dropped, "segments at the memory limit"},
		{c->memory_bodies, "bodies cut short at the memory limit"},
		{c->memory_evicted, "connections at the memory limit"},
		{c->fragments_lost, "IP fragments"},
	};
	const struct item gaps[] = {
		{c->gaps_acked, "acknowledged but not captured"},
		{c->gaps_lost, "lost by the kernel"},
		{c->gaps_timeout, "after --gap-timeout"},
		{c->gaps_memory, "at a memory limit"},
		{c->gaps_end, "at the end"},
		{c->gap_bytes, "bytes missing in all"},
	};
	const struct item unread[] = {
		{c->truncated_packets, "packets cut inside a header"},
		{c->malformed_packets, "packets with contradicting lengths"},
		{c->link_unknown, "frames of an unknown link layer"},
		{kernel ? kernel[EVENT_CNT_FRAGMENTS] : 0, "IP fragments"},
		{kernel ? kernel[EVENT_CNT_MALFORMED] : 0, "malformed packets"},
		{c->malformed, "HTTP messages that could not be parsed"},
		{c->oversize, "header sections over the limit"},
		{c->ambiguous, "messages left unpaired because of a hole"},
		{c->conflicts, "overlapping segments that disagreed"},
	};
	const struct item left_out[] = {
		{c->filtered, "requests"},
		{c->filtered_packets, "packets by -f"},
	};

	const struct item recorded[] = {
		{c->recorded, "packets"},
		{c->comments_lost, "comments without room"},
	};
	const struct item saved[] = {
		{c->saved, "captures of slow or failed requests"},
		{c->saved_cut, "of them without their beginning, at a memory limit"},
	};

	PRINT_ITEMS(err, "recorded: ", recorded);
	PRINT_ITEMS(err, "saved: ", saved);
	PRINT_ITEMS(err, "left out by filters: ", left_out);
	PRINT_ITEMS(err, "lost: ", lost);
	PRINT_ITEMS(err, "gaps: ", gaps);
	PRINT_ITEMS(err, "not understood: ", unread);
}

static bool nothing_seen(const struct counters *c, const uint64_t *kernel)
{
	return !c->packets && !c->segments && !(kernel && kernel[EVENT_CNT_PACKETS]);
}

const char *summary_next_step(const struct counters *c, const uint64_t kernel[EVENT_CNT_MAX])
{
	if (nothing_seen(c, kernel) && kernel)
		return "no packet passed the hook: check that there is traffic (`ss -ti`), or try "
		       "another hook (`httplat -i any`), or a longer -d";
	if (nothing_seen(c, kernel))
		return "the capture holds no packets";
	if (c->filtered)
		return "requests were seen, but the filters (-p, -c, --port, --slow ...) left "
		       "them all out: try again without them";
	if (kernel && kernel[EVENT_CNT_LOST_EVENTS])
		return "segments were lost between the kernel and httplat: narrow what is traced "
		       "with --port, -p or -g";
	if (c->flows_tls)
		return "there are TLS connections, which httplat cannot read: trace the plain-text "
		       "side, for example between the proxy that ends TLS and its backend";
	if (c->flows_http2)
		return "there are HTTP/2 connections, which this version does not read";
	if (c->filtered_packets && !c->segments)
		return "the -f expression left out every packet: try again without it";
	if (kernel && kernel[EVENT_CNT_FILTERED] && !c->segments)
		return "the filters (-p, --comm, -g, --port) left out every packet: try again "
		       "without them";
	if (c->link_unknown)
		return "the capture has a link layer that httplat does not understand: capture "
		       "again with `tcpdump -i any`";
	if (!c->segments && !(kernel && kernel[EVENT_CNT_TCP]))
		return "there were packets, but none of them was TCP";
	if (c->flows_other)
		return "the connections carry protocols other than HTTP/1: `httplat -v` shows "
		       "their segments";
	return "no HTTP message began while it was looking: `httplat -v` shows every segment";
}

static void explain_silence(FILE *err, const struct counters *c, const uint64_t *kernel)
{
	const struct item seen[] = {
		{kernel ? kernel[EVENT_CNT_PACKETS] : c->packets, "packets"},
		{kernel ? kernel[EVENT_CNT_TCP] : c->segments, "TCP segments"},
		{c->flows, "TCP connections"},
		{c->flows_http, "of them HTTP"},
		{c->flows_tls, "TLS"},
		{c->flows_http2, "HTTP/2"},
		{c->flows_other, "other protocols"},
		{c->not_tcp, "packets of other protocols than TCP"},
		{kernel ? kernel[EVENT_CNT_FILTERED] : 0, "packets left out by filters"},
	};

	fputs("no HTTP request to show\n", err);
	PRINT_ITEMS(err, "seen instead: ", seen);
	fprintf(err, "what to try: %s\n", summary_next_step(c, kernel));
}

void summary_print(FILE *err, const struct counters *cnt, const uint64_t kernel[EVENT_CNT_MAX],
		   uint64_t printed)
{
	struct totals total = totals_of(cnt, kernel);

	if (!printed)
		explain_silence(err, cnt, kernel);
	print_causes(err, cnt, kernel, &total);
	print_counts(err, cnt, &total);
}
