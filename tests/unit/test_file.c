// SPDX-License-Identifier: GPL-2.0-only
/* Capture files: formats, filters, damage. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/bytes.h"
#include "file/file.h"
#include "file/pcapng.h"
#include "packets.h"

/* A file that is being put together, and what was read from it. */
struct fixture {
	char path[32];
	FILE *file;
	bool big_endian;
	struct counters cnt;
	struct diag diag;
	uint32_t segment_cnt, clock_cnt;
	struct segment last; /* its pointers are not valid */
	uint64_t frames[16], times[16];
	volatile sig_atomic_t stop;
	uint32_t stop_after;
};

static struct pkt pkt;

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	int fd;

	strcpy(fx->path, "/tmp/httplat-test-XXXXXX");
	fd = mkstemp(fx->path);
	fx->file = fd < 0 ? NULL : fdopen(fd, "w");
	*state = fx;
	return !fx->file;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	if (fx->file)
		fclose(fx->file);
	unlink(fx->path);
	free(fx);
	return 0;
}

static void put(struct fixture *fx, const void *bytes, size_t len)
{
	assert_int_equal(fwrite(bytes, 1, len, fx->file), len);
}

static void put32(struct fixture *fx, uint32_t v)
{
	uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};

	if (fx->big_endian)
		put_be32(b, v);
	put(fx, b, 4);
}

static void put16(struct fixture *fx, uint16_t v)
{
	uint8_t b[2] = {(uint8_t)v, (uint8_t)(v >> 8)};

	if (fx->big_endian)
		put_be16(b, v);
	put(fx, b, 2);
}

static void pcap_header(struct fixture *fx, uint32_t magic, uint32_t link_type)
{
	put32(fx, magic);
	put16(fx, 2);
	put16(fx, 4);
	put32(fx, 0);
	put32(fx, 0);
	put32(fx, 65535);
	put32(fx, link_type);
}

static void pcap_record(struct fixture *fx, uint32_t sec, uint32_t frac)
{
	put32(fx, sec);
	put32(fx, frac);
	put32(fx, pkt_len(&pkt));
	put32(fx, pkt_len(&pkt));
	put(fx, pkt_data(&pkt), pkt_len(&pkt));
}

static void ng_block(struct fixture *fx, uint32_t type, const void *body, uint32_t len)
{
	put32(fx, type);
	put32(fx, len + 12);
	put(fx, body, len);
	put32(fx, len + 12);
}

static void ng_section(struct fixture *fx)
{
	put32(fx, 0x0a0d0d0a);
	put32(fx, 28);
	put32(fx, 0x1a2b3c4d);
	put16(fx, 1);
	put16(fx, 0);
	put32(fx, 0xffffffff);
	put32(fx, 0xffffffff);
	put32(fx, 28);
}

/* tsresol as in the option; offset in seconds, 0: no option. */
static void ng_interface(struct fixture *fx, uint16_t link_type, uint8_t tsresol, uint32_t offset)
{
	uint8_t resol[4] = {tsresol};
	uint32_t len = 8 + 8 + (offset ? 12 : 0) + 4;

	put32(fx, 1);
	put32(fx, len + 12);
	put16(fx, link_type);
	put16(fx, 0);
	put32(fx, 0);
	put16(fx, 9);
	put16(fx, 1);
	put(fx, resol, 4);
	if (offset) {
		put16(fx, 14);
		put16(fx, 8);
		put32(fx, fx->big_endian ? 0 : offset);
		put32(fx, fx->big_endian ? offset : 0);
	}
	put32(fx, 0);
	put32(fx, len + 12);
}

/* type 6 or, obsolete, 2 */
static void ng_packet(struct fixture *fx, uint32_t type, uint32_t interface, uint64_t ticks)
{
	uint32_t padded = (pkt_len(&pkt) + 3) & ~3u;

	put32(fx, type);
	put32(fx, 32 + padded);
	if (type == 6) {
		put32(fx, interface);
	} else {
		put16(fx, (uint16_t)interface);
		put16(fx, 0);
	}
	put32(fx, (uint32_t)(ticks >> 32));
	put32(fx, (uint32_t)ticks);
	put32(fx, pkt_len(&pkt));
	put32(fx, pkt_len(&pkt));
	put(fx, pkt_data(&pkt), pkt_len(&pkt));
	put(fx, "\0\0\0", padded - pkt_len(&pkt));
	put32(fx, 32 + padded);
}

