// SPDX-License-Identifier: GPL-2.0-only
/* Which connection a segment belongs to, what is known of its ends, and how much may be
 * remembered. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream.h"

#define GET	 "GET / HTTP/1.1\r\n\r\n"
#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define SECOND	 (1000 * MS)

static struct capture cap;
static struct stream s;

static int setup(void **state)
{
	capture_open(&cap, NULL);
	stream_init(&s, &cap, 1000, 5000);
	return 0;
}

static int teardown(void **state)
{
	stream_close(&s);
	capture_close(&cap);
	return 0;
}

static const struct transaction *tx(size_t i)
{
	assert_true(i < cap.tx_cnt);
	return &cap.tx[i].tx;
}

/* Of which a server's socket waits for the acknowledgement. */
static void exchange(void)
{
	say(&s, CLIENT, GET);
	say(&s, SERVER, OK_EMPTY);
	tell(&s, CLIENT, 0);
}

/* Captured at these ends' sockets. */
static void be_local(bool client, bool server)
{
	s.local[CLIENT] = client;
	s.local[SERVER] = server;
	s.note[CLIENT].cookie = 11;
	s.note[SERVER].cookie = 22;
}

static struct owner owner_of(uint32_t pid, const char *comm)
{
	struct owner o = {.pid = pid, .tid = pid + 1, .cgroup_id = pid + 2};

	strncpy(o.comm, comm, sizeof(o.comm));
	return o;
}

static void test_file(void **state)
{
	handshake(&s);
	exchange();
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->side, SIDE_TRANSIT);
	assert_int_equal(tx(0)->hook, HOOK_FILE);
	assert_memory_equal(&tx(0)->client, &s.end[CLIENT], sizeof(s.end[0]));
	assert_memory_equal(&tx(0)->server, &s.end[SERVER], sizeof(s.end[0]));
	assert_int_equal(tx(0)->cookie, 0);
}

/* The client is who sends requests, whichever address sorts first. */
static void test_client_by_request(void **state)
{
	struct endpoint swap = s.end[0];

	s.end[0] = s.end[1];
	s.end[1] = swap;
	exchange();
	assert_int_equal(tx(0)->client.port, 80);
	assert_int_equal(tx(0)->server.port, 40000);
}

static void test_loopback(void **state)
{
	be_local(true, true);
	handshake(&s);
	exchange();
	assert_int_equal(cap.cnt.flows, 2);
	assert_int_equal(cap.tx_cnt, 2);
	for (unsigned int i = 0; i < 2; i++) {
		bool client = tx(i)->side == SIDE_CLIENT;

		assert_int_equal(tx(i)->side, client ? SIDE_CLIENT : SIDE_SERVER);
		assert_int_equal(tx(i)->cookie, client ? 11 : 22);
		assert_int_equal(tx(i)->client.port, 40000);
		assert_int_equal(tx(i)->req.segments, 1);
		assert_int_equal(tx(i)->req.retransmits, 0);
	}
	assert_int_not_equal(tx(0)->side, tx(1)->side);
}

/* A tap shows both ends without a cookie. */
static void test_loopback_without_cookies(void **state)
{
	s.local[CLIENT] = s.local[SERVER] = true;
	handshake(&s);
	exchange();
	assert_int_equal(cap.cnt.flows, 2);
	assert_int_equal(cap.tx_cnt, 2);
	assert_int_equal(cap.cnt.retransmits, 0);
	assert_int_not_equal(tx(0)->side, tx(1)->side);
}

static void test_exchange_id(void **state)
{
	be_local(true, true);
	handshake(&s);
	exchange();
	exchange();
	assert_int_equal(cap.tx_cnt, 4);
	assert_int_equal(tx(0)->exchange_id, tx(1)->exchange_id);
	assert_int_equal(tx(2)->exchange_id, tx(3)->exchange_id);
	assert_int_not_equal(tx(0)->exchange_id, tx(2)->exchange_id);
}

