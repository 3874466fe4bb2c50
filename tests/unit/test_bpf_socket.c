// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capture with real sockets, on each hook: live.h from end to end on the loopback device of a
 * network namespace of our own. What the kernel says of a connection is compared with what the
 * sockets know. Needs root.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "bpf_here.h"
#include "live/live.h"

#define SEGMENTS_MAX 4096
#define REQUEST	     "POST /upload HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"
#define RESPONSE     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct kept {
	struct segment seg; /* without its pointers */
	uint8_t *payload;
};

/* What the segments and sums of one direction of a connection, as one end saw them, add up to. */
struct account {
	uint32_t next;	 /* behind all of it */
	uint32_t cnt;	 /* of segments that crossed with payload, or were summed up */
	uint32_t summed; /* of them, as told last */
	unsigned int crossed, sums;
	bool broken; /* something does not begin where the one before it ended */
};

struct trace {
	struct live *live;
	struct counters cnt;
	struct kept segs[SEGMENTS_MAX];
	unsigned int cnt_segs, cnt_owners;
	uint16_t server_port;	/* 0: no accounts are kept */
	struct account body[3]; /* of what the server sends, by enum seg_dir */
};

struct pair {
	int listener, client, server;
	struct sockaddr_in6 addr; /* of the listener, IPv4 as mapped */
};

static enum hook hook; /* the one under test */

/* --- sockets ---------------------------------------------------------------------------------- */

static void set_timeouts(int fd)
{
	const struct timeval tv = {.tv_sec = 5};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

static void set_sysctl(const char *path, const char *value)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(value, f) < 0 || fclose(f))
		fail_msg("cannot write %s", path);
}

static struct pair listen_on(const char *addr)
{
	struct pair p = {-1, -1, -1, {.sin6_family = AF_INET6}};
	socklen_t len = sizeof(p.addr);
	int off = 0;

	assert_int_equal(inet_pton(AF_INET6, addr, &p.addr.sin6_addr), 1);
	p.listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p.listener >= 0);
	set_timeouts(p.listener);
	setsockopt(p.listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(bind(p.listener, (struct sockaddr *)&p.addr, len), 0);
	assert_int_equal(listen(p.listener, 8), 0);
	assert_int_equal(getsockname(p.listener, (struct sockaddr *)&p.addr, &len), 0);
	return p;
}

static void open_client(struct pair *p)
{
	p->client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p->client >= 0);
	set_timeouts(p->client);
}

