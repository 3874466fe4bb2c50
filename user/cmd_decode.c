// SPDX-License-Identifier: GPL-2.0-only
#include "cmd_decode.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/decode.h"
#include "diag.h"
#include "report/tcp_fields.h"

/* A header, and as much of a payload as somebody copies along with it. */
enum { BYTES_MAX = 65536, TCP_HDR_MIN = 20 };

struct input {
	uint8_t bytes[BYTES_MAX];
	uint32_t len;
	uint32_t digit_cnt;
};

static const char help[] =
	"Usage: httplat decode [-o text|json] [HEX]\n"
	"\n"
	"The fields of a TCP header that was copied as a hex stream (Wireshark: Copy, as\n"
	"a Hex Stream), from the source port on. Blanks, colons and 0x are ignored;\n"
	"without HEX, or with '-', it is read from standard input.\n"
	"\n"
	"  httplat decode 1f90f04f3747d146dcae23f3501831bf14ef0000\n";

/* --- hex --------------------------------------------------------------------------------------- */

static int digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes the digits of `text`, which goes on where the last one stopped. */
static int add_hex(struct input *in, const char *text, size_t len, struct diag *d)
{
	size_t i;
	int value;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (isspace(c) || strchr(":,-", c))
			continue;
		if (c == '0' && i + 1 < len && tolower((unsigned char)text[i + 1]) == 'x') {
			i++;
			continue;
		}
		value = digit(c);
		if (value < 0)
			return diag_set(d, EXIT_USAGE, -EINVAL,
					isprint(c) ? "'%c' (character %zu) is no hex digit"
						   : "byte 0x%02x (character %zu) is no hex digit",
					c, i + 1);
		if (in->digit_cnt == 2 * BYTES_MAX)
			return diag_set(d, EXIT_USAGE, -E2BIG, "more than %d bytes of hex",
					BYTES_MAX);
		if (in->digit_cnt % 2 == 0)
			in->bytes[in->len] = (uint8_t)(value << 4);
		else
			in->bytes[in->len++] |= (uint8_t)value;
		in->digit_cnt++;
	}
	return 0;
}

static int read_stdin(struct input *in, struct diag *d)
{
	char line[4096];
	int err = 0;

	while (!err && fgets(line, sizeof(line), stdin))
		err = add_hex(in, line, strlen(line), d);
	if (!err && ferror(stdin))
		err = diag_set(d, EXIT_RUNTIME, -errno, "cannot read standard input: %s",
			       strerror(errno));
	return err;
}

static int read_input(struct input *in, int argc, char **argv, struct diag *d)
{
	int err = 0;

	if (argc == 0 || (argc == 1 && strcmp(argv[0], "-") == 0))
		err = read_stdin(in, d);
	for (; !err && argc > 0 && strcmp(argv[0], "-") != 0; argc--, argv++)
		err = add_hex(in, argv[0], strlen(argv[0]), d);
	if (err)
		return err;
	if (in->digit_cnt % 2)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"%u hex digits do not make whole bytes: one is missing",
				in->digit_cnt);
	if (in->len < TCP_HDR_MIN)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"a TCP header has at least %d bytes, and this is %u: copy it from "
				"the source port on",
				TCP_HDR_MIN, in->len);
	return 0;
}

static int decode_input(const struct input *in, struct segment *seg, struct diag *d)
{
	uint32_t hdr_len;

	if (decode_tcp(in->bytes, in->len, in->len, seg) == DECODE_OK)
		return 0;
	hdr_len = (in->bytes[12] >> 4) * 4u;
	if (hdr_len < TCP_HDR_MIN)
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"this is no TCP header: it gives its own length as %u bytes, less "
				"than %d",
				hdr_len, TCP_HDR_MIN);
	return diag_set(
		d, EXIT_USAGE, -EINVAL,
		"the TCP header says that it has %u bytes, and this is %u: copy the options too",
		hdr_len, in->len);
}

