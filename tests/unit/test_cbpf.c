// SPDX-License-Identifier: GPL-2.0-only
/*
 * Classic BPF translated (live/cbpf.h): in the kernel's own hands, through BPF_PROG_TEST_RUN,
 * against libpcap's interpreter, on packets of all kinds: what people write, and programs that
 * nobody writes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "bpf_run.h"
#include "file/filter.h"
#include "live/cbpf.h"

/* libpcap's; its header has another struct bpf_insn, with the layout of struct sock_filter. */
unsigned int bpf_filter(const struct sock_filter *prog, const uint8_t *packet, unsigned int len,
			unsigned int cap);
int bpf_validate(const struct sock_filter *prog, int len);

enum { LINK_RAW = 101, ETHERNET = 14, PACKET_MAX = 400, PADDING_MAX = 46, PACKETS = 400 };
enum { ROOM = 4096 };

static uint64_t seed;

static uint32_t roll(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

/* --- packets ---------------------------------------------------------------------------------- */

struct packet {
	uint8_t bytes[ETHERNET + PACKET_MAX + PADDING_MAX]; /* from the Ethernet header on */
	unsigned int len;				    /* of the IP packet */
	unsigned int padding;				    /* bytes of the frame behind it */
};

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* IPv4 or IPv6 and TCP, with what filters ask for often, or nearly so. */
static void make_packet(struct packet *p)
{
	static const uint16_t ports[] = {22, 80, 443, 8080, 1024, 65535};
	static const char *const payloads[] = {"GET / HTTP/1.1\r\n", "POST /x", "HTTP/1.1 200 OK", ""};
	uint8_t *ip = p->bytes + ETHERNET, *tcp;
	bool six = roll(2);
	unsigned int ihl = six ? 40 : 20 + 4 * roll(4), doff = 5 + roll(5), i;

	for (i = 0; i < sizeof(p->bytes); i++)
		p->bytes[i] = (uint8_t)roll(256);
	put16(p->bytes + 12, six ? 0x86dd : 0x0800);
	p->len = ihl + doff * 4 + roll(PACKET_MAX - ihl - doff * 4);
	p->padding = roll(2) ? roll(PADDING_MAX + 1) : 0;
	if (six) {
		ip[0] = 0x60;
		put16(ip + 4, p->len - 40);
		ip[6] = roll(5) ? 6 : (uint8_t)roll(256);
	} else {
		ip[0] = (uint8_t)(0x40 | ihl / 4);
		put16(ip + 2, p->len);
		put16(ip + 6, roll(5) ? 0 : roll(65536));
		ip[9] = roll(5) ? 6 : (uint8_t)roll(256);
		for (i = 12; i < 20; i++)
			ip[i] = roll(3) ? (i % 4 ? (uint8_t)roll(3) : 10) : ip[i];
	}
	tcp = ip + ihl;
	for (i = 0; i < 4; i += 2)
		if (roll(4))
			put16(tcp + i, ports[roll(6)]);
	tcp[12] = (uint8_t)(doff << 4);
	tcp[13] = roll(2) ? 0x18 : (uint8_t)roll(256);
	strncpy((char *)tcp + doff * 4, payloads[roll(4)], p->len - ihl - doff * 4);
	if (!roll(20))
		ip[0] = (uint8_t)roll(256);
}

static struct packet packets[PACKETS];

static int make_packets(void **state)
{
	const char *given = getenv("SEED");

	seed = given ? strtoull(given, NULL, 0) : 1;
	for (unsigned int i = 0; i < PACKETS; i++)
		make_packet(&packets[i]);
	return 0;
}

/* --- running ---------------------------------------------------------------------------------- */

/* How much of the stack a program uses: by loads, stores, and addresses that are made of r10 and
 * an offset. */
static int stack_of(const struct bpf_insn *insn, int len)
{
	int depth = 0, i;

	for (i = 0; i < len; i++) {
		int class = BPF_CLASS(insn[i].code), at = 0;

		if ((class == BPF_LDX && insn[i].src_reg == BPF_REG_10) ||
		    (class == BPF_STX && insn[i].dst_reg == BPF_REG_10))
			at = insn[i].off;
		else if (i && insn[i].code == (BPF_ALU64 | BPF_ADD | BPF_K) &&
			 insn[i - 1].code == (BPF_ALU64 | BPF_MOV | BPF_X) &&
			 insn[i - 1].src_reg == BPF_REG_10)
			at = insn[i].imm;
		depth = -at > depth ? -at : depth;
	}
	return depth;
}

/* A program of its own around the translation, as expression.h is one in the capture programs.
 * The packet's length comes as the mark: with padding the skb is longer. */
static int load(const struct sock_filter *prog, unsigned int n, enum bpf_prog_type type, bool quiet)
{
	struct bpf_insn out[ROOM + 8] = {
		{BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, type == BPF_PROG_TYPE_SCHED_CLS ? ETHERNET : 0},
		{BPF_LDX | BPF_MEM | BPF_W, 3, 1, offsetof(struct __sk_buff, mark), 0},
	};
	static char log[1 << 16];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log), .log_level = 1);
	int len = cbpf_translate(prog, n, out + 2, ROOM), fd;

	if (len < 0)
		return len;
	out[2 + len] = (struct bpf_insn){BPF_JMP | BPF_EXIT, 0, 0, 0, 0};
	fd = bpf_prog_load(type, "cbpf", "GPL", out, (size_t)len + 3, &opts);
	if (fd < 0 && !quiet)
		print_error("the verifier: %s\n", log + (strlen(log) > 600 ? strlen(log) - 600 : 0));
	return fd;
}

