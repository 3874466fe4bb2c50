// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_capture.c - any bytes as a capture file, all the way to what is printed: both formats, link
 * layers, tunnels, fragments, the flow table, and its transactions and segments (-v) as text and as
 * JSON. What a recording of our own says beside its packets is part of it. The input is the file itself, so that
 * `httplat -r` reads what was found. It is read through a filter where 3 divides its length.
 *
 * A file that is refused is refused with a sentence. What is printed is safe for a terminal and UTF-8,
 * one line a record; every line of JSON is one object without a key twice. The pages of `top` are safe too, and
 * as wide as the window.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <yajl/yajl_parse.h>

#include "check.h"
#include "core/flow.h"
#include "file/file.h"
#include "file/frames.h"
#include "recorder/replay.h"
#include "report/cell.h"
#include "report/escape.h"
#include "report/report.h"
#include "report/top_ui.h"

#define MEMORY_MAX (4u << 20)
#define GAP_NS	   10000000000u
#define IDLE_NS	   600000000000u
/* Keys of one object, at every depth; the summary has the most. */
#define KEYS_MAX 128

/* What a report printed. */
struct output {
	FILE *file;
	char *text;
	size_t len;
};

struct printed {
	struct report *report;
	struct output out, err;
};

struct run {
	struct flow_table *flow;
	struct replay *replay;
	struct counters cnt;
	struct printed text, json, explain, table, top;
	struct top_model *model;
	uint64_t segments, told;
};

static const struct stats_options by_all = {
	.by = {STATS_ROUTE, STATS_HOST, STATS_METHOD, STATS_STATUS, STATS_PATH}, .by_cnt = 5};

static void output_open(struct output *o)
{
	o->file = open_memstream(&o->text, &o->len);
	demand(o->file);
}

static void printed_open(struct printed *p, struct report_options opt)
{
	output_open(&p->out);
	output_open(&p->err);
	opt.out = p->out.file;
	opt.err = p->err.file;
	p->report = report_new(&opt);
	demand(p->report);
}

static void printed_close(struct printed *p)
{
	report_free(p->report);
	fclose(p->out.file);
	fclose(p->err.file);
}

static void on_transaction(void *ctx, const struct transaction *tx)
{
	struct run *run = ctx;
	struct owner_names names;

	run->told++;
	check_transaction(tx);
	replay_names(run->replay, tx, &names);
	demand(report_transaction(run->text.report, tx, &names) == 0);
	demand(report_transaction(run->json.report, tx, &names) == 0);
	demand(report_transaction(run->explain.report, tx, &names) == 0);
	demand(report_transaction(run->table.report, tx, &names) == 0);
	demand(report_transaction(run->top.report, tx, &names) == 0);
}

static void on_note(void *ctx, const struct note *n)
{
	struct run *run = ctx;

	demand(replay_note(run->replay, n) == 0);
	if (n->kind == NOTE_OWNER)
		flow_owner(run->flow, n->owner.cookie, &n->owner.local, &n->owner.remote,
			   &n->owner.owner);
	else if (n->kind == NOTE_READ)
		flow_read(run->flow, &n->read);
}

static void on_segment(void *ctx, const struct segment *seg)
{
	struct run *run = ctx;

	run->segments++;
	check_segment(seg);
	demand(report_segment(run->text.report, seg) == 0);
	demand(report_segment(run->json.report, seg) == 0);
	flow_push(run->flow, seg);
}

static uint64_t before(uint64_t now_ns, uint64_t ago_ns)
{
	return now_ns > ago_ns ? now_ns - ago_ns : 0;
}

static void on_clock(void *ctx, uint64_t now_ns)
{
	struct run *run = ctx;

	flow_flush(run->flow, before(now_ns, GAP_NS), before(now_ns, IDLE_NS));
}

/*
 * The readers lend frames from a buffer that is larger, in which a read past a frame's end goes unseen. The
 * linker (--wrap) puts this between them and file.c: each frame is a block of the heap of its own.
 */
int __real_frames_next(struct frames *fr, struct frame *out, struct diag *d);
int __wrap_frames_next(struct frames *fr, struct frame *out, struct diag *d);