static void build(uint16_t dst_port, const char *framing)
{
	pkt_init(&pkt, "hello", 5);
	pkt_tcp(&pkt, &(struct pkt_tcp){.src = 1000, .dst = dst_port, .flags = TCP_ACK});
	pkt_ipv4(&pkt, "10.0.0.1", "10.0.0.2", IPPROTO_TCP);
	pkt_hex(&pkt, framing);
}

#define ETHERNET "020000000002 020000000001 0800"

static void on_segment(void *ctx, const struct segment *seg)
{
	struct fixture *fx = ctx;

	if (fx->segment_cnt < 16) {
		fx->frames[fx->segment_cnt] = seg->frame;
		fx->times[fx->segment_cnt] = seg->time_ns;
	}
	fx->last = *seg;
	assert_int_equal(seg->hook, HOOK_FILE);
	assert_memory_equal(seg->payload, "hello", seg->payload_cap < 5 ? seg->payload_cap : 5);
	if (++fx->segment_cnt == fx->stop_after)
		fx->stop = 1;
}

static void on_clock(void *ctx, uint64_t time_ns)
{
	((struct fixture *)ctx)->clock_cnt++;
}

static int read_file(struct fixture *fx, const char *filter)
{
	struct file_sink sink = {fx, on_segment, on_clock};
	struct file_source *fs = NULL;
	int err;

	fflush(fx->file);
	err = file_open(fx->path, filter, &fx->cnt, &fs, &fx->diag);
	if (err) {
		assert_null(fs);
		return err;
	}
	err = file_read(fs, &sink, &fx->stop, &fx->diag);
	file_close(fs);
	return err;
}

static void test_pcap(void **state)
{
	static const struct {
		uint32_t magic;
		uint64_t time_ns;
	} variants[] = {
		{0xa1b2c3d4, 4000000000000123000}, /* a time after 2038 */
		{0xa1b23c4d, 4000000000000000123},
	};
	struct fixture *fx = *state;
	size_t i;

	for (i = 0; i < 4; i++) {
		rewind(fx->file);
		fx->big_endian = i % 2;
		fx->segment_cnt = 0;
		pcap_header(fx, variants[i / 2].magic, 1);
		build(80, ETHERNET);
		pcap_record(fx, 4000000000u, 123);
		pkt_ether(&pkt, 0x0806);
		pcap_record(fx, 4000000000u, 124);
		build(80, ETHERNET);
		pcap_record(fx, 4000000000u, 125);
		assert_int_equal(read_file(fx, NULL), 0);
		assert_int_equal(fx->segment_cnt, 2);
		assert_int_equal(fx->frames[0], 1);
		assert_int_equal(fx->frames[1], 3);
		assert_true(fx->times[0] == variants[i / 2].time_ns);
	}
	assert_int_equal(fx->clock_cnt, 12);
	assert_int_equal(fx->cnt.packets, 12);
	assert_int_equal(fx->cnt.not_ip, 4);
}

/* Interfaces of different link types and resolutions, sections of both byte orders, every kind of
 * packet block, blocks without packets: what libpcap does not read. */
static void test_pcapng(void **state)
{
	struct fixture *fx = *state;
	uint32_t len;

	for (len = 0; len < 2; len++) {
		fx->big_endian = len;
		ng_section(fx);
		ng_interface(fx, 1, 9, 0);
		ng_interface(fx, 0, 6, 0);
		ng_interface(fx, 101, 0x8a, 1000); /* 1/1024 s */
		build(80, ETHERNET);
		ng_packet(fx, 6, 0, 5000000001);
		build(80, fx->big_endian ? "00000002" : "02000000");
		ng_packet(fx, 6, 1, 5000001);
		build(80, "");
		ng_packet(fx, 2, 2, 1536);
		ng_block(fx, 5, "statistics, skipped ", 20);
		ng_block(fx, 9, "journal, counted", 16);
		build(80, ETHERNET); /* a simple packet block, with the time of the one before */
		put32(fx, 3);
		put32(fx, 16 + ((pkt_len(&pkt) + 3) & ~3u));
		put32(fx, pkt_len(&pkt));
		put(fx, pkt_data(&pkt), pkt_len(&pkt));
		put(fx, "\0\0\0", -pkt_len(&pkt) & 3);
		put32(fx, 16 + ((pkt_len(&pkt) + 3) & ~3u));
	}
	assert_int_equal(read_file(fx, NULL), 0);
	assert_int_equal(fx->segment_cnt, 8);
	assert_int_equal(fx->frames[3], 5);
	assert_int_equal(fx->frames[7], 10);
	assert_true(fx->times[0] == 5000000001);
	assert_true(fx->times[1] == 5000001000);
	assert_true(fx->times[2] == 1001500000000);
	assert_true(fx->times[3] == 1001500000000);
	assert_true(fx->times[4] == 5000000001);
}