/* With TCP_DEFER_ACCEPT the first request reaches the listener, which has no cookie that counts. */
static void test_listener_then_child(void **state)
{
	be_local(false, true);
	s.note[SERVER].cookie = 0;
	handshake(&s);
	say(&s, CLIENT, GET);
	s.note[SERVER].cookie = 22;
	say(&s, SERVER, OK_EMPTY);
	exchange();
	assert_int_equal(cap.cnt.flows, 1);
	assert_int_equal(cap.tx_cnt, 2);
	assert_int_equal(tx(0)->cookie, 22);
	assert_int_equal(tx(0)->side, SIDE_SERVER);
	assert_int_equal(cap.cnt.no_response + cap.cnt.orphans, 0);
}

/* Two sockets, one after the other, on the same addresses. */
static void test_cookie_outweighs_tuple(void **state)
{
	be_local(true, false);
	say(&s, CLIENT, GET);
	s.note[CLIENT].cookie = 12;
	say(&s, CLIENT, GET);
	assert_int_equal(cap.cnt.flows, 2);
	say(&s, SERVER, OK_EMPTY);
	assert_int_equal(tx(0)->cookie, 12);
}

static void test_reused_tuple(void **state)
{
	handshake(&s);
	say(&s, CLIENT, GET);
	s.next[CLIENT] = 700000;
	s.next[SERVER] = 900000;
	handshake(&s);
	exchange();
	assert_int_equal(cap.cnt.flows, 2);
	assert_int_equal(cap.tx_cnt, 2);
	assert_int_equal(tx(0)->flags, TX_NO_RESPONSE);
	assert_int_equal(tx(0)->stream, 0);
	assert_int_equal(tx(1)->flags, 0);
	assert_int_equal(tx(1)->stream, 1);
	assert_int_equal(tx(1)->status, 200);
}

/* The next connection with these addresses; nobody saw its handshake. */
static void begin_again(uint32_t client, uint32_t server)
{
	s.next[CLIENT] = s.heard[SERVER] = client;
	s.next[SERVER] = s.heard[CLIENT] = server;
}

/* Live, what comes before a connection is known to be HTTP does not cross. */
static void test_reused_without_syn(void **state)
{
	static const uint32_t begins[] = {66600, 500, 4000000000u, 100000};
	size_t i;

	handshake(&s);
	exchange();
	goodbye(&s);
	for (i = 0; i < 4; i++) {
		begin_again(begins[i], begins[i] + 7);
		exchange();
		assert_int_equal(cap.cnt.flows, i + 2);
		assert_int_equal(cap.tx_cnt, i + 2);
		assert_int_equal(tx(i + 1)->flags & ~TX_MIDSTREAM, 0);
		assert_int_equal(tx(i + 1)->status, 200);
		goodbye(&s);
	}
	capture_finish(&cap);
	assert_int_equal(cap.cnt.gaps + cap.cnt.retransmits, 0);
}

/* What is sent again after the end is no connection. */
static void test_not_reused_by_retransmission(void **state)
{
	struct packet *get;

	handshake(&s);
	get = prepare(&s, CLIENT, 0, GET, strlen(GET));
	give(&s, get);
	say(&s, SERVER, OK_EMPTY);
	goodbye(&s);
	give(&s, get);
	capture_finish(&cap);
	assert_int_equal(cap.cnt.flows, 1);
	assert_int_equal(cap.tx_cnt, 1);
}