static uint8_t *frame_copy, *note_copy;

static uint8_t *copy_of(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len);

	demand(copy || !len);
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

static void free_copies(void)
{
	free(frame_copy);
	free(note_copy);
	frame_copy = note_copy = NULL;
}

int __wrap_frames_next(struct frames *fr, struct frame *out, struct diag *d)
{
	int res = __real_frames_next(fr, out, d);

	free_copies();
	if (res != 1)
		return res;
	out->data = frame_copy = copy_of(out->data, out->cap);
	if (out->note)
		out->note = note_copy = copy_of(out->note, out->note_len);
	return res;
}

static void read_capture(struct run *run, const uint8_t *data, size_t size)
{
	struct file_sink sink = {run, on_segment, on_clock, on_note};
	volatile sig_atomic_t stop = 0;
	struct file_source *fs;
	struct diag d = {0};
	char path[64];
	int fd = memfd_create("capture", MFD_CLOEXEC);

	demand(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (file_open(path, size % 3 ? NULL : "ip or ip6", &run->cnt, &fs, &d) == 0) {
		demand(file_read(fs, &sink, &stop, &d) == 0 || d.text[0]);
		file_close(fs);
		free_copies();
	} else {
		demand(d.text[0]);
	}
	close(fd);
}

/* --- what was printed ------------------------------------------------------------------------ */

/* Bytes that a terminal could take for commands, or that reorder what it shows. */
static bool is_harmful(uint32_t cp)
{
	return (cp < 0x20 && cp != '\n') || (cp >= 0x7f && cp <= 0x9f) ||
	       (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
}

/* Returns the number of lines. */
static uint64_t check_safe(const struct output *o)
{
	uint64_t lines = 0;
	unsigned int n;
	size_t at;
	uint32_t cp;

	demand(!o->len || o->text[o->len - 1] == '\n');
	for (at = 0; at < o->len; at += n) {
		n = utf8_decode(o->text + at, o->len - at, &cp);
		demand(n > 0);
		demand(!is_harmful(cp));
		lines += cp == '\n';
	}
	return lines;
}

struct keys {
	unsigned int depth, cnt;
	struct key {
		unsigned int depth;
		const unsigned char *ptr;
		size_t len;
	} key[KEYS_MAX];
};

static int on_open(void *ctx)
{
	struct keys *keys = ctx;

	keys->depth++;
	return 1;
}

static int on_close(void *ctx)
{
	struct keys *keys = ctx;

	while (keys->cnt && keys->key[keys->cnt - 1].depth == keys->depth)
		keys->cnt--;
	keys->depth--;
	return 1;
}

/* Keys are ASCII without escapes, so yajl lends them from the line. */
static int on_key(void *ctx, const unsigned char *ptr, size_t len)
{
	struct keys *keys = ctx;
	struct key *other;
	unsigned int i;

	for (i = keys->cnt; i && keys->key[i - 1].depth == keys->depth; i--) {
		other = &keys->key[i - 1];
		demand(other->len != len || memcmp(other->ptr, ptr, len) != 0);
	}
	demand(keys->cnt < KEYS_MAX);
	keys->key[keys->cnt++] = (struct key){keys->depth, ptr, len};
	return 1;
}

static void check_object(const char *line, size_t len)
{
	/* Maps only; a number's callback would hold it against 64 signed bits. */
	static const yajl_callbacks callbacks = {
		.yajl_start_map = on_open,
		.yajl_map_key = on_key,
		.yajl_end_map = on_close,
	};
	struct keys keys = {0};
	yajl_handle parser = yajl_alloc(&callbacks, NULL, &keys);

	demand(parser);
	demand(line[0] == '{');
	demand(yajl_parse(parser, (const unsigned char *)line, len) == yajl_status_ok);
	demand(yajl_complete_parse(parser) == yajl_status_ok);
	yajl_free(parser);
}

static void check_json(const struct output *o)
{
	const char *line = o->text, *end;

	for (; line < o->text + o->len; line = end + 1) {
		end = memchr(line, '\n', (size_t)(o->text + o->len - line));
		check_object(line, (size_t)(end - line));
	}
}

static void check_output(struct run *run)
{
	uint64_t header = run->told > 0;

	demand(check_safe(&run->text.out) == run->segments + run->told + header);
	demand(check_safe(&run->json.out) == run->segments + run->told + 1);
	demand(!run->told == !check_safe(&run->explain.out));
	demand(!run->told == !check_safe(&run->table.out));
	demand(check_safe(&run->text.err) > 0);
	demand(check_safe(&run->json.err) > 0);
	check_json(&run->json.out);
}

/* --- top -------------------------------------------------------------------------------------- */

static void check_page(struct top_ui *ui, unsigned int cols, unsigned int rows)
{
	const struct top_line *lines = top_ui_draw(ui, cols, rows);

	demand(lines);
	for (unsigned int i = 0; i < rows; i++) {
		const struct buf *b = &lines[i].text;
		unsigned int n;
		uint32_t cp;

		demand(cell_width(b->ptr, b->len) <= cols);
		for (size_t at = 0; at < b->len; at += n) {
			n = utf8_decode(b->ptr + at, b->len - at, &cp);
			demand(n > 0);
			demand(!is_harmful(cp) && cp != '\n');
		}
	}
}

/* The table, its first row, that one's last request; then other keys, from the history. */
static void check_pages(struct run *run)
{
	/* Not 'q': where there is no row it would be the table's. */
	static const unsigned int keys[] = {
		TOP_KEY_ENTER, TOP_KEY_ENTER, TOP_KEY_ESCAPE, TOP_KEY_ESCAPE,
		'g',	       TOP_KEY_UP,    TOP_KEY_ENTER,  TOP_KEY_ENTER,
	};
	const struct top_status status = {.source = "", .cnt = &run->cnt};
	struct top_ui *ui = top_ui_new(run->model);

	demand(ui);
	top_ui_status(ui, &status, true);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		check_page(ui, 80, 24);
		demand(top_ui_key(ui, keys[i]) == TOP_NOTHING);
	}
	check_page(ui, 31, 40);
	top_ui_free(ui);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = {0};
	struct flow_sink sink = {&run, on_transaction, NULL};
	struct flow_config config = flow_config_default;
	const struct wallclock *clock;

	setenv("TZ", "UTC", 1);
	config.max_memory = MEMORY_MAX;
	config.max_conn_memory = MEMORY_MAX / 4;
	run.flow = flow_table_new(&config, &sink, &run.cnt);
	demand(run.flow);
	run.replay = replay_new();
	demand(run.replay);
	clock = replay_clock(run.replay);
	printed_open(&run.text, (struct report_options){
					.format = REPORT_TEXT, .owners = true, .clock = clock});
	printed_open(&run.json, (struct report_options){
					.format = REPORT_JSON, .redact = true, .clock = clock});
	printed_open(&run.explain, (struct report_options){.explain = true});
	printed_open(&run.table,
		     (struct report_options){.stats = &by_all, .histogram = true, .heat = true});
	run.model = top_model_new(&by_all, false, MEMORY_MAX);
	demand(run.model);
	printed_open(&run.top, (struct report_options){.top = run.model, .redact = size % 2});

	read_capture(&run, data, size);
	flow_finish(run.flow);
	check_counts(&run.cnt, run.told);
	demand(run.cnt.segments == run.segments);
	demand(report_summary(run.text.report, &run.cnt, NULL) == 0);
	demand(report_summary(run.json.report, &run.cnt, NULL) == 0);
	demand(report_summary(run.explain.report, &run.cnt, NULL) == 0);
	demand(report_summary(run.table.report, &run.cnt, NULL) == 0);
	check_pages(&run);

	printed_close(&run.text);
	printed_close(&run.json);
	printed_close(&run.explain);
	printed_close(&run.table);
	printed_close(&run.top);
	check_output(&run);
	free(run.text.out.text);
	free(run.text.err.text);
	free(run.json.out.text);
	free(run.json.err.text);
	free(run.explain.out.text);
	free(run.explain.err.text);
	free(run.table.out.text);
	free(run.table.err.text);
	free(run.top.out.text);
	free(run.top.err.text);
	top_model_free(run.model);
	flow_table_free(run.flow);
	replay_free(run.replay);
	return 0;
}