static void test_filter(void **state)
{
	struct fixture *fx = *state;

	ng_section(fx);
	ng_interface(fx, 1, 9, 0);
	ng_interface(fx, 101, 9, 0);
	build(80, ETHERNET);
	ng_packet(fx, 6, 0, 1);
	build(81, ETHERNET);
	ng_packet(fx, 6, 0, 2);
	build(81, "");
	ng_packet(fx, 6, 1, 3);
	build(80, "");
	ng_packet(fx, 6, 1, 4);
	ng_interface(fx, 147, 9, 0); /* a link type that is not understood: counted, not filtered */
	ng_packet(fx, 6, 2, 5);
	assert_int_equal(read_file(fx, "tcp dst port 80"), 0);
	assert_int_equal(fx->segment_cnt, 2);
	assert_int_equal(fx->frames[1], 4);
	assert_int_equal(fx->cnt.filtered_packets, 2);
	assert_int_equal(fx->cnt.link_unknown, 1);

	assert_int_equal(read_file(fx, "tcp dst prt 80"), -EINVAL);
	assert_int_equal(fx->diag.status, EXIT_USAGE);
	assert_non_null(strstr(fx->diag.text, "'tcp dst prt 80'"));
}

static void test_not_a_capture(void **state)
{
	struct fixture *fx = *state;
	struct file_source *fs = NULL;

	assert_int_equal(file_open("/nonexistent/x.pcap", NULL, &fx->cnt, &fs, &fx->diag), -ENOENT);
	assert_string_equal(fx->diag.text,
			    "cannot open /nonexistent/x.pcap: No such file or directory");
	fx->diag.text[0] = '\0';
	assert_int_equal(file_open("/", NULL, &fx->cnt, &fs, &fx->diag), -EISDIR);
	fx->diag.text[0] = '\0';
	assert_int_equal(read_file(fx, NULL), -EINVAL);
	assert_non_null(strstr(fx->diag.text, "it is empty"));
	fx->diag.text[0] = '\0';
	put(fx, "GET / HTTP/1.1\r\n\r\n, and more bytes than a header has", 52);
	assert_int_equal(read_file(fx, NULL), -EINVAL);
	assert_non_null(strstr(fx->diag.text, "neither pcap nor pcapng"));
	assert_int_equal(fx->diag.status, EXIT_RUNTIME);
	assert_null(fs);
}

/* Cut anywhere, a file gives the frames that are whole and then an error; cut between two, only the
 * frames. */
static void test_cut_short(void **state)
{
	struct fixture *fx = *state;
	long size, ends[4], cut;
	uint32_t whole, ng;

	for (ng = 0; ng < 2; ng++) {
		rewind(fx->file);
		assert_int_equal(ftruncate(fileno(fx->file), 0), 0);
		if (ng) {
			ng_section(fx);
			ng_interface(fx, 1, 9, 0);
		} else {
			pcap_header(fx, 0xa1b2c3d4, 1);
		}
		for (whole = 0; whole < 3; whole++) {
			ends[whole] = ftell(fx->file);
			build(80, ETHERNET);
			if (ng)
				ng_packet(fx, 6, 0, whole);
			else
				pcap_record(fx, whole, 0);
		}
		ends[3] = size = ftell(fx->file);
		fflush(fx->file);
		for (cut = size; cut >= ends[0]; cut--) {
			assert_int_equal(ftruncate(fileno(fx->file), cut), 0);
			whole = cut >= ends[3] ? 3 : cut >= ends[2] ? 2 : cut >= ends[1];
			fx->segment_cnt = 0;
			fx->diag.text[0] = '\0';
			assert_int_equal(read_file(fx, NULL), cut == ends[whole] ? 0 : -EIO);
			assert_int_equal(fx->segment_cnt, whole);
			assert_int_equal(!fx->diag.text[0], cut == ends[whole]);
		}
	}
}