/* The kernel says where a stream begins: the old connection need not have been seen to end. */
static void test_reused_with_another_beginning(void **state)
{
	static const uint32_t begins[] = {66600, 500};
	size_t i;

	handshake(&s);
	exchange();
	for (i = 0; i < 2; i++) {
		begin_again(begins[i], 77);
		s.note[CLIENT].has_stream_start = s.note[SERVER].has_stream_start = true;
		s.note[CLIENT].stream_start = begins[i];
		s.note[SERVER].stream_start = 77;
		exchange();
		assert_int_equal(cap.cnt.flows, i + 2);
		assert_int_equal(cap.tx_cnt, i + 2);
		assert_int_equal(tx(i + 1)->status, 200);
		assert_int_equal(tx(i + 1)->flags, 0);
	}
	/* A hole is not another beginning. */
	miss(&s, CLIENT, GET);
	miss(&s, SERVER, OK_EMPTY);
	exchange();
	capture_finish(&cap);
	assert_int_equal(cap.cnt.flows, 3);
	assert_int_equal(tx(cap.tx_cnt - 1)->stream, 2);
}

/* At tc, what comes in for a socket that has sent nothing yet has no cookie. */
static void test_reused_by_a_silent_socket(void **state)
{
	struct packet *get;

	be_local(false, true);
	handshake(&s);
	exchange();
	begin_again(66600, 77);
	s.note[SERVER].cookie = 0;
	get = prepare(&s, CLIENT, 0, GET, strlen(GET));
	get->seg.hook = HOOK_TC;
	give(&s, get);
	s.note[SERVER].cookie = 23;
	say(&s, SERVER, OK_EMPTY);
	tell(&s, CLIENT, 0);
	assert_int_equal(cap.cnt.flows, 2);
	assert_int_equal(cap.tx_cnt, 2);
	assert_int_equal(tx(1)->cookie, 23);
	assert_int_equal(tx(1)->status, 200);
}

/* A capture made on several processors: the handshake stands behind the data. */
static void test_late_syn(void **state)
{
	struct packet *syn = prepare(&s, CLIENT, TCP_SYN, NULL, 0), *syn_ack, *get;

	syn->seg.flags = TCP_SYN;
	syn_ack = prepare(&s, SERVER, TCP_SYN, NULL, 0);
	get = prepare(&s, CLIENT, 0, GET, strlen(GET));
	give(&s, get);
	give(&s, syn_ack);
	give(&s, syn);
	say(&s, SERVER, OK_EMPTY);
	goodbye(&s);
	capture_finish(&cap);
	assert_int_equal(cap.cnt.flows, 1);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->status, 200);
}

/* The last acknowledgement of the connection that had these addresses before says nothing of
 * this one. */
static void test_straggler(void **state)
{
	s.next[CLIENT] = 4000000000u;
	s.heard[CLIENT] = 3000000000u;
	tell(&s, CLIENT, 0);
	s.next[CLIENT] = 1000;
	s.next[SERVER] = 5000;
	s.heard[CLIENT] = 0;
	handshake(&s);
	exchange();
	capture_finish(&cap);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->flags, 0);
	assert_int_equal(cap.cnt.gaps, 0);
}

static void test_repeated_syn(void **state)
{
	struct packet *syn = prepare(&s, CLIENT, TCP_SYN, NULL, 0);

	syn->seg.flags = TCP_SYN;
	give(&s, syn);
	give(&s, syn);
	tell(&s, SERVER, TCP_SYN);
	exchange();
	give(&s, syn);
	exchange();
	assert_int_equal(cap.cnt.flows, 1);
	assert_int_equal(cap.tx_cnt, 2);
}

static void test_stream_numbers(void **state)
{
	struct stream conn[3] = {s, s, s};

	for (unsigned int i = 0; i < 4; i++) {
		s = conn[i % 3];
		s.end[CLIENT].port = 40000 + i % 3;
		exchange();
		conn[i % 3] = s;
	}
	assert_int_equal(cap.cnt.flows, 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(tx(i)->stream, i);
	assert_int_equal(tx(3)->stream, 0);
	assert_int_equal(tx(3)->stream_request, 2);
}

/* Where addresses are rewritten on the way, those of the socket are told. */
static void test_nat(void **state)
{
	struct endpoint service = s.end[SERVER];

	be_local(true, false);
	service.addr[15] = 99;
	service.port = 8080;
	s.note[CLIENT].has_sock = true;
	s.note[CLIENT].local = s.end[CLIENT];
	s.note[CLIENT].remote = service;
	say(&s, CLIENT, GET);
	s.end[SERVER].addr[14] = 7; /* what comes back has another source */
	say(&s, SERVER, OK_EMPTY);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->status, 200);
	assert_memory_equal(&tx(0)->server, &service, sizeof(service));
	assert_int_equal(tx(0)->client.port, 40000);
}

