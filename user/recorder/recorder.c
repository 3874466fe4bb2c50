// SPDX-License-Identifier: GPL-2.0-only
#include "recorder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comment.h"

enum {
	ROOM = 400,	  /* a comment with all its parts; packets with payload have it once */
	SLOTS = 1 << 17,  /* packets that can still get comments, at most */
	STAGED_MAX = 8,	  /* comments on one packet that are known when it is written */
	PATH_ROOM = 4096, /* PATH_MAX */
};

/* A packet that was written. */
struct slot {
	uint64_t frame;
	uint32_t file; /* number of its file */
	struct pcapng_room room;
};

struct recorder {
	struct recorder_options opt;
	struct counters *cnt;
	struct savefile *file, *previous; /* file NULL: the next one could not be opened */
	uint32_t number;		  /* of `file`, from 0 on */
	uint64_t fresh;			  /* its size when it was opened */
	uint64_t transactions;
	uint64_t staged; /* the frame that the middle is taking; 0: none */
	struct buf comments; /* on that frame, each with its NUL */
	struct buf text;
	struct view view;
	int err; /* the first */
	struct diag diag;
	uint8_t note[NOTE_MAX];
	struct slot slots[SLOTS];
};

/* --- files ------------------------------------------------------------------------------------ */

static void note_error(struct recorder *rec, int err)
{
	if (!rec->err)
		rec->err = err;
}

static unsigned int digits(uint32_t n)
{
	return (unsigned int)snprintf(NULL, 0, "%" PRIu32, n);
}

static void name_file(const struct recorder *rec, char path[PATH_ROOM])
{
	const struct recorder_options *o = &rec->opt;

	if (o->max_files)
		snprintf(path, PATH_ROOM, "%s%0*" PRIu32, o->path, (int)digits(o->max_files - 1),
			 rec->number % o->max_files);
	else if (rec->number)
		snprintf(path, PATH_ROOM, "%s%" PRIu32, o->path, rec->number);
	else
		snprintf(path, PATH_ROOM, "%s", o->path);
}

static int open_file(struct recorder *rec, struct diag *d)
{
	char path[PATH_ROOM];
	int err;

	name_file(rec, path);
	err = savefile_open(path, &rec->opt.env, &rec->file, d);
	if (!err)
		rec->fresh = savefile_size(rec->file);
	return err;
}

/* Of a ring of one file the previous one is the one that is written anew. */
static void next_file(struct recorder *rec)
{
	bool keep = rec->opt.max_files != 1;

	note_error(rec, savefile_close(rec->previous, &rec->diag));
	rec->previous = rec->file;
	if (!keep) {
		note_error(rec, savefile_close(rec->file, &rec->diag));
		rec->previous = NULL;
	} else {
		note_error(rec, savefile_flush(rec->file));
	}
	rec->file = NULL;
	rec->number++;
	note_error(rec, open_file(rec, &rec->diag));
}

int recorder_open(const struct recorder_options *opt, struct counters *cnt, struct recorder **out,
		  struct diag *d)
{
	struct recorder *rec = calloc(1, sizeof(*rec));
	int err;

	if (!rec)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	rec->opt = *opt;
	rec->cnt = cnt;
	err = open_file(rec, d);
	if (err) {
		recorder_close(rec, NULL);
		return err;
	}
	*out = rec;
	return 0;
}

/* --- packets ---------------------------------------------------------------------------------- */

/* Options and the block's own fields; more than they are. */
static uint64_t size_of(const struct segment *seg)
{
	return seg->pkt_cap + 256 + ROOM;
}

void recorder_begin(struct recorder *rec, const struct segment *seg)
{
	rec->staged = seg ? seg->frame : 0;
	buf_reset(&rec->comments);
	if (!seg || !rec->file || !rec->opt.max_bytes)
		return;
	if (savefile_size(rec->file) > rec->fresh &&
	    savefile_size(rec->file) + size_of(seg) > rec->opt.max_bytes)
		next_file(rec);
}

void recorder_packet(struct recorder *rec, const struct segment *seg)
{
	const char *comments[STAGED_MAX + 1] = {NULL};
	struct slot *slot = &rec->slots[seg->frame % SLOTS];
	struct saved_packet p;
	unsigned int n = 0;
	size_t at;

	rec->staged = 0;
	if (!rec->file)
		return;
	for (at = 0; at < rec->comments.len && n < STAGED_MAX; n++) {
		comments[n] = rec->comments.ptr + at;
		at += strlen(comments[n]) + 1;
	}
	saved_packet_make(&p, &rec->opt.env, seg, rec->note);
	*slot = (struct slot){.frame = seg->frame, .file = rec->number};
	savefile_packet(rec->file, &p, comments, seg->payload_len ? ROOM : 0, &slot->room);
	rec->cnt->recorded++;
	rec->cnt->comments_lost += at < rec->comments.len;
}

void recorder_note(struct recorder *rec, const struct note *n)
{
	if (rec->file && rec->opt.env.clock)
		savefile_note(rec->file, rec->note, note_write(rec->note, n));
}

/* --- transactions ------------------------------------------------------------------------------ */

/* The file that a packet is in, if comments can still be put there. */
static struct savefile *file_of(const struct recorder *rec, const struct slot *slot)
{
	if (slot->file == rec->number)
		return rec->file;
	return slot->file + 1 == rec->number ? rec->previous : NULL;
}

/* False: it has no room, or is too long ago. */
static bool comment_on(struct recorder *rec, const struct comment_mark *mark)
{
	struct slot *slot = &rec->slots[mark->frame % SLOTS];
	struct savefile *file = file_of(rec, slot);

	if (mark->frame == rec->staged) {
		comment_add(&rec->comments, mark->what, rec->transactions, &rec->view);
		return true;
	}
	if (slot->frame != mark->frame || !file)
		return false;
	buf_reset(&rec->text);
	comment_add(&rec->text, mark->what, rec->transactions, &rec->view);
	return !rec->text.failed && savefile_comment(file, &slot->room, rec->text.ptr);
}

void recorder_transaction(struct recorder *rec, const struct transaction *tx,
			  const struct owner_names *names, bool commented)
{
	const struct savefile_env *env = &rec->opt.env;
	struct comment_mark marks[COMMENT_MARKS];
	unsigned int i, cnt;

	if (!rec->file)
		return;
	if (names)
		savefile_names(rec->file, tx, names);
	if (!commented)
		return;
	rec->transactions++;
	if (view_make(&rec->view, tx, names,
		      env->clock ? wallclock_offset(env->clock, view_start_ns(tx)) : 0,
		      rec->opt.redact))
		return;
	cnt = comment_marks(tx, marks);
	for (i = 0; i < cnt; i++)
		rec->cnt->comments_lost += !comment_on(rec, &marks[i]);
}

int recorder_flush(struct recorder *rec)
{
	if (rec->file)
		note_error(rec, savefile_flush(rec->file));
	return rec->err;
}

int recorder_close(struct recorder *rec, struct diag *d)
{
	int err;

	if (!rec)
		return 0;
	note_error(rec, savefile_close(rec->previous, &rec->diag));
	note_error(rec, savefile_close(rec->file, &rec->diag));
	err = rec->err == -EPIPE ? 0 : rec->err;
	if (err)
		diag_set(d, rec->diag.status, err, "%s", rec->diag.text);
	buf_free(&rec->comments);
	buf_free(&rec->text);
	view_free(&rec->view);
	free(rec);
	return err;
}