static unsigned int run_it(int fd, const struct packet *p)
{
	struct __sk_buff ctx = {.mark = p->len};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->bytes,
		    .data_size_in = ETHERNET + p->len + p->padding, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	assert_in_range(opts.retval, 0, 1);
	return opts.retval;
}

static const enum bpf_prog_type types[] = {BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_SCHED_CLS,
					   BPF_PROG_TYPE_CGROUP_SKB};

/* Returns how many packets match. */
static unsigned int compare(int fd, const struct sock_filter *prog, const char *what)
{
	unsigned int matches = 0, i;

	for (i = 0; i < PACKETS; i++) {
		const struct packet *p = &packets[i];
		bool want = bpf_filter(prog, p->bytes + ETHERNET, p->len, p->len) != 0;

		if (run_it(fd, p) != want)
			fail_msg("%s: packet %u: libpcap says %d", what, i, want);
		matches += want;
	}
	return matches;
}

/* --- tests ------------------------------------------------------------------------------------ */

static const char *const expressions[] = {
	"tcp",
	"ip",
	"ip6",
	"tcp port 80",
	"port 80 or port 443",
	"not port 22",
	"src port 8080 and dst port 80",
	"portrange 1000-9000",
	"host 10.0.1.2",
	"net 10.0.0.0/8",
	"net 10.1.0.0/16 and not port 443",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
	"tcp[((tcp[12]&0xf0)>>2):4] = 0x47455420",
	"ip[8] < 64",
	"ip[2:2] - ((ip[0]&0xf)<<2) - ((tcp[12]&0xf0)>>2) != 0",
	"ip[6:2] & 0x1fff = 0",
	"tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
	"(ip[1] + ip[2]) * (ip[3] + ip[4]) > (ip[5] + ip[6]) * (ip[7] + ip[8])",
	"greater 200",
	"less 100",
	"len % 7 = 3",
	"(ip[1] + ip[4]) * 3 / (ip[5] + 1) > 40",
	"ip[4] % ip[5] = 1",
	"ip[4:4] >> (ip[8] & 63) = 0",
	"ip[4:4] << (ip[8] & 63) != 0",
	"(ip[4:4] ^ ip[12:4]) & 3 = 2",
	"ip[4:4] | 1 = ip[4:4]",
	"-ip[9] = 0xfffffffa",
	"ip[4:4] * 10 / 10 = ip[4:4]",
	"(ip[4:4] + 0xc0000000) % 7 < 3",
	"tcp[100:2] > 1000",
	"ip[100:4] > 0x40000000 or ip6[100:4] > 0x40000000",
	"ip6[6] = 6 and ip6[40:2] = 80",
	"ip protochain 6",
	"ip6 protochain 6",
	"host 2001:db8::1 or host 10.2.1.0",
};