/* A socket that was closed has given up its addresses: what it said before holds. */
static void test_closed_socket_keeps_addresses(void **state)
{
	be_local(true, false);
	s.note[CLIENT].has_sock = true;
	s.note[CLIENT].local = s.end[CLIENT];
	s.note[CLIENT].remote = s.end[SERVER];
	say(&s, CLIENT, GET);
	s.note[CLIENT].local.port = 0;
	say(&s, SERVER, OK_EMPTY);
	assert_int_equal(tx(0)->client.port, 40000);
}

static void test_owner_from_annotation(void **state)
{
	be_local(true, true);
	s.note[CLIENT].owner = owner_of(100, "curl");
	s.note[SERVER].owner = owner_of(200, "nginx");
	s.note[SERVER].sock_cgroup_id = 7;
	exchange();
	for (unsigned int i = 0; i < 2; i++) {
		bool client = tx(i)->side == SIDE_CLIENT;

		assert_int_equal(tx(i)->owner.pid, client ? 100 : 200);
		assert_int_equal(tx(i)->owner.tid, client ? 101 : 201);
		assert_int_equal(tx(i)->owner.cgroup_id, client ? 102 : 202);
		assert_string_equal(tx(i)->owner.comm, client ? "curl" : "nginx");
		assert_int_equal(tx(i)->sock_cgroup_id, client ? 0 : 7);
	}
}

/* A segment without an owner takes none away; another one replaces it. */
static void test_owner_changes(void **state)
{
	be_local(false, true);
	s.note[SERVER].owner = owner_of(200, "first");
	say(&s, CLIENT, GET);
	memset(&s.note[SERVER].owner, 0, sizeof(struct owner));
	say(&s, SERVER, OK_EMPTY);
	s.note[SERVER].owner = owner_of(300, "second");
	exchange();
	assert_int_equal(tx(0)->owner.pid, 200);
	assert_int_equal(tx(1)->owner.pid, 300);
}

static void test_owner_event(void **state)
{
	struct owner o = owner_of(200, "late");

	be_local(false, true);
	say(&s, CLIENT, GET);
	flow_owner(cap.ft, 33, NULL, NULL, &o);
	flow_owner(cap.ft, 22, NULL, NULL, &o);
	say(&s, SERVER, OK_EMPTY);
	tell(&s, CLIENT, 0);
	assert_int_equal(tx(0)->owner.pid, 200);
}

static void test_owner_event_by_tuple(void **state)
{
	struct owner right = owner_of(200, "right"), wrong = owner_of(300, "wrong");

	s.local[SERVER] = true;
	say(&s, CLIENT, GET);
	flow_owner(cap.ft, 0, &s.end[SERVER], &s.end[CLIENT], &right);
	flow_owner(cap.ft, 0, &s.end[CLIENT], &s.end[SERVER], &wrong);
	say(&s, SERVER, OK_EMPTY);
	tell(&s, CLIENT, 0);
	assert_int_equal(tx(0)->owner.pid, 200);
}

