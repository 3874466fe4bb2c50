/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * counters.h - what each stage of the middle counted and dropped, by cause. One struct a table, written
 * by one thread, read when the run ends.
 */
#ifndef HTTPLAT_COUNTERS_H
#define HTTPLAT_COUNTERS_H

#include <stdint.h>

/* X(member, JSON key under httplat.summary, what it counts) */
#define COUNTERS(X)                                                                               \
	/* source and decode */                                                                   \
	X(packets, "packets", "packets read")                                                     \
	X(not_ip, "decode.not_ip", "neither IPv4 nor IPv6")                                       \
	X(not_tcp, "decode.not_tcp", "another protocol over IP")                                  \
	X(fragments, "decode.fragments", "IP fragments")                                          \
	X(fragments_lost, "decode.fragments_lost", "fragments whose datagram never completed")    \
	X(truncated_packets, "decode.truncated", "capture ends inside a header")                  \
	X(malformed_packets, "decode.malformed", "lengths contradict each other")                 \
	X(link_unknown, "decode.link_unknown", "link layer that is not understood")               \
	X(filtered_packets, "filtered.packets", "left out by -f")                                 \
	X(bad_records, "decode.bad_records", "ring records that make no sense")                   \
	/* flow and reassembly */                                                                 \
	X(segments, "segments", "TCP segments")                                                   \
	X(segment_bytes, "segment_bytes", "their payload on the wire")                            \
	X(ring_bytes, "ring_bytes", "bytes that came through the ring")                           \
	X(captured_bytes, "captured_bytes", "their payload as captured")                          \
	X(flows, "connections", "TCP connections")                                                \
	X(flows_http, "connections.http", "of them HTTP")                                         \
	X(flows_other, "connections.other", "of them some other protocol")                        \
	X(flows_tls, "connections.tls", "of them TLS")                                            \
	X(flows_http2, "connections.http2", "of them HTTP/2 with prior knowledge")                \
	X(retransmits, "retransmits", "segments with only old bytes")                             \
	X(retransmits_late, "retransmits_late", "TCP segments whose message was reported already") \
	X(out_of_order, "out_of_order", "segments that came before their predecessor")            \
	X(conflicts, "conflicts", "overlaps whose bytes differed")                                \
	X(keepalives, "keepalives", "keep-alive and zero-window probes")                          \
	X(resets, "resets", "connections that ended by RST")                                      \
	X(gaps, "gaps", "holes given up, in all")                                                 \
	X(gaps_acked, "gaps.acked", "the peer had acknowledged the bytes")                        \
	X(gaps_lost, "gaps.lost", "the kernel said that they were lost")                          \
	X(gaps_timeout, "gaps.timeout", "nothing came in --gap-timeout")                          \
	X(gaps_memory, "gaps.memory", "a memory limit was reached")                               \
	X(gaps_end, "gaps.end", "the input or the connection ended")                              \
	X(gap_bytes, "gap_bytes", "bytes in them")                                                \
	X(hollow_bytes, "hollow_bytes", "bytes known to exist but not copied")                    \
	X(lost_events, "events_lost", "segments lost between kernel and us")                      \
	X(lost_bytes, "bytes_lost", "payload in them")                                            \
	X(memory_evicted, "memory.evicted", "connections forgotten at the memory limit")          \
	X(memory_dropped, "memory.dropped", "segments dropped at a memory limit")                 \
	X(memory_bodies, "memory.bodies", "bodies cut short at a memory limit")                   \
	X(flows_idle, "connections.idle", "connections forgotten after --idle-timeout")           \
	/* http and pairing */                                                                    \
	X(requests, "requests", "requests")                                                       \
	X(responses, "responses", "final responses")                                              \
	X(interim, "responses.interim", "1xx responses")                                          \
	X(pairs, "pairs", "requests with their response")                                         \
	X(no_response, "unpaired.requests", "requests without a response")                        \
	X(orphans, "unpaired.responses", "responses without a request")                           \
	X(resyncs, "http.resyncs", "message starts found after something was lost")               \
	X(skipped_bytes, "http.skipped_bytes", "bytes that belong to no message")                 \
	X(malformed, "http.malformed", "messages that could not be parsed")                       \
	X(oversize, "http.oversize", "header sections over the limit")                            \
	X(ambiguous, "pair.ambiguous", "messages left unpaired because of a hole")                \
	X(filtered, "filtered.transactions", "left out by the filters")                           \
	/* recording */                                                                           \
	X(recorded, "recorded", "packets that -w wrote")                                          \
	X(comments_lost, "recorded.comments_lost", "comments that their packet had no room for")  \
	X(saved, "saved", "files of --save-slow")                                                 \
	X(saved_cut, "saved.cut", "of them without their request's first packet")

struct counters {
#define COUNTER_MEMBER(member, key, what) uint64_t member;
	COUNTERS(COUNTER_MEMBER)
#undef COUNTER_MEMBER
};

#endif