static void connect_pair(struct pair *p)
{
	int one = 1;

	open_client(p);
	assert_int_equal(connect(p->client, (struct sockaddr *)&p->addr, sizeof(p->addr)), 0);
	p->server = accept(p->listener, NULL, NULL);
	assert_true(p->server >= 0);
	set_timeouts(p->server);
	setsockopt(p->client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(p->server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void close_pair(struct pair *p)
{
	if (p->client >= 0)
		close(p->client);
	if (p->server >= 0)
		close(p->server);
	close(p->listener);
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	return cookie;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(sa);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	return ntohs(sa.sin6_port);
}

/* Sends all and takes it in at the other end. */
static void pass(int from, int to, const void *data, size_t len)
{
	const char *p = data;
	char buf[65536];
	size_t sent = 0, got = 0;
	ssize_t n;

	while (got < len) {
		size_t part = len - sent < sizeof(buf) ? len - sent : sizeof(buf);

		if (part) {
			n = send(from, p + sent, part, MSG_NOSIGNAL);
			assert_true(n > 0);
			sent += (size_t)n;
		}
		n = recv(to, buf, sizeof(buf), 0);
		assert_true(n > 0);
		got += (size_t)n;
	}
}

static void pass_text(int from, int to, const char *text)
{
	pass(from, to, text, strlen(text));
}

/* --- the trace -------------------------------------------------------------------------------- */

static void account_for(struct account *a, const struct segment *seg)
{
	if (!seg->payload_len)
		return;
	a->broken |= a->cnt && seg->seq != a->next;
	a->next = seg->seq + seg->payload_len;
	a->cnt++;
	a->crossed++;
}

static void on_segment(void *ctx, const struct segment *seg)
{
	struct trace *tr = ctx;
	struct kept *k = &tr->segs[tr->cnt_segs];

	if (tr->server_port && seg->src.port == tr->server_port)
		account_for(&tr->body[seg->dir], seg);
	if (tr->cnt_segs == SEGMENTS_MAX)
		return;
	k->seg = *seg;
	k->seg.pkt = k->seg.payload = NULL;
	k->payload = malloc(seg->payload_cap + 1);
	assert_non_null(k->payload);
	if (seg->payload_cap)
		memcpy(k->payload, seg->payload, seg->payload_cap);
	tr->cnt_segs++;
}

static void on_owner(void *ctx, uint64_t cookie, const struct endpoint *local,
		     const struct endpoint *remote, const struct owner *owner)
{
	((struct trace *)ctx)->cnt_owners++;
}

static void on_sum(void *ctx, const struct sum *sum)
{
	struct trace *tr = ctx;
	bool own = sum->src.port == tr->server_port;
	/* The other direction is that of the other end's segments, too. */
	struct account *a = &tr->body[own ? sum->dir : SEG_DIR_INGRESS + SEG_DIR_EGRESS - sum->dir];
	uint32_t cnt = sum->half[!own].cnt;

	if (!tr->server_port || cnt == a->summed)
		return;
	a->next = sum->half[!own].end;
	a->cnt += cnt - a->summed;
	a->summed = cnt;
	a->sums++;
}

static struct trace *start_at(uint16_t port, uint32_t ring_bytes, bool all_segments)
{
	static const char *const lo[] = {"lo", NULL};
	const struct live_options opt = {
		.hook = hook,
		.interfaces = hook == HOOK_CGROUP ? NULL : lo,
		.port = port,
		.ring_bytes = ring_bytes,
		.all_segments = all_segments,
	};
	struct trace *tr = calloc(1, sizeof(*tr));
	struct diag d = {0};

	assert_non_null(tr);
	if (live_open(&opt, &tr->cnt, &tr->live, &d))
		fail_msg("%s", d.text);
	return tr;
}

static struct trace *start(const struct pair *p, uint32_t ring_bytes, bool all_segments)
{
	return start_at(ntohs(p->addr.sin6_port), ring_bytes, all_segments);
}

static void take(struct trace *tr)
{
	const struct live_sink sink = {
		.ctx = tr, .segment = on_segment, .owner = on_owner, .sum = on_sum};

	while (live_consume(tr->live, &sink) > 0)
		;
	assert_int_equal(tr->cnt.bad_records, 0);
	assert_int_equal(tr->cnt.malformed_packets, 0);
	assert_int_equal(tr->cnt.truncated_packets, 0);
}

static void forget(struct trace *tr)
{
	while (tr->cnt_segs)
		free(tr->segs[--tr->cnt_segs].payload);
}

static void stop(struct trace *tr)
{
	forget(tr);
	live_close(tr->live);
	free(tr);
}

static uint64_t kernel_count(struct trace *tr, enum event_counter which)
{
	uint64_t all[EVENT_CNT_MAX];

	live_counters(tr->live, all);
	return all[which];
}

/* The first segment with payload that one end sent (EGRESS) or got, seen at `local` port. */
static const struct kept *find(const struct trace *tr, uint16_t local, enum seg_dir dir)
{
	for (unsigned int i = 0; i < tr->cnt_segs; i++) {
		const struct segment *s = &tr->segs[i].seg;
		uint16_t port = s->dir == SEG_DIR_EGRESS ? s->src.port : s->dst.port;

		if (s->payload_len && s->dir == dir && port == local)
			return &tr->segs[i];
	}
	return NULL;
}

/* Four views of an exchange: each end's sending and receiving. */
struct views {
	const struct kept *client_out, *client_in, *server_out, *server_in;
};

static struct views find_views(const struct trace *tr, const struct pair *p)
{
	uint16_t client = port_of(p->client), server = ntohs(p->addr.sin6_port);
	struct views v = {
		find(tr, client, SEG_DIR_EGRESS),
		find(tr, client, SEG_DIR_INGRESS),
		find(tr, server, SEG_DIR_EGRESS),
		find(tr, server, SEG_DIR_INGRESS),
	};

	assert_non_null(v.client_out);
	assert_non_null(v.client_in);
	assert_non_null(v.server_out);
	assert_non_null(v.server_in);
	return v;
}

static bool has_sockets(void)
{
	return hook != HOOK_SOCKET;
}

static void expect_start(const struct kept *k, uint32_t before)
{
	assert_true(k->seg.note.has_stream_start);
	assert_int_equal(k->seg.seq - k->seg.note.stream_start, before);
}

static void expect_socket(const struct kept *k, int fd)
{
	if (!has_sockets())
		return;
	assert_true(k->seg.note.has_sock);
	assert_int_equal(k->seg.note.local.port, port_of(fd));
	assert_true(k->seg.note.has_tcp_info);
	if (k->seg.note.cookie || hook == HOOK_CGROUP || k->seg.dir == SEG_DIR_EGRESS)
		assert_int_equal(k->seg.note.cookie, cookie_of(fd));
}

/* --- tests ------------------------------------------------------------------------------------ */

static void exchange(const char *addr)
{
	struct pair p = listen_on(addr);
	struct trace *tr = start(&p, 0, false);
	struct views v;

	connect_pair(&p);
	pass_text(p.client, p.server, REQUEST);
	pass_text(p.server, p.client, RESPONSE);
	take(tr);
	v = find_views(tr, &p);
	expect_start(v.client_out, 0);
	expect_start(v.client_in, 0);
	expect_start(v.server_out, 0);
	expect_start(v.server_in, 0);
	expect_socket(v.client_out, p.client);
	expect_socket(v.client_in, p.client);
	expect_socket(v.server_out, p.server);
	expect_socket(v.server_in, p.server);
	assert_int_equal(v.client_out->seg.payload_cap, strlen(REQUEST));
	assert_memory_equal(v.server_in->payload, REQUEST, strlen(REQUEST));
	assert_memory_equal(v.client_in->payload, RESPONSE, strlen(RESPONSE));
	assert_true(v.client_out->seg.note.has_connect);
	assert_true(v.client_out->seg.note.connect_ns > 0);
	assert_false(v.server_in->seg.note.has_connect);
	close_pair(&p);
	stop(tr);
}

static void sees_both_ends(void **state)
{
	exchange("::ffff:127.0.0.1");
}

static void sees_both_ends_ipv6(void **state)
{
	exchange("::1");
}

/* The tracer starts late: what it says of the streams' beginnings must be right, or not be said. */
static void is_right_about_old_connections(void **state)
{
	const struct kept *k[4];
	const size_t before[4] = {1000, 77, 77, 1000};
	struct pair p = listen_on("::ffff:127.0.0.1");
	char bytes[1000] = "x";
	struct trace *tr;
	struct views v;

	connect_pair(&p);
	pass(p.client, p.server, bytes, 1000);
	pass(p.server, p.client, bytes, 77);
	tr = start(&p, 0, false);
	pass_text(p.client, p.server, REQUEST);
	pass_text(p.server, p.client, RESPONSE);
	take(tr);
	v = find_views(tr, &p);
	k[0] = v.client_out;
	k[1] = v.client_in;
	k[2] = v.server_out;
	k[3] = v.server_in;
	for (int i = 0; i < 4; i++)
		if (k[i]->seg.note.has_stream_start)
			expect_start(k[i], (uint32_t)before[i]);
	expect_socket(v.client_out, p.client);
	expect_socket(v.server_out, p.server);
	close_pair(&p);
	stop(tr);
}

/* Sent byte by byte, from the first one on. */
static void follows_single_bytes(void **state)
{
	struct pair p = listen_on("::ffff:127.0.0.1");
	struct trace *tr = start(&p, 0, false);
	size_t seen = 0;

	connect_pair(&p);
	for (const char *c = REQUEST; *c; c++)
		pass(p.client, p.server, c, 1);
	take(tr);
	for (unsigned int i = 0; i < tr->cnt_segs; i++) {
		const struct segment *s = &tr->segs[i].seg;

		assert_false(s->note.not_http);
		if (s->dir == SEG_DIR_EGRESS && s->src.port == port_of(p.client))
			seen += s->payload_cap;
	}
	assert_int_equal(seen, strlen(REQUEST));
	close_pair(&p);
	stop(tr);
}

static void reports_other_protocols_once(void **state)
{
	struct pair p = listen_on("::ffff:127.0.0.1");
	struct trace *tr = start(&p, 0, false);

	connect_pair(&p);
	for (int i = 0; i < 5; i++) {
		pass_text(p.client, p.server, "\x16\x03\x01 hello");
		pass_text(p.server, p.client, "\x16\x03\x03 hello");
	}
	take(tr);
	assert_int_equal(tr->cnt_segs, 2); /* one at each end */
	assert_true(tr->segs[0].seg.note.not_http);
	assert_true(tr->segs[1].seg.note.not_http);
	assert_int_equal(kernel_count(tr, EVENT_CNT_NOT_HTTP), 20);
	close_pair(&p);
	stop(tr);
}

/* User space has read the header, and says how far the body reaches. */
static void elides_by_control_word(void **state)
{
	struct pair p = listen_on("::ffff:127.0.0.1");
	static char body[100000];
	struct trace *tr;
	struct views v;
	uint32_t end;
	uint64_t elided = 0;

	if (!has_sockets()) {
		print_message("a tap has no socket, and a control word goes by the cookie\n");
		close_pair(&p);
		skip();
	}
	tr = start(&p, 0, false);
	connect_pair(&p);
	pass_text(p.client, p.server, "GET / HTTP/1.1\r\n\r\n");
	pass_text(p.server, p.client, RESPONSE);
	take(tr);
	v = find_views(tr, &p);
	end = v.client_out->seg.seq + v.client_out->seg.payload_len + sizeof(body);
	live_elide(tr->live, cookie_of(p.client), SEG_DIR_EGRESS, end);
	live_elide(tr->live, cookie_of(p.server), SEG_DIR_INGRESS, end - 1);
	forget(tr);
	pass(p.client, p.server, body, sizeof(body));
	pass_text(p.client, p.server, REQUEST);
	take(tr);
	for (unsigned int i = 0; i < tr->cnt_segs; i++) {
		const struct segment *s = &tr->segs[i].seg;
		uint32_t left = (s->dir == SEG_DIR_EGRESS ? end : end - 1) - s->seq;
		bool inside = s->payload_len && left >= s->payload_len && left < 1u << 31;

		if (s->dst.port != ntohs(p.addr.sin6_port))
			continue;
		assert_int_equal(s->note.elided, inside);
		assert_int_equal(s->payload_cap, inside ? 0 : s->payload_len);
		elided += inside ? s->payload_len : 0;
	}
	assert_true(elided > 0);
	/* All of one end, most of the other. */
	elided = kernel_count(tr, EVENT_CNT_ELIDED_BYTES);
	assert_true(elided > sizeof(body) && elided < 2 * sizeof(body));
	close_pair(&p);
	stop(tr);
}

/*
 * A long body: its beginning and its end cross, and what the sums tell lies exactly between them.
 */
static void sums_up_a_body(void **state)
{
	struct pair p = listen_on("::ffff:127.0.0.1");
	static char body[1000000];
	struct trace *tr;

	tr = start(&p, 0, false);
	connect_pair(&p);
	pass_text(p.client, p.server, "GET / HTTP/1.1\r\n\r\n");
	tr->server_port = ntohs(p.addr.sin6_port);
	pass_text(p.server, p.client, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
	pass(p.server, p.client, body, sizeof(body));
	pass_text(p.client, p.server, "GET /2 HTTP/1.1\r\n\r\n");
	take(tr);
	for (int side = SEG_DIR_INGRESS; side <= SEG_DIR_EGRESS; side++) {
		const struct account *a = &tr->body[side];

		assert_false(a->broken);
		assert_true(a->sums >= 1);
		assert_true(a->crossed >= 2 && a->crossed < 8);
		assert_true(a->cnt > a->crossed);
	}
	assert_int_equal(tr->body[SEG_DIR_INGRESS].next, tr->body[SEG_DIR_EGRESS].next);
	/* On its way a GSO packet that is too long is taken apart. */
	assert_true(tr->body[SEG_DIR_INGRESS].cnt >= tr->body[SEG_DIR_EGRESS].cnt);
	assert_int_equal(kernel_count(tr, EVENT_CNT_ELIDED_BYTES), 2 * sizeof(body));
	assert_true(kernel_count(tr, EVENT_CNT_QUIET) >
		    2 * (tr->body[SEG_DIR_EGRESS].cnt - tr->body[SEG_DIR_EGRESS].crossed) - 1);
	close_pair(&p);
	stop(tr);
}

/* A ring that is much too small: what is missing is counted, and the next events of the sockets
 * say it. */
static void tells_what_was_lost(void **state)
{
	struct pair p = listen_on("::ffff:127.0.0.1");
	struct trace *tr = start(&p, 4096, true);
	uint64_t lost = 0, bytes = 0;
	static char body[200000];

	connect_pair(&p);
	pass_text(p.client, p.server, REQUEST);
	pass(p.client, p.server, body, sizeof(body));
	take(tr);
	forget(tr);
	assert_true(kernel_count(tr, EVENT_CNT_LOST_EVENTS) > 0);
	for (int i = 0; i < 4; i++) {
		pass_text(p.server, p.client, "x");
		pass_text(p.client, p.server, "x");
		take(tr);
	}
	for (unsigned int i = 0; i < tr->cnt_segs; i++) {
		lost += tr->segs[i].seg.note.lost_events;
		bytes += tr->segs[i].seg.note.lost_bytes;
	}
	assert_true(lost > 0);
	/* The handshake's segments belong to the listener, which keeps no account. */
	assert_true(lost <= kernel_count(tr, EVENT_CNT_LOST_EVENTS));
	assert_true(bytes <= kernel_count(tr, EVENT_CNT_LOST_BYTES));
	close_pair(&p);
	stop(tr);
}

/* What arrives before accept() can return is on the listener's socket. */
static void sees_a_deferred_request(void **state)
{
	struct pair p = listen_on("::ffff:127.0.0.1");
	struct trace *tr = start(&p, 0, false);
	int seconds = 5;
	struct views v;

	assert_int_equal(
		setsockopt(p.listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)),
		0);
	open_client(&p);
	assert_int_equal(connect(p.client, (struct sockaddr *)&p.addr, sizeof(p.addr)), 0);
	assert_int_equal(send(p.client, REQUEST, strlen(REQUEST), 0), strlen(REQUEST));
	p.server = accept(p.listener, NULL, NULL);
	assert_true(p.server >= 0);
	pass_text(p.server, p.client, RESPONSE);
	take(tr);
	v = find_views(tr, &p);
	assert_memory_equal(v.server_in->payload, REQUEST, strlen(REQUEST));
	assert_int_equal(v.server_in->seg.note.cookie, 0);
	expect_start(v.server_out, 0);
	expect_socket(v.server_out, p.server);
	expect_start(v.client_out, 0);
	close_pair(&p);
	stop(tr);
}

/* TCP Fast Open: the second connection's request is in the SYN. */
static void sees_a_request_in_the_syn(void **state)
{
	struct pair p = listen_on("::ffff:127.0.0.1");
	struct trace *tr;
	int backlog = 8;
	struct views v;

	set_sysctl("/proc/sys/net/ipv4/tcp_fastopen", "3");
	assert_int_equal(
		setsockopt(p.listener, IPPROTO_TCP, TCP_FASTOPEN, &backlog, sizeof(backlog)), 0);
	tr = start(&p, 0, false);
	for (int i = 0; i < 2; i++) {
		forget(tr);
		if (i) {
			close(p.client);
			close(p.server);
			take(tr);
			forget(tr);
		}
		open_client(&p);
		assert_int_equal(sendto(p.client, REQUEST, strlen(REQUEST), MSG_FASTOPEN,
					(struct sockaddr *)&p.addr, sizeof(p.addr)),
				 strlen(REQUEST));
		p.server = accept(p.listener, NULL, NULL);
		assert_true(p.server >= 0);
		pass_text(p.server, p.client, RESPONSE);
		take(tr);
	}
	v = find_views(tr, &p);
	assert_true(v.client_out->seg.flags & TCP_SYN);
	assert_memory_equal(v.server_in->payload, REQUEST, strlen(REQUEST));
	expect_socket(v.server_out, p.server);
	expect_start(v.server_out, 0);
	expect_start(v.client_in, 0);
	close_pair(&p);
	stop(tr);
}

/* sendfile(): what leaves is not in linear memory; super-segments arrive. */
static void copies_a_large_response(void **state)
{
	const size_t len = 1000000;
	struct pair p = listen_on("::ffff:127.0.0.1");
	struct trace *tr = start(&p, 0, false);
	int file = memfd_create("body", MFD_CLOEXEC);
	uint8_t *body = malloc(len), *seen = calloc(1, len);
	size_t got = 0, copied = 0;
	uint32_t first = 0;
	off_t off = 0;
	bool begun = false;
	char buf[65536];

	for (size_t i = 0; i < len; i++)
		body[i] = (uint8_t)(i * 31 + i / 255);
	assert_int_equal(write(file, body, len), len);
	connect_pair(&p);
	pass_text(p.client, p.server, "GET / HTTP/1.1\r\n\r\n");
	while (got < len) {
		ssize_t n;

		if ((size_t)off < len)
			assert_true(sendfile(p.server, file, &off, 65536) > 0);
		n = recv(p.client, buf, sizeof(buf), 0);
		assert_true(n > 0);
		got += (size_t)n;
		take(tr);
	}
	take(tr);
	for (unsigned int i = 0; i < tr->cnt_segs; i++) {
		const struct segment *s = &tr->segs[i].seg;

		if (s->dir != SEG_DIR_EGRESS || s->src.port != ntohs(p.addr.sin6_port) ||
		    !s->payload_len)
			continue;
		if (!begun)
			first = s->seq;
		begun = true;
		assert_int_equal(s->payload_cap, s->payload_len);
		assert_true(s->seq - first + s->payload_cap <= len);
		memcpy(seen + (s->seq - first), tr->segs[i].payload, s->payload_cap);
		copied += s->payload_cap;
	}
	assert_true(copied >= len);
	assert_memory_equal(seen, body, len);
	free(body);
	free(seen);
	close(file);
	close_pair(&p);
	stop(tr);
}

/* Output NAT: the wire shows another destination than the socket has. */
static void joins_both_directions_under_nat(void **state)
{
	struct pair p = listen_on("::ffff:127.0.0.1");
	struct trace *tr;
	char cmd[512];
	const struct kept *out, *in;

	if (!has_sockets()) {
		print_message("a tap has no socket, and the wire differs by direction\n");
		close_pair(&p);
		skip();
	}
	snprintf(
		cmd, sizeof(cmd),
		"nft 'add table ip t; add chain ip t o { type nat hook output priority -100; }; "
		"add rule ip t o ip daddr 127.9.9.9 tcp dport 80 dnat to 127.0.0.1:%u' 2>/dev/null",
		ntohs(p.addr.sin6_port));
	if (system(cmd)) {
		print_message("nft cannot make a NAT rule here\n");
		close_pair(&p);
		skip();
	}
	tr = start_at(80, 0, false); /* the socket's own */
	open_client(&p);
	inet_pton(AF_INET6, "::ffff:127.9.9.9", &p.addr.sin6_addr);
	p.addr.sin6_port = htons(80);
	assert_int_equal(connect(p.client, (struct sockaddr *)&p.addr, sizeof(p.addr)), 0);
	p.server = accept(p.listener, NULL, NULL);
	assert_true(p.server >= 0);
	pass_text(p.client, p.server, REQUEST);
	pass_text(p.server, p.client, RESPONSE);
	take(tr);
	out = find(tr, port_of(p.client), SEG_DIR_EGRESS);
	in = find(tr, port_of(p.client), SEG_DIR_INGRESS);
	assert_non_null(out);
	assert_non_null(in);
	expect_socket(out, p.client);
	expect_socket(in, p.client);
	assert_int_equal(out->seg.note.remote.port, 80);
	assert_int_equal(in->seg.note.remote.port, 80);
	assert_int_equal(system("nft delete table ip t"), 0);
	close_pair(&p);
	stop(tr);
}

/* --- */

static int use_cgroup(void **state)
{
	hook = HOOK_CGROUP;
	return 0;
}

static int use_tc(void **state)
{
	hook = HOOK_TC;
	return 0;
}

static int use_socket(void **state)
{
	hook = HOOK_SOCKET;
	return 0;
}

/* A network namespace of our own, so that nobody's traffic gets between. */
static int enter_namespace(void **state)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd;

	if (unshare(CLONE_NEWNET))
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr))
		return -1;
	close(fd);
	return 0;
}

