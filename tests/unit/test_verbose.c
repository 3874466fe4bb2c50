// SPDX-License-Identifier: GPL-2.0-only
/* A segment in words: `-v` and `httplat decode`. */
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

#include "cmd_decode.h"
#include "core/decode.h"
#include "packets.h"
#include "report/tcp_fields.h"
#include "report/verbose.h"

static struct pkt pkt;

static void expect_line(const struct segment *seg, bool json, const char *want)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int64_t offset = INT64_C(1700000000000000000);

	assert_non_null(out);
	assert_int_equal(
		json ? verbose_print_json(out, seg, offset) : verbose_print(out, seg, offset), 0);
	fclose(out);
	assert_string_equal(text, want);
	free(text);
}

static void test_segment(void **state)
{
	struct segment seg = {.time_ns = 42, .frame = 7};

	pkt_init(&pkt, "GET / HTTP/1.1\r\n\r\n", 18);
	pkt_tcp(&pkt, &(struct pkt_tcp){
			      .src = 49152,
			      .dst = 8080,
			      .seq = 4294967295,
			      .ack = 12,
			      .flags = TCP_PSH | TCP_ACK | TCP_CWR | TCP_ECE | TCP_AE | TCP_URG,
			      .window = 502,
			      .urgent = 3,
			      .options = "01010a0b",
		      });
	pkt_ipv4(&pkt, "10.0.0.1", "10.0.0.2", IPPROTO_TCP);
	/* option 10 of 11 bytes does not fit */
	assert_int_equal(
		decode_packet(pkt_data(&pkt), pkt_len(&pkt) - 1, pkt_len(&pkt), &seg, NULL),
		DECODE_OK);
	expect_line(
		&seg, false,
		"22:13:20.000000042 #7 10.0.0.1:49152 > 10.0.0.2:8080 "
		"[PSH,ACK,URG,ECE,CWR,AE] seq 4294967295 ack 12 hdr 24 win 502 sum 0xbe91 unknown "
		"urg 3 opts nop,nop,bad-length len 18 (17 captured)\n");
	expect_line(
		&seg, true,
		"{\"time\":\"2023-11-14T22:13:20.000000042Z\",\"frame.number\":7,"
		"\"source.address\":\"10.0.0.1\",\"destination.address\":\"10.0.0.2\","
		"\"tcp.srcport\":49152,\"tcp.dstport\":8080,\"tcp.seq_raw\":4294967295,"
		"\"tcp.ack_raw\":12,\"tcp.hdr_len\":24,\"tcp.flags\":504,\"tcp.flags.fin\":false,"
		"\"tcp.flags.syn\":false,\"tcp.flags.reset\":false,\"tcp.flags.push\":true,"
		"\"tcp.flags.ack\":true,\"tcp.flags.urg\":true,\"tcp.flags.ece\":true,"
		"\"tcp.flags.cwr\":true,\"tcp.flags.ae\":true,\"tcp.window_size_value\":502,"
		"\"tcp.checksum\":48785,\"tcp.checksum.status\":\"unknown\","
		"\"tcp.urgent_pointer\":3,\"tcp.options\":[{\"kind\":1,\"name\":\"nop\"},"
		"{\"kind\":1,\"name\":\"nop\"}],"
		"\"tcp.options.error\":\"an option's length is impossible\",\"tcp.len\":18,"
		"\"captured_len\":17}\n");
}

static void test_ipv6_syn(void **state)
{
	struct segment seg = {.dir = SEG_DIR_EGRESS};

	pkt_init(&pkt, NULL, 0);
	pkt_tcp(&pkt, &(struct pkt_tcp){
			      .src = 1,
			      .dst = 65535,
			      .flags = TCP_SYN,
			      .options = "0204ffc4 0402080a 00000001 00000000 01030307",
		      });
	pkt_ipv6(&pkt, "2001:db8::1", "::1", IPPROTO_TCP);
	assert_int_equal(decode_packet(pkt_data(&pkt), pkt_len(&pkt), pkt_len(&pkt), &seg, NULL),
			 DECODE_OK);
	expect_line(
		&seg, false,
		"22:13:20.000000000 out [2001:db8::1]:1 > [::1]:65535 [SYN] seq 0 ack 0 hdr 40 win "
		"0 "
		"sum 0x2033 good urg 0 opts mss 65476,sack_permitted,timestamps val 1 ecr 0,nop,"
		"wscale 7 len 0\n");
}

static void expect_option(const char *hex, const char *want)
{
	char text[TCP_OPTION_TEXT_MAX];
	struct tcp_option opt;
	uint32_t pos = 0;

	pkt_init(&pkt, NULL, 0);
	pkt_hex(&pkt, hex);
	assert_int_equal(decode_next_option(pkt_data(&pkt), pkt_len(&pkt), &pos, &opt), 1);
	assert_string_equal(tcp_option_text(&opt, text), want);
}

