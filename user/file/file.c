// SPDX-License-Identifier: GPL-2.0-only
#include "file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "../core/decode.h"
#include "filter.h"
#include "frames.h"
#include "ipfrag.h"
#include "link.h"
#include "tunnel.h"

/* Packets in packets in packets: how deep to look. */
enum { NESTING_MAX = 8 };

struct file_source {
	struct frames *frames;
	struct filter *filter; /* NULL: every frame */
	struct ipfrag *ipfrag;
	struct counters *cnt;
	int64_t offset_ns; /* of a recording's clock, at the packet that is read */
	struct segment seg; /* of the packet that is read; its note is zero but for a recording's */
};

/* An expression that is wrong is to be found before anything is read. */
static int check_filter(struct file_source *fs, struct diag *d)
{
	uint32_t n, link_type;
	int err = 0;

	for (n = 0; !err && frames_link_type(fs->frames, n, &link_type); n++) {
		if (link_known(link_type))
			err = filter_add(fs->filter, link_type, d);
	}
	return err;
}

int file_open(const char *path, const char *filter, struct counters *cnt, struct file_source **out,
	      struct diag *d)
{
	struct file_source *fs = calloc(1, sizeof(*fs));
	int err;

	if (!fs)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	fs->cnt = cnt;
	err = frames_open(path, &fs->frames, d);
	if (err)
		goto fail;
	fs->ipfrag = ipfrag_new(cnt);
	if (filter)
		fs->filter = filter_new(filter);
	if (!fs->ipfrag || (filter && !fs->filter)) {
		err = diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
		goto fail;
	}
	if (filter) {
		err = check_filter(fs, d);
		if (err)
			goto fail;
	}
	*out = fs;
	return 0;
fail:
	file_close(fs);
	return err;
}

static void count_layer(struct counters *cnt, enum layer layer, bool tunnelled)
{
	switch (layer) {
	case LAYER_TRUNCATED:
		cnt->truncated_packets++;
		break;
	case LAYER_MALFORMED:
		cnt->malformed_packets++;
		break;
	case LAYER_UNKNOWN:
		cnt->link_unknown++;
		break;
	default:
		if (tunnelled)
			cnt->not_tcp++;
		else
			cnt->not_ip++;
		break;
	}
}

/* decode_ip(), with what is fragmented put together first: in place of *p then. Returns
 * DECODE_FRAGMENT when the rest of the datagram has yet to come. */
static enum decode_result whole_ip(struct file_source *fs, struct packet *p, uint64_t now_ns,
				   struct ip_info *info, bool *defragmented)
{
	struct ipfrag_packet whole;
	enum decode_result res = decode_ip(p->data, p->cap, p->len, info);

	if (res != DECODE_FRAGMENT)
		return res;
	fs->cnt->fragments++;
	if (!ipfrag_push(fs->ipfrag, p->data, p->cap, p->len, info, now_ns, &whole))
		return DECODE_FRAGMENT;
	*defragmented = true;
	p->data = whole.pkt;
	p->cap = whole.cap;
	p->len = whole.len;
	res = decode_ip(p->data, p->cap, p->len, info);
	/* Fragments of a fragment: nobody sends them. */
	return res == DECODE_FRAGMENT ? DECODE_MALFORMED : res;
}

/* Looks for the innermost TCP segment of a frame. False when there is none, which was counted. */
static bool find_segment(struct file_source *fs, const struct frame *frame, struct segment *seg)
{
	struct packet p = {
		.data = frame->data,
		.cap = frame->cap,
		.len = frame->len,
		.layer = LAYER_LINK,
		.type = frame->link_type,
	};
	struct ip_info info;
	enum decode_result res;
	enum layer layer;
	int depth;

	for (depth = 0; depth < NESTING_MAX; depth++) {
		layer = link_to_ip(&p);
		if (layer != LAYER_IP) {
			count_layer(fs->cnt, layer, depth > 0);
			return false;
		}
		res = whole_ip(fs, &p, frame->time_ns, &info, &seg->defragmented);
		if (res == DECODE_OK && info.proto == IPPROTO_TCP)
			res = decode_segment(p.data, p.cap, &info, seg);
		else if (res == DECODE_OK && tunnel_enter(&p, &info) != LAYER_NONE)
			continue;
		else if (res == DECODE_OK)
			res = DECODE_NOT_TCP;
		if (res != DECODE_FRAGMENT) /* counted as it came */
			decode_count(res, fs->cnt);
		return res == DECODE_OK;
	}
	fs->cnt->not_tcp++;
	return false;
}