/* --- output ------------------------------------------------------------------------------------ */

static void print_options(const struct segment *seg)
{
	char text[TCP_OPTION_TEXT_MAX];
	struct tcp_option opt;
	uint32_t pos = 0;
	int err;

	printf("Options: %u bytes\n", seg->tcp_hdr_len - TCP_HDR_MIN);
	while ((err = tcp_next_option(seg, &pos, &opt)) > 0)
		printf("    %s\n", tcp_option_text(&opt, text));
	if (err)
		printf("    the option at byte %u has an impossible length\n", pos + TCP_HDR_MIN);
}

static void print_text(const struct segment *seg)
{
	char flags[TCP_FLAGS_TEXT_MAX];
	const struct tcp_flag_name *flag;
	unsigned int n;

	printf("Source Port: %u\n", seg->src.port);
	printf("Destination Port: %u\n", seg->dst.port);
	printf("Sequence Number (raw): %u\n", seg->seq);
	printf("Acknowledgment Number (raw): %u\n", seg->ack);
	printf("Header Length: %u bytes\n", seg->tcp_hdr_len);
	printf("Flags: 0x%03x (%s)\n", seg->flags, tcp_flags_text(seg->flags, flags));
	for (n = 0; (flag = tcp_flag_name(n)); n++)
		printf("    %s (%s): %s\n", flag->title, flag->name,
		       seg->flags & flag->flag ? "Set" : "Not set");
	printf("Window: %u\n", seg->window);
	printf("Checksum: 0x%04x (%s: a header alone does not say between which addresses)\n",
	       seg->checksum, tcp_checksum_name(decode_checksum(seg)));
	printf("Urgent Pointer: %u\n", seg->urgent);
	print_options(seg);
	printf("Payload: %u bytes\n", seg->payload_len);
}

static void print_json(const struct segment *seg)
{
	struct jsonout o = {0};

	jsonout_open(&o, '{');
	tcp_fields_json(&o, seg);
	jsonout_close(&o, '}');
	jsonout_print(&o, stdout);
	jsonout_free(&o);
}

/* --- command line ------------------------------------------------------------------------------ */

struct decode_options {
	bool json, help;
};

static int parse(int argc, char **argv, struct decode_options *opt, struct diag *d)
{
	static const struct option longs[] = {
		{"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c;

	opterr = 0;
	optind = 0; /* start anew: the command line may have been looked at before */
	while ((c = getopt_long(argc, argv, "o:h", longs, NULL)) != -1) {
		if (c == 'h')
			opt->help = true;
		else if (c == 'o' && strcmp(optarg, "json") == 0)
			opt->json = true;
		else if (c != 'o' || strcmp(optarg, "text") != 0)
			return diag_set(
				d, EXIT_USAGE, -EINVAL,
				"decode takes hex and -o text or -o json; see httplat decode "
				"--help");
	}
	return 0;
}

static int finish(const struct diag *d, int err)
{
	if (err) {
		diag_print(d, "httplat decode");
		return d->status;
	}
	if (fflush(stdout) || ferror(stdout)) {
		if (errno == EPIPE) /* the reader has seen enough */
			return EXIT_DONE;
		fprintf(stderr, "httplat decode: cannot write: %s\n", strerror(errno));
		return EXIT_RUNTIME;
	}
	return EXIT_DONE;
}

int cmd_decode(int argc, char **argv)
{
	struct decode_options opt = {0};
	struct input in = {0};
	struct segment seg = {0};
	struct diag d = {0};
	int err = parse(argc, argv, &opt, &d);

	if (!err && opt.help) {
		fputs(help, stdout);
		return finish(&d, 0);
	}
	if (!err)
		err = read_input(&in, argc - optind, argv + optind, &d);
	if (!err)
		err = decode_input(&in, &seg, &d);
	if (!err && opt.json)
		print_json(&seg);
	else if (!err)
		print_text(&seg);
	return finish(&d, err);
}