static void test_expressions(void **state)
{
	static struct bpf_insn out[ROOM];
	unsigned int matching = 0, i, j, cnt;

	for (i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
		struct filter *ft = filter_new(expressions[i]);
		const struct sock_filter *prog;
		struct diag d = {0};

		assert_non_null(ft);
		if (filter_add(ft, LINK_RAW, &d))
			fail_msg("%s", d.text);
		prog = filter_code(ft, LINK_RAW, &cnt);
		j = (unsigned int)cbpf_translate(prog, cnt, out, ROOM);
		assert_true((int)j < 0 || stack_of(out, (int)j) <= 32);
		for (j = 0; j < sizeof(types) / sizeof(types[0]); j++) {
			int fd = load(prog, cnt, types[j], strstr(expressions[i], "protochain"));

			/* A loop: that is jumps back, which are not translated. */
			if (strstr(expressions[i], "protochain")) {
				assert_int_equal(fd, -ENOTSUP);
				continue;
			}
			if (fd < 0)
				fail_msg("'%s' is not loaded: %d", expressions[i], fd);
			cnt = compare(fd, prog, expressions[i]);
			matching += cnt > 0 && cnt < PACKETS;
			close(fd);
			prog = filter_code(ft, LINK_RAW, &cnt);
		}
		filter_free(ft);
	}
	/* Most of them tell packets apart: else there was nothing to compare. */
	assert_in_range(matching, 75, UINT32_MAX);
}

/* The i-th word of M that a random program uses: they need not be neighbours. */
static uint32_t word(uint32_t i)
{
	return (i * 5 + 3) % BPF_MEMWORDS;
}

static struct sock_filter any_instruction(unsigned int left, unsigned int words)
{
	static const uint16_t codes[] = {
		BPF_LD | BPF_W | BPF_ABS,  BPF_LD | BPF_H | BPF_ABS,  BPF_LD | BPF_B | BPF_ABS,
		BPF_LD | BPF_W | BPF_IND,  BPF_LD | BPF_H | BPF_IND,  BPF_LD | BPF_B | BPF_IND,
		BPF_LD | BPF_IMM,	   BPF_LD | BPF_W | BPF_LEN,  BPF_LD | BPF_MEM,
		BPF_LDX | BPF_IMM,	   BPF_LDX | BPF_W | BPF_LEN, BPF_LDX | BPF_MEM,
		BPF_LDX | BPF_B | BPF_MSH, BPF_ST,		      BPF_STX,
		BPF_MISC | BPF_TAX,	   BPF_MISC | BPF_TXA,	      BPF_ALU | BPF_NEG,
		BPF_ALU | BPF_ADD,	   BPF_ALU | BPF_SUB,	      BPF_ALU | BPF_MUL,
		BPF_ALU | BPF_DIV,	   BPF_ALU | BPF_MOD,	      BPF_ALU | BPF_AND,
		BPF_ALU | BPF_OR,	   BPF_ALU | BPF_XOR,	      BPF_ALU | BPF_LSH,
		BPF_ALU | BPF_RSH,	   BPF_JMP | BPF_JEQ,	      BPF_JMP | BPF_JGT,
		BPF_JMP | BPF_JGE,	   BPF_JMP | BPF_JSET,
	};
	struct sock_filter f = {.code = codes[roll(sizeof(codes) / sizeof(codes[0]))]};
	uint16_t class = BPF_CLASS(f.code), op = BPF_OP(f.code);