static void test_connect_time(void **state)
{
	be_local(true, true);
	for (unsigned int i = 0; i < 2; i++) {
		s.note[i].has_connect = true;
		s.note[i].connect_ns = 1234;
	}
	s.note[CLIENT].has_tcp_info = true;
	s.note[CLIENT].srtt_us = 5;
	handshake(&s);
	exchange();
	exchange();
	assert_int_equal(cap.tx_cnt, 4);
	for (unsigned int i = 0; i < 4; i++) {
		bool client = tx(i)->side == SIDE_CLIENT;

		assert_int_equal(tx(i)->has_connect, client && tx(i)->stream_request == 1);
		assert_int_equal(tx(i)->connect_ns, tx(i)->has_connect ? 1234 : 0);
		assert_int_equal(tx(i)->has_srtt, client);
		assert_int_equal(tx(i)->srtt_ns, client ? 5000 : 0);
	}
}

static void assert_elided(size_t i, uint64_t cookie, enum seg_dir dir, uint32_t seq)
{
	assert_true(i < cap.elide_cnt);
	assert_int_equal(cap.elide[i].cookie, cookie);
	assert_int_equal(cap.elide[i].dir, dir);
	assert_int_equal(cap.elide[i].seq, seq);
}

/* The word comes with the header section, once, and names the body's last byte. */
static void test_elide(void **state)
{
	char body[1000] = "";
	uint32_t end;

	be_local(true, false);
	handshake(&s);
	say(&s, CLIENT, "PUT / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
	assert_int_equal(cap.elide_cnt, 1);
	end = s.next[CLIENT] + 100000;
	assert_elided(0, 11, SEG_DIR_EGRESS, end);
	for (unsigned int i = 0; i < 100; i++)
		say_bytes(&s, CLIENT, body, sizeof(body));
	assert_int_equal(s.next[CLIENT], end);
	assert_int_equal(cap.elide_cnt, 1);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\nabc");
	assert_int_equal(cap.elide_cnt, 2);
	assert_elided(1, 11, SEG_DIR_INGRESS, s.next[SERVER] + 50000 - 3);
}

static void test_elide_wraps(void **state)
{
	s.next[SERVER] = UINT32_MAX - 1000;
	be_local(false, true);
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
	assert_int_equal(cap.elide_cnt, 1);
	assert_elided(0, 22, SEG_DIR_EGRESS, s.next[SERVER] + 100000);
	assert_true(cap.elide[0].seq < 100000);
}

/* Small bodies, chunk framing that has to be read, and captures nobody controls. */
static void test_not_elided(void **state)
{
	be_local(true, false);
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
	assert_int_equal(cap.elide_cnt, 0);
	s.end[CLIENT].port++;
	be_local(false, false);
	say(&s, CLIENT, GET);
	say(&s, SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
	assert_int_equal(cap.elide_cnt, 0);
}

/* Nothing behind a 101 is looked at any more, in either direction. */
static void test_elide_opaque(void **state)
{
	bool seen[3] = {false};

	be_local(true, false);
	say(&s, CLIENT, "GET / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
	say(&s, SERVER, "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n");
	for (size_t i = 0; i < cap.elide_cnt; i++) {
		uint32_t from = s.next[cap.elide[i].dir == SEG_DIR_EGRESS ? CLIENT : SERVER];

		assert_true((int32_t)(cap.elide[i].seq - from) > 1 << 29);
		seen[cap.elide[i].dir] = true;
	}
	assert_true(seen[SEG_DIR_EGRESS] && seen[SEG_DIR_INGRESS]);
}

static void test_idle(void **state)
{
	handshake(&s);
	say(&s, CLIENT, GET);
	flow_flush(cap.ft, 0, s.ns);
	assert_int_equal(cap.cnt.flows_idle, 0);
	flow_flush(cap.ft, s.ns + 1, s.ns + 1);
	assert_int_equal(cap.cnt.flows_idle, 1);
	assert_int_equal(cap.tx_cnt, 1);
	assert_int_equal(tx(0)->flags, TX_NO_RESPONSE);
	say(&s, SERVER, OK_EMPTY);
	assert_int_equal(cap.cnt.flows, 2);
}

/* One that is over is no idle one. */
static void test_idle_after_the_end(void **state)
{
	handshake(&s);
	exchange();
	goodbye(&s);
	flow_flush(cap.ft, s.ns + SECOND, s.ns + SECOND);
	assert_int_equal(cap.cnt.flows_idle, 0);
	assert_int_equal(cap.tx_cnt, 1);
}

/* The connection's own segments drive the clock as well. */
static void test_gap_timeout(void **state)
{
	static const char post[] = "POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\n";

	handshake(&s);
	say(&s, CLIENT, post);
	tell(&s, SERVER, 0);
	s.deaf[SERVER] = true;
	miss(&s, CLIENT, "0123456789");
	say(&s, CLIENT, "01234");
	s.ns += flow_config_default.gap_timeout_ns + SECOND;
	assert_int_equal(cap.cnt.gaps, 0);
	say(&s, CLIENT, "56789");
	assert_int_equal(cap.cnt.gaps_timeout, 1);
	assert_int_equal(cap.cnt.gap_bytes, 10);
}

static void test_lost_events(void **state)
{
	be_local(true, false);
	exchange();
	s.note[CLIENT].lost_events = 3;
	s.note[CLIENT].lost_bytes = 500;
	say(&s, CLIENT, GET);
	assert_int_equal(cap.cnt.lost_events, 3);
	assert_int_equal(cap.cnt.lost_bytes, 500);
}

static void test_free_reports_nothing(void **state)
{
	say(&s, CLIENT, GET);
	flow_table_free(cap.ft);
	cap.ft = NULL;
	assert_int_equal(cap.tx_cnt, 0);
}

/* --- hostile input --------------------------------------------------------------------------- */

#define LIMIT (1u << 20)

/* Beside the budget: the table itself, and the packet on its way. */
#define SLACK 4096

/* Of every sanitizer's run-time library; gcc doesn't install its header everywhere. */
size_t __sanitizer_get_current_allocated_bytes(void);

static size_t heap_before, heap_peak;

/* What is really allocated, which the sanitizer knows, not what the table says of itself. */
static int push_measured(void *ctx, unsigned int who, const struct segment *seg)
{
	int err = flow_push(cap.ft, seg);
	size_t heap = __sanitizer_get_current_allocated_bytes();

	if (heap > heap_peak)
		heap_peak = heap;
	return err;
}

static int setup_tight(void **state)
{
	struct flow_config config = flow_config_default;

	config.max_memory = LIMIT;
	config.max_conn_memory = LIMIT / 8;
	heap_before = heap_peak = __sanitizer_get_current_allocated_bytes();
	capture_open(&cap, &config);
	stream_init(&s, &cap, 1000, 5000);
	s.push = push_measured;
	cap.discard = true;
	return 0;
}

static void assert_bounded(void)
{
#ifndef __SANITIZE_ADDRESS__
	print_message("only AddressSanitizer knows to the byte what is allocated\n");
	skip();
#endif
	assert_in_range(heap_peak - heap_before, LIMIT / 2, LIMIT + SLACK);
}

/* A new connection is still followed when a flood is over. */
static void assert_alive(void)
{
	uint64_t before = cap.cnt.pairs;

	s.end[CLIENT].addr[12] = 77;
	s.next[CLIENT] = 123456;
	s.next[SERVER] = 654321;
	handshake(&s);
	exchange();
	assert_int_equal(cap.cnt.pairs, before + 1);
}

static void other_client(unsigned int i)
{
	s.end[CLIENT].addr[13] = i >> 16;
	s.end[CLIENT].port = i;
}

static void test_half_open_flood(void **state)
{
	for (unsigned int i = 1; i <= 20000; i++) {
		other_client(i);
		tell(&s, CLIENT, TCP_SYN);
		assert_int_equal(s.err, 0);
	}
	assert_bounded();
	assert_true(cap.cnt.memory_evicted > 1000);
	assert_alive();
}

static void test_open_request_flood(void **state)
{
	for (unsigned int i = 1; i <= 5000; i++) {
		other_client(i);
		say(&s, CLIENT, "GET /a/rather/long/target HTTP/1.1\r\nHost: example\r\n");
	}
	assert_bounded();
	assert_true(cap.cnt.memory_evicted > 100);
	assert_alive();
}

/* One connection: bytes behind a hole that is never filled. */
static void test_out_of_order_flood(void **state)
{
	char bytes[1000] = "";

	s.deaf[SERVER] = true;
	say(&s, CLIENT, GET);
	for (unsigned int i = 0; i < 2000; i++) {
		miss(&s, CLIENT, "x");
		say_bytes(&s, CLIENT, bytes, sizeof(bytes));
	}
	assert_in_range(heap_peak - heap_before, LIMIT / 8, LIMIT / 2);
	assert_true(cap.cnt.gaps_memory > 1);
	s.deaf[SERVER] = false;
	assert_alive();
}

/* Many connections, each within its own limit. */
static void test_out_of_order_everywhere(void **state)
{
	char bytes[1000] = "";

	for (unsigned int i = 0; i < 20000; i++) {
		other_client(1 + i % 100);
		miss(&s, CLIENT, "x");
		say_bytes(&s, CLIENT, bytes, sizeof(bytes));
	}
	assert_bounded();
	assert_true(cap.cnt.gaps_memory > 0);
	assert_alive();
}

/* Requests without end that nobody answers. */
static void test_pipelining_flood(void **state)
{
	handshake(&s);
	for (unsigned int i = 0; i < 20000; i++)
		say(&s, CLIENT, GET);
	assert_bounded();
	assert_true(cap.cnt.memory_dropped + cap.cnt.ambiguous > 0);
	assert_alive();
}

/* One-byte pieces with holes between: the bookkeeping outweighs the bytes. */
static void test_tiny_pieces_flood(void **state)
{
	s.deaf[SERVER] = true;
	for (unsigned int i = 0; i < 20000; i++) {
		miss(&s, CLIENT, "x");
		say(&s, CLIENT, "y");
	}
	assert_in_range(heap_peak - heap_before, LIMIT / 8, LIMIT / 2);
	assert_true(cap.cnt.gaps_memory > 1);
}

#define TEST(f)	 cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TIGHT(f) cmocka_unit_test_setup_teardown(f, setup_tight, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file),
		TEST(test_client_by_request),
		TEST(test_loopback),
		TEST(test_loopback_without_cookies),
		TEST(test_exchange_id),
		TEST(test_listener_then_child),
		TEST(test_cookie_outweighs_tuple),
		TEST(test_reused_tuple),
		TEST(test_reused_without_syn),
		TEST(test_not_reused_by_retransmission),
		TEST(test_reused_with_another_beginning),
		TEST(test_reused_by_a_silent_socket),
		TEST(test_late_syn),
		TEST(test_straggler),
		TEST(test_repeated_syn),
		TEST(test_stream_numbers),
		TEST(test_nat),
		TEST(test_closed_socket_keeps_addresses),
		TEST(test_owner_from_annotation),
		TEST(test_owner_changes),
		TEST(test_owner_event),
		TEST(test_owner_event_by_tuple),
		TEST(test_connect_time),
		TEST(test_elide),
		TEST(test_elide_wraps),
		TEST(test_not_elided),
		TEST(test_elide_opaque),
		TEST(test_idle),
		TEST(test_idle_after_the_end),
		TEST(test_gap_timeout),
		TEST(test_lost_events),
		TEST(test_free_reports_nothing),
		TIGHT(test_half_open_flood),
		TIGHT(test_open_request_flood),
		TIGHT(test_out_of_order_flood),
		TIGHT(test_out_of_order_everywhere),
		TIGHT(test_pipelining_flood),
		TIGHT(test_tiny_pieces_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
