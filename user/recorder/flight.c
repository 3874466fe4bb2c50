// SPDX-License-Identifier: GPL-2.0-only
#include "flight.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uthash.h>

#include "comment.h"

enum {
	CONN_MAX = 1 << 20,
	NAME_ROOM = 96,
	COMMENTS_MAX = 2 * COMMENT_MARKS,
};

/* A packet with its note, or a note alone: the bytes stand behind it. */
struct kept {
	struct kept *next;		  /* of its connection */
	struct kept *newer, *older;	  /* of all */
	struct kept_conn *conn;
	size_t size; /* of the whole allocation */
	uint64_t frame; /* 0: a note alone */
	struct saved_packet packet;
	uint8_t bytes[]; /* packet, note */
};

struct kept_conn {
	uint64_t stream;
	struct kept *head, *tail; /* oldest first */
	size_t bytes;
	UT_hash_handle hh;
};

struct flight {
	struct flight_options opt;
	struct counters *cnt;
	struct kept *oldest, *newest;
	struct kept_conn *conns; /* by stream */
	struct kept *staged;	 /* in no list yet; NULL: none */
	size_t bytes;
	uint64_t number; /* of transactions that were saved */
	char (*files)[NAME_ROOM]; /* the newest max_files, by number */
	struct buf comments;
	struct view view;
	int err; /* the first */
	struct diag diag;
	uint8_t note[NOTE_MAX];
};

/* --- what is kept ---------------------------------------------------------------------------- */

static void unlink_oldest_of(struct flight *fl, struct kept_conn *conn)
{
	struct kept *k = conn->head;

	conn->head = k->next;
	if (!conn->head)
		conn->tail = NULL;
	*(k->older ? &k->older->newer : &fl->oldest) = k->newer;
	*(k->newer ? &k->newer->older : &fl->newest) = k->older;
	conn->bytes -= k->size;
	fl->bytes -= k->size;
	free(k);
}

static void drop_oldest_of(struct flight *fl, struct kept_conn *conn)
{
	unlink_oldest_of(fl, conn);
	if (conn->head)
		return;
	HASH_DEL(fl->conns, conn);
	fl->bytes -= sizeof(*conn);
	free(conn);
}

static struct kept_conn *find_conn(struct flight *fl, uint64_t stream)
{
	struct kept_conn *conn;

	HASH_FIND(hh, fl->conns, &stream, sizeof(stream), conn);
	return conn;
}

static struct kept_conn *conn_of(struct flight *fl, uint64_t stream)
{
	struct kept_conn *conn = find_conn(fl, stream);

	if (conn)
		return conn;
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return NULL;
	conn->stream = stream;
	HASH_ADD(hh, fl->conns, stream, sizeof(conn->stream), conn);
	fl->bytes += sizeof(*conn);
	return conn;
}

static void keep(struct flight *fl, struct kept_conn *conn, struct kept *k)
{
	k->conn = conn;
	k->next = NULL;
	*(conn->tail ? &conn->tail->next : &conn->head) = k;
	conn->tail = k;
	k->newer = NULL;
	k->older = fl->newest;
	*(fl->newest ? &fl->newest->newer : &fl->oldest) = k;
	fl->newest = k;
	conn->bytes += k->size;
	fl->bytes += k->size;
	while (conn->bytes > CONN_MAX && conn->head != k)
		unlink_oldest_of(fl, conn);
	while (fl->bytes > fl->opt.max_bytes && fl->oldest != k)
		drop_oldest_of(fl, fl->oldest->conn);
}

static void stage(struct flight *fl, uint64_t frame, const struct saved_packet *p)
{
	size_t size = sizeof(*fl->staged) + p->cap + p->note_len;

	free(fl->staged);
	fl->staged = malloc(size);
	if (!fl->staged) {
		fl->cnt->memory_dropped++;
		return;
	}
	fl->staged->size = size;
	fl->staged->frame = frame;
	fl->staged->packet = *p;
	fl->staged->packet.pkt = fl->staged->bytes;
	fl->staged->packet.note = fl->staged->bytes + p->cap;
	if (p->cap)
		memcpy(fl->staged->bytes, p->pkt, p->cap);
	if (p->note_len)
		memcpy(fl->staged->bytes + p->cap, p->note, p->note_len);
}

void flight_begin(struct flight *fl, const struct segment *seg)
{
	struct saved_packet p;

	saved_packet_make(&p, &fl->opt.env, seg, fl->note);
	stage(fl, seg->frame, &p);
}

void flight_begin_note(struct flight *fl, const struct note *n)
{
	struct saved_packet p = {.note = fl->note};

	p.note_len = note_write(fl->note, n);
	stage(fl, 0, &p);
}

void flight_end(struct flight *fl, bool known, uint64_t stream)
{
	struct kept_conn *conn = known && fl->staged ? conn_of(fl, stream) : NULL;

	if (conn)
		keep(fl, conn, fl->staged);
	else
		free(fl->staged);
	fl->staged = NULL;
}

/* --- files ------------------------------------------------------------------------------------ */

static void note_error(struct flight *fl, int err)
{
	if (!fl->err)
		fl->err = err;
}