	f.k = roll(4) ? roll(64) : roll(2) ? roll(UINT32_MAX) << 1 : roll(PACKET_MAX);
	if (class == BPF_ALU || class == BPF_JMP)
		f.code |= op != BPF_NEG && roll(2) ? BPF_X : BPF_K;
	if (class == BPF_ST || class == BPF_STX || (class <= BPF_LDX && BPF_MODE(f.code) == BPF_MEM)) {
		if (!words)
			return (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TXA, 0);
		f.k = word(f.k % words);
	}
	if (class == BPF_ALU && (op == BPF_DIV || op == BPF_MOD) && !f.k)
		f.k = 3;
	/* libpcap leaves open what a shift by so much gives, and its validator refuses it. */
	if (class == BPF_ALU && (op == BPF_LSH || op == BPF_RSH))
		f.k %= 32;
	if (class == BPF_JMP) { /* not over everything: the rest is reached by one way or the other */
		f.jt = (uint8_t)(roll(2) ? 0 : roll(left < 8 ? left : 8));
		f.jf = f.jt ? 0 : (uint8_t)roll(left < 8 ? left : 8);
	}
	return f;
}

/* Programs of up to sixty instructions, of every kind. */
static void test_random_programs(void **state)
{
	struct sock_filter prog[BPF_MEMWORDS + 64];
	unsigned int round, matching = 0, words, i, n;
	char what[64];

	for (round = 0; round < 1500; round++) {
		enum bpf_prog_type type = types[round % 3];
		int fd;

		words = roll(3) ? roll(8) : roll(BPF_MEMWORDS + 1);
		/* libpcap's interpreter has nothing certain in M at first. */
		for (i = 0; i < words; i++)
			prog[i] = (struct sock_filter)BPF_STMT(BPF_ST, word(i));
		n = words + 3 + roll(58);
		for (; i + 2 < n; i++)
			prog[i] = any_instruction(n - 2 - i, words);
		/* A as it is would nearly always match. */
		prog[n - 2] = any_instruction(1, words);
		if (roll(3))
			prog[n - 2] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K,
								   1 + roll(255));
		prog[n - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
		assert_true(bpf_validate(prog, (int)n));
		fd = load(prog, n, type, false);
		snprintf(what, sizeof(what), "random program %u", round);
		if (fd < 0)
			fail_msg("%s is not loaded: %d", what, fd);
		i = compare(fd, prog, what);
		matching += i > 0 && i < PACKETS;
		close(fd);
	}
	assert_in_range(matching, 200, UINT32_MAX);
}

static void refuse(const struct sock_filter *prog, unsigned int n, int err)
{
	struct bpf_insn out[64];

	assert_int_equal(cbpf_translate(prog, n, out, 64), err);
}

static void test_refused(void **state)
{
	static const struct sock_filter end = BPF_STMT(BPF_RET | BPF_K, 1);
	const struct sock_filter far[] = {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), end};
	const struct sock_filter open[] = {BPF_STMT(BPF_MISC | BPF_TAX, 0)};
	const struct sock_filter back[] = {BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), end};
	const struct sock_filter zero[] = {BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), end};
	const struct sock_filter word[] = {BPF_STMT(BPF_ST, 16), end};
	const struct sock_filter odd[] = {{0xffff, 0, 0, 0}, end};
	struct sock_filter many[200];

	refuse(&end, 0, -ENOTSUP);
	refuse(far, 2, -ENOTSUP);
	refuse(open, 1, -ENOTSUP);
	refuse(back, 2, -ENOTSUP);
	refuse(zero, 2, -ENOTSUP);
	refuse(word, 2, -ENOTSUP);
	refuse(odd, 2, -ENOTSUP);
	for (unsigned int i = 0; i < 200; i++)
		many[i] = i < 199 ? open[0] : end;
	refuse(many, 200, -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expressions),
		cmocka_unit_test(test_random_programs),
		cmocka_unit_test(test_refused),
	};

	return RUN_BPF_TESTS(tests, RUN_CAPS, make_packets);
}