static void test_options(void **state)
{
	expect_option("00", "eol");
	expect_option("020405b4", "mss 1460");
	expect_option("020305", "mss 0x05"); /* a length that it cannot have */
	expect_option("03030e", "wscale 14");
	expect_option("0402", "sack_permitted");
	expect_option("0512 00000001 00000005 fffffff0 00000010", "sack 1-5 4294967280-16");
	expect_option("0508 000000010000", "sack 0x000000010000");
	expect_option("1304aabb", "md5 0xaabb");
	expect_option("1c04800a", "user_timeout 600");
	expect_option("1d04 0102", "ao 0x0102");
	expect_option("1e0c 0081 0102030405060708", "mptcp mp_capable 0x00810102030405060708");
	expect_option("1e04 2001", "mptcp dss 0x2001");
	expect_option("1e03 f0", "mptcp mp_unknown 0xf0");
	expect_option("2202", "tfo");
	expect_option("220a 0102030405060708", "tfo 0x0102030405060708");
	expect_option("ac0b 000001 000002 000003", "accecn0 ee0b 1 eceb 2 ee1b 3");
	expect_option("ae08 000001 000002", "accecn1 ee1b 1 eceb 2");
	expect_option("fd08 f989 01020304", "tfo 0x01020304");
	expect_option("fd06 0ed0 0010", "edo 64");
	expect_option("fe04 1234", "experiment 4660");
	expect_option("fe03 12", "experiment 0x12");
	expect_option("c804 1b5b", "unknown-200 0x1b5b");
}

/* Runs the command with its output in a file. */
static int decode(const char *hex, const char *format, char *out, size_t size)
{
	char *argv[] = {"decode", "-o", (char *)format, (char *)hex, NULL};
	int saved = dup(STDOUT_FILENO), quiet = dup(STDERR_FILENO), status;
	FILE *file = tmpfile();
	size_t len;

	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	status = cmd_decode(4, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	dup2(quiet, STDERR_FILENO);
	close(saved);
	close(quiet);
	rewind(file);
	len = fread(out, 1, size - 1, file);
	out[len] = '\0';
	fclose(file);
	return status;
}

static void test_decode_command(void **state)
{
	char out[4096];

	assert_int_equal(
		decode("1f:90 f04f 0x3747d146dcae23f3801831bf14ef00000101080a3176450b31764503",
		       "text", out, sizeof(out)),
		0);
	assert_string_equal(out,
			    "Source Port: 8080\n"
			    "Destination Port: 61519\n"
			    "Sequence Number (raw): 927453510\n"
			    "Acknowledgment Number (raw): 3702399987\n"
			    "Header Length: 32 bytes\n"
			    "Flags: 0x018 (PSH,ACK)\n"
			    "    Fin (FIN): Not set\n"
			    "    Syn (SYN): Not set\n"
			    "    Reset (RST): Not set\n"
			    "    Push (PSH): Set\n"
			    "    Acknowledgment (ACK): Set\n"
			    "    Urgent (URG): Not set\n"
			    "    ECN-Echo (ECE): Not set\n"
			    "    Congestion Window Reduced (CWR): Not set\n"
			    "    Accurate ECN (AE): Not set\n"
			    "Window: 12735\n"
			    "Checksum: 0x14ef (unknown: a header alone does not say between which "
			    "addresses)\n"
			    "Urgent Pointer: 0\n"
			    "Options: 12 bytes\n"
			    "    nop\n"
			    "    nop\n"
			    "    timestamps val 829834507 ecr 829834499\n"
			    "Payload: 0 bytes\n");
	assert_int_equal(decode("1f90f04f3747d146dcae23f3601831bf14ef0000020405b4aa", "json", out,
				sizeof(out)),
			 0);
	assert_non_null(strstr(out, "\"tcp.options\":[{\"kind\":2,\"name\":\"mss\",\"val\":1460}],"
				    "\"tcp.len\":1}\n"));
}

static void test_decode_refuses(void **state)
{
	static const struct {
		const char *hex, *says;
	} bad[] = {
		{"", "at least 20 bytes, and this is 0"},
		{"1f90", "and this is 2"},
		{"1f9", "one is missing"},
		{"1f9g", "'g' (character 4) is no hex digit"},
		{"1f\033[2J", "byte 0x1b (character 3)"},
		{"1f90f04f3747d146dcae23f3001831bf14ef0000", "own length as 0 bytes"},
		{"1f90f04f3747d146dcae23f3801831bf14ef0000", "has 32 bytes, and this is 20"},
	};
	char out[4096];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(decode(bad[i].hex, "text", out, sizeof(out)), 2);
		assert_non_null(strstr(out, bad[i].says));
		assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
	}
	assert_int_equal(decode("00", "yaml", out, sizeof(out)), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segment),	       cmocka_unit_test(test_ipv6_syn),
		cmocka_unit_test(test_options),	       cmocka_unit_test(test_decode_command),
		cmocka_unit_test(test_decode_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