static void expect_damage(struct fixture *fx, const char *why)
{
	assert_int_equal(read_file(fx, NULL), -EIO);
	assert_int_equal(fx->diag.status, EXIT_RUNTIME);
	assert_non_null(strstr(fx->diag.text, why));
	assert_int_equal(fx->segment_cnt, 1);
}

static void begin_damaged(struct fixture *fx)
{
	ng_section(fx);
	ng_interface(fx, 1, 9, 0);
	build(80, ETHERNET);
	ng_packet(fx, 6, 0, 1);
}

static void test_damage_interface(void **state)
{
	begin_damaged(*state);
	ng_packet(*state, 6, 1, 2);
	expect_damage(*state, "interface that was not described");
}

static void test_damage_length(void **state)
{
	begin_damaged(*state);
	put32(*state, 6);
	put32(*state, PCAPNG_BLOCK_MAX + 4);
	expect_damage(*state, "impossible length");
}

static void test_damage_trailer(void **state)
{
	begin_damaged(*state);
	put32(*state, 5);
	put32(*state, 16);
	put32(*state, 0);
	put32(*state, 20);
	expect_damage(*state, "two lengths differ");
}

static void test_damage_version(void **state)
{
	begin_damaged(*state);
	ng_block(*state, 0x0a0d0d0a, "\x4d\x3c\x2b\x1a\2\0\0\0\0\0\0\0\0\0\0\0", 16);
	expect_damage(*state, "version");
}

static void test_damage_packet(void **state)
{
	static const uint8_t body[20] = {[12] = 1};

	begin_damaged(*state);
	ng_block(*state, 6, body, sizeof(body));
	expect_damage(*state, "longer than its block");
}

static void test_stop(void **state)
{
	struct fixture *fx = *state;
	int i;

	pcap_header(fx, 0xa1b2c3d4, 1);
	for (i = 0; i < 5; i++) {
		build(80, ETHERNET);
		pcap_record(fx, 1, 0);
	}
	fx->stop_after = 2;
	assert_int_equal(read_file(fx, NULL), 0);
	assert_int_equal(fx->segment_cnt, 2);
}

/* A segment whose outer packet was fragmented, in a tunnel: the frame is the one that completed it. */
static void test_fragmented_tunnel(void **state)
{
	struct fixture *fx = *state;
	static struct pkt whole;
	uint32_t payload_len, off, len;

	pcap_header(fx, 0xa1b2c3d4, 101);
	build(80, ETHERNET);
	pkt_hex(&pkt, "08000000 00006400");
	pkt_udp(&pkt, 50000, 4789);
	whole = pkt;
	payload_len = pkt_len(&whole);
	for (off = 0; off < payload_len; off += 32) {
		len = payload_len - off < 32 ? payload_len - off : 32;
		pkt_init(&pkt, pkt_data(&whole) + off, len);
		pkt_ipv4(&pkt, "10.1.0.1", "10.1.0.2", IPPROTO_UDP);
		put_be16(pkt_data(&pkt) + 6,
			 (uint16_t)(off / 8 | (off + len < payload_len ? 0x2000 : 0)));
		pcap_record(fx, 1, off);
	}
	assert_int_equal(read_file(fx, NULL), 0);
	assert_int_equal(fx->segment_cnt, 1);
	assert_int_equal(fx->frames[0], 3);
	assert_true(fx->last.defragmented);
	assert_int_equal(fx->last.dst.port, 80);
	assert_int_equal(fx->cnt.fragments, 3);
	assert_int_equal(fx->cnt.fragments_lost, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_pcap),	  TEST(test_pcapng),	     TEST(test_filter),
		TEST(test_not_a_capture), TEST(test_cut_short),	     TEST(test_damage_interface),
		TEST(test_damage_length), TEST(test_damage_trailer), TEST(test_damage_version),
		TEST(test_damage_packet), TEST(test_stop),	     TEST(test_fragmented_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