static void take_note(struct file_source *fs, const struct file_sink *sink,
		      const struct frame *frame)
{
	struct note note;

	if (!note_read(frame->data, frame->cap, &note))
		return;
	if (note.kind == NOTE_CLOCK)
		fs->offset_ns = note.clock.offset_ns;
	if (sink->note)
		sink->note(sink->ctx, &note);
}

/* Begins the segment of a frame. It is large, and most of it stays as it is from one to the next. */
static struct segment *begin_segment(struct file_source *fs, const struct frame *frame)
{
	struct segment *seg = &fs->seg;

	seg->time_ns = frame->time_ns;
	seg->frame = frame->number;
	seg->hook = HOOK_FILE;
	seg->dir = SEG_DIR_UNKNOWN;
	seg->defragmented = false;
	return seg;
}

/* What the kernel knew of the packet, and its clock. A packet that another program has put in among them has wall
 * time only. */
static void annotate(const struct file_source *fs, const struct frame *frame, struct segment *seg)
{
	struct note_session session;
	struct note note;
	__int128 since;

	if (!frames_session(fs->frames, &session))
		return;
	memset(&seg->note, 0, sizeof(seg->note));
	if (!frame->note || !note_read(frame->note, frame->note_len, &note) ||
	    note.kind != NOTE_SEGMENT) {
		since = (__int128)seg->time_ns - fs->offset_ns;
		seg->time_ns = since < 0 ? 0 : since >> 61 ? (uint64_t)1 << 61 : (uint64_t)since;
		return;
	}
	seg->time_ns = note.segment.time_ns;
	seg->dir = note.segment.dir;
	seg->note = note.segment.note;
}

static int take_frame(struct file_source *fs, const struct file_sink *sink,
		      const struct frame *frame, struct diag *d)
{
	struct segment *seg = begin_segment(fs, frame);
	int match = 1;

	if (frame->is_note) {
		take_note(fs, sink, frame);
		return 0;
	}
	annotate(fs, frame, seg);
	fs->cnt->packets++;
	if (sink->clock)
		sink->clock(sink->ctx, seg->time_ns);
	if (fs->filter && link_known(frame->link_type))
		match = filter_match(fs->filter, frame, d);
	if (match < 0)
		return match;
	if (match == 0)
		fs->cnt->filtered_packets++;
	else if (find_segment(fs, frame, seg))
		sink->segment(sink->ctx, seg);
	return 0;
}

int file_read(struct file_source *fs, const struct file_sink *sink,
	      const volatile sig_atomic_t *stop, struct diag *d)
{
	struct frame frame;
	struct diag reading = {0};
	int err = 0;

	while (!err && !*stop) {
		err = frames_next(fs->frames, &frame, &reading);
		if (err <= 0)
			break;
		err = take_frame(fs, sink, &frame, &reading);
	}
	ipfrag_finish(fs->ipfrag);
	/* A signal also interrupts a read, which is no failure then. */
	if (err < 0 && !*stop)
		return diag_set(d, reading.status, err, "%s", reading.text);
	return 0;
}

bool file_session(const struct file_source *fs, struct note_session *out)
{
	return frames_session(fs->frames, out);
}

void file_progress(const struct file_source *fs, uint64_t *done, uint64_t *total)
{
	frames_progress(fs->frames, done, total);
}

void file_close(struct file_source *fs)
{
	if (!fs)
		return;
	frames_close(fs->frames);
	filter_free(fs->filter);
	ipfrag_free(fs->ipfrag);
	free(fs);
}