/* UTC, for the names to sort by time: httplat-20261126T235739.123456Z-3-1.pcapng */
static void name_file(const struct flight *fl, char name[NAME_ROOM])
{
	const struct view *v = &fl->view;
	time_t when = (time_t)(v->time_ns / 1000000000);
	char date[32] = "";
	struct tm tm;

	if (gmtime_r(&when, &tm))
		strftime(date, sizeof(date), "%Y%m%dT%H%M%S", &tm);
	snprintf(name, NAME_ROOM, "httplat-%s.%06" PRId64 "Z-%" PRIu64 "-%" PRIu64 ".pcapng", date,
		 v->time_ns % 1000000000 / 1000, v->tx->stream, v->tx->stream_request);
}

static void path_of(const struct flight *fl, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", fl->opt.dir, name);
}

static void write_kept(struct flight *fl, struct savefile *sf, const struct kept *k)
{
	const char *comments[COMMENTS_MAX + 1] = {NULL};
	struct comment_mark marks[COMMENT_MARKS];
	unsigned int cnt = comment_marks(fl->view.tx, marks), n = 0, i;
	struct pcapng_room none;
	size_t at = 0;

	if (!k->frame) {
		savefile_note(sf, k->packet.note, k->packet.note_len);
		return;
	}
	buf_reset(&fl->comments);
	for (i = 0; i < cnt; i++)
		if (marks[i].frame == k->frame)
			comment_add(&fl->comments, marks[i].what, fl->number, &fl->view);
	for (; at < fl->comments.len; at += strlen(comments[n++]) + 1)
		comments[n] = fl->comments.ptr + at;
	savefile_packet(sf, &k->packet, comments, 0, &none);
}

/* From its first packet on; what was said beside packets goes with them. False: that packet is
 * gone. */
static bool write_packets(struct flight *fl, struct savefile *sf, bool current)
{
	const struct message *req = &fl->view.tx->req;
	uint64_t from = req->seen ? req->first_frame : fl->view.tx->resp.first_frame;
	const struct kept_conn *conn = find_conn(fl, fl->view.tx->stream);
	const struct kept *k = conn ? conn->head : NULL;
	bool whole = false;

	for (; k && k->frame < from; k = k->next)
		;
	for (; k; k = k->next) {
		whole |= k->frame == from;
		write_kept(fl, sf, k);
	}
	if (current && fl->staged) {
		whole |= fl->staged->frame == from;
		write_kept(fl, sf, fl->staged);
	}
	return whole;
}

/* Only the newest max_files stay. */
static void make_place(struct flight *fl, const char *name)
{
	char *slot = fl->files[fl->number % fl->opt.max_files], path[4096];

	if (*slot && strcmp(slot, name) != 0) {
		path_of(fl, slot, path, sizeof(path));
		unlink(path);
	}
	memcpy(slot, name, NAME_ROOM);
}

void flight_save(struct flight *fl, const struct transaction *tx, const struct owner_names *names,
		 bool current)
{
	const struct savefile_env *env = &fl->opt.env;
	int64_t offset = env->clock ? wallclock_offset(env->clock, view_start_ns(tx)) : 0;
	char name[NAME_ROOM] = "", path[4096];
	struct savefile *sf;
	int err;

	if (fl->err) /* the run is about to end */
		return;
	if (view_make(&fl->view, tx, names, offset, fl->opt.redact)) {
		fl->cnt->memory_dropped++;
		return;
	}
	fl->number++;
	name_file(fl, name);
	make_place(fl, name);
	path_of(fl, name, path, sizeof(path));
	err = savefile_open(path, env, &sf, &fl->diag);
	if (err) {
		note_error(fl, err);
		return;
	}
	if (names)
		savefile_names(sf, tx, names);
	fl->cnt->saved++;
	fl->cnt->saved_cut += !write_packets(fl, sf, current);
	note_error(fl, savefile_close(sf, &fl->diag));
}

int flight_open(const struct flight_options *opt, struct counters *cnt, struct flight **out,
		struct diag *d)
{
	struct flight *fl = calloc(1, sizeof(*fl));
	int err = 0;

	if (fl)
		fl->files = calloc(opt->max_files, sizeof(*fl->files));
	if (!fl || !fl->files)
		err = diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	else if (mkdir(opt->dir, 0700) && errno != EEXIST)
		err = diag_set(d, EXIT_RUNTIME, -errno, "cannot make '%.200s': %s", opt->dir,
			       strerror(errno));
	else if (access(opt->dir, W_OK | X_OK))
		err = diag_set(d, EXIT_RUNTIME, -errno, "cannot write into '%.200s': %s", opt->dir,
			       strerror(errno));
	if (err) {
		flight_close(fl, NULL);
		return err;
	}
	fl->opt = *opt;
	fl->cnt = cnt;
	*out = fl;
	return 0;
}

int flight_error(const struct flight *fl)
{
	return fl->err;
}

int flight_close(struct flight *fl, struct diag *d)
{
	int err;

	if (!fl)
		return 0;
	while (fl->oldest)
		drop_oldest_of(fl, fl->oldest->conn);
	free(fl->staged);
	err = fl->err;
	if (err)
		diag_set(d, fl->diag.status, err, "%s", fl->diag.text);
	buf_free(&fl->comments);
	view_free(&fl->view);
	free(fl->files);
	free(fl);
	return err;
}
