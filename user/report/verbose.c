// SPDX-License-Identifier: GPL-2.0-only
#include "verbose.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "tcp_fields.h"
#include "view.h"

enum { TIME_MAX = 64 };

/* RFC 3339 in UTC, or only the time of day; with nanoseconds. Empty when no calendar has it. */
static void time_text(const struct segment *seg, int64_t clock_offset_ns, bool day_only,
		      char buf[TIME_MAX])
{
	int64_t ns = (int64_t)seg->time_ns + clock_offset_ns;
	time_t second = (time_t)(ns / 1000000000);
	struct tm tm;
	size_t len;

	buf[0] = '\0';
	if (ns < 0 || !gmtime_r(&second, &tm))
		return;
	len = strftime(buf, TIME_MAX, day_only ? "%H:%M:%S" : "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + len, TIME_MAX - len, ".%09" PRId64 "%s", ns % 1000000000,
		 day_only ? "" : "Z");
}

static void print_endpoint(FILE *out, const struct endpoint *ep)
{
	char addr[VIEW_ADDRESS_MAX];

	view_address(ep, addr);
	fprintf(out, strchr(addr, ':') ? "[%s]:%u" : "%s:%u", addr, ep->port);
}

static void print_options(FILE *out, const struct segment *seg)
{
	char text[TCP_OPTION_TEXT_MAX];
	struct tcp_option opt;
	uint32_t pos = 0;
	const char *before = " opts ";
	int err;

	while ((err = tcp_next_option(seg, &pos, &opt)) > 0) {
		fprintf(out, "%s%s", before, tcp_option_text(&opt, text));
		before = ",";
	}
	if (err)
		fprintf(out, "%sbad-length", before);
}

static int stream_error(FILE *out)
{
	return ferror(out) ? (errno ? -errno : -EIO) : 0;
}

int verbose_print(FILE *out, const struct segment *seg, int64_t clock_offset_ns)
{
	static const char *const arrows[] = {
		[SEG_DIR_UNKNOWN] = "",
		[SEG_DIR_INGRESS] = "in ",
		[SEG_DIR_EGRESS] = "out ",
	};
	char when[TIME_MAX], flags[TCP_FLAGS_TEXT_MAX];

	time_text(seg, clock_offset_ns, true, when);
	fprintf(out, "%s ", when);
	if (seg->frame)
		fprintf(out, "#%" PRIu64 " ", seg->frame);
	fputs(arrows[seg->dir], out);
	print_endpoint(out, &seg->src);
	fputs(" > ", out);
	print_endpoint(out, &seg->dst);
	fprintf(out, " [%s] seq %u ack %u hdr %u win %u sum 0x%04x %s urg %u",
		tcp_flags_text(seg->flags, flags), seg->seq, seg->ack, seg->tcp_hdr_len,
		seg->window, seg->checksum, tcp_checksum_name(decode_checksum(seg)), seg->urgent);
	print_options(out, seg);
	fprintf(out, " len %u", seg->payload_len);
	if (seg->payload_cap < seg->payload_len)
		fprintf(out, " (%u captured)", seg->payload_cap);
	fputc('\n', out);
	return stream_error(out);
}

static void json_packet(struct jsonout *o, const struct segment *seg, int64_t clock_offset_ns)
{
	char when[TIME_MAX], addr[VIEW_ADDRESS_MAX];

	time_text(seg, clock_offset_ns, false, when);
	if (when[0])
		jsonout_put_string(o, "time", when);
	if (seg->frame)
		jsonout_put_u64(o, "frame.number", seg->frame);
	if (seg->dir != SEG_DIR_UNKNOWN)
		jsonout_put_string(o, "direction",
				seg->dir == SEG_DIR_INGRESS ? "ingress" : "egress");
	view_address(&seg->src, addr);
	jsonout_put_string(o, "source.address", addr);
	view_address(&seg->dst, addr);
	jsonout_put_string(o, "destination.address", addr);
}

int verbose_print_json(FILE *out, const struct segment *seg, int64_t clock_offset_ns)
{
	struct jsonout o = {0};
	int err;

	jsonout_open(&o, '{');
	json_packet(&o, seg, clock_offset_ns);
	tcp_fields_json(&o, seg);
	jsonout_put_u64(&o, "captured_len", seg->payload_cap);
	jsonout_close(&o, '}');
	err = jsonout_print(&o, out);
	jsonout_free(&o);
	return err;
}