#define ON_EACH_HOOK(test)                                                                         \
	{#test " [cgroup]", test, use_cgroup, NULL, NULL},                                         \
		{#test " [tc]", test, use_tc, NULL, NULL},                                         \
	{                                                                                          \
#test " [socket]", test, use_socket, NULL, NULL                                    \
	}

int main(void)
{
	const uint64_t caps = CAPS(CAP_BPF) | CAPS(CAP_PERFMON) | CAPS(CAP_NET_ADMIN) |
			      CAPS(CAP_NET_RAW) | CAPS(CAP_SYS_ADMIN);
	const struct CMUnitTest tests[] = {
		ON_EACH_HOOK(sees_both_ends),
		ON_EACH_HOOK(sees_both_ends_ipv6),
		ON_EACH_HOOK(is_right_about_old_connections),
		ON_EACH_HOOK(follows_single_bytes),
		ON_EACH_HOOK(reports_other_protocols_once),
		ON_EACH_HOOK(elides_by_control_word),
		ON_EACH_HOOK(sums_up_a_body),
		ON_EACH_HOOK(tells_what_was_lost),
		ON_EACH_HOOK(sees_a_deferred_request),
		ON_EACH_HOOK(sees_a_request_in_the_syn),
		ON_EACH_HOOK(copies_a_large_response),
		ON_EACH_HOOK(joins_both_directions_under_nat),
	};

	return RUN_BPF_TESTS(tests, caps, enter_namespace);
}
