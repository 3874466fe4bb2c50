// SPDX-License-Identifier: GPL-2.0-only
#include "saving.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recorder/flight.h"
#include "recorder/recorder.h"

/* Of --save-slow, unless -W, which with -C is about -w, says so. */
#define FLIGHT_FILES 1000

struct saving {
	struct recorder *recorder; /* NULL: no -w */
	struct flight *flight;	   /* NULL: no --save-slow */
	struct reqfilter kept;	   /* without --slow and --errors */
	uint64_t slow_ns;
	uint64_t frames;     /* live: numbered so far */
	bool live;
	bool frames_are_told; /* live: they are those of the one file that is written */
};

/* -r FILE -w FILE would empty it before it is read. */
static int check_same(const struct options *opt, struct diag *d)
{
	struct stat in, out;

	if (!opt->read_file || stat(opt->read_file, &in) || stat(opt->write_file, &out) ||
	    in.st_dev != out.st_dev || in.st_ino != out.st_ino)
		return 0;
	return diag_set(d, EXIT_USAGE, -EINVAL, "-w: '%.200s' is the file that -r reads",
			opt->write_file);
}

static int open_recorder(struct saving *s, const struct options *opt,
			 const struct savefile_env *env, struct counters *cnt, struct diag *d)
{
	const struct recorder_options ro = {
		.path = opt->write_file,
		.max_bytes = opt->write_size,
		.max_files = opt->write_size ? opt->write_files : 0,
		.redact = opt->redact,
		.env = *env,
	};
	int err = check_same(opt, d);

	if (!strcmp(opt->write_file, "-") && isatty(STDOUT_FILENO))
		return diag_set(d, EXIT_USAGE, -EINVAL,
				"-w -: standard output is a terminal; add `| wireshark -k -i -`");
	return err ? err : recorder_open(&ro, cnt, &s->recorder, d);
}

static int open_flight(struct saving *s, const struct options *opt, const struct savefile_env *env,
		       struct counters *cnt, struct diag *d)
{
	const struct flight_options fo = {
		.dir = opt->save_slow,
		.max_bytes = opt->max_memory,
		.max_files = opt->write_files && !opt->write_size ? opt->write_files : FLIGHT_FILES,
		.redact = opt->redact,
		.env = *env,
	};

	s->kept = opt->requests;
	s->slow_ns = opt->requests.slow_ns;
	s->kept.slow_ns = 0;
	s->kept.errors = false;
	return flight_open(&fo, cnt, &s->flight, d);
}

int saving_open(const struct options *opt, const struct saving_env *env, struct counters *cnt,
		struct saving **out, struct diag *d)
{
	static const char *const descriptions[] = {
		[HOOK_UNKNOWN] = "httplat",
		[HOOK_CGROUP] = "httplat: every local socket (cgroup hook)",
		[HOOK_TC] = "httplat: tc hook",
		[HOOK_SOCKET] = "httplat: socket hook",
		[HOOK_FILE] = "httplat: from a capture file",
	};
	const struct savefile_env file_env = {
		.clock = env->clock,
		.sees_reads = env->sees_reads,
		.names_interfaces = env->live && env->hook != HOOK_CGROUP && !opt->netns,
		.description = descriptions[env->hook],
	};
	struct saving *s;
	int err = 0;

	*out = NULL;
	if (!opt->write_file && !opt->save_slow)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	s->live = env->live;
	s->frames_are_told = opt->write_file && !opt->write_size;
	if (opt->write_file)
		err = open_recorder(s, opt, &file_env, cnt, d);
	if (!err && opt->save_slow)
		err = open_flight(s, opt, &file_env, cnt, d);
	if (err)
		saving_close(s, NULL);
	else
		*out = s;
	return err;
}

/* --- what enters the middle ------------------------------------------------------------------ */

static void end_flight(struct saving *s, const struct flow_table *ft)
{
	uint64_t stream = 0;
	bool known = flow_current(ft, &stream);

	flight_end(s->flight, known, stream);
}

void saving_segment(struct saving *s, struct flow_table *ft, const struct segment *seg)
{
	struct segment numbered;

	if (!s) {
		flow_push(ft, seg);
		return;
	}
	numbered = *seg;
	if (s->live)
		numbered.frame = ++s->frames;
	if (s->recorder)
		recorder_begin(s->recorder, &numbered);
	if (s->flight)
		flight_begin(s->flight, &numbered);
	flow_push(ft, &numbered);
	if (s->recorder)
		recorder_packet(s->recorder, &numbered);
	if (s->flight)
		end_flight(s, ft);
}

static void begin_note(struct saving *s, const struct note *n)
{
	if (s->recorder)
		recorder_begin(s->recorder, NULL);
	if (s->flight)
		flight_begin_note(s->flight, n);
}

static void end_note(struct saving *s, const struct flow_table *ft, const struct note *n)
{
	if (s->recorder)
		recorder_note(s->recorder, n);
	if (s->flight)
		end_flight(s, ft);
}

void saving_owner(struct saving *s, struct flow_table *ft, const struct note_owner *owner)
{
	const struct note n = {.kind = NOTE_OWNER, .owner = *owner};

	if (s)
		begin_note(s, &n);
	flow_owner(ft, owner->cookie, &owner->local, &owner->remote, &owner->owner);
	if (s)
		end_note(s, ft, &n);
}

void saving_read(struct saving *s, struct flow_table *ft, const struct reading *reading)
{
	const struct note n = {.kind = NOTE_READ, .read = *reading};

	if (s)
		begin_note(s, &n);
	flow_read(ft, reading);
	if (s)
		end_note(s, ft, &n);
}

/* --- transactions
 * ------------------------------------------------------------------------------ */

bool saving_needs_names(const struct saving *s)
{
	return s && s->recorder;
}

bool saving_wants(const struct saving *s, const struct transaction *tx)
{
	if (!s || !s->flight || !reqfilter_match(&s->kept, tx))
		return false;
	return (tx->has_latency && tx->latency_ns >= s->slow_ns) || reqfilter_is_error(tx);
}

/* The kernel will not tell when the recording is read. */
static void tell_owner(struct saving *s, const struct transaction *tx)
{
	bool client = tx->side == SIDE_CLIENT;
	const struct note n = {
		.kind = NOTE_OWNER,
		.owner = {tx->cookie, client ? tx->client : tx->server,
			  client ? tx->server : tx->client, tx->owner},
	};

	if (s->recorder)
		recorder_note(s->recorder, &n);
}

void saving_transaction(struct saving *s, const struct flow_table *ft, struct transaction *tx,
			const struct owner_names *names, bool found, bool shown, bool kept)
{
	uint64_t stream;

	if (!s)
		return;
	if (found)
		tell_owner(s, tx);
	if (s->recorder)
		recorder_transaction(s->recorder, tx, names, shown);
	if (kept)
		flight_save(s->flight, tx, names,
			    flow_current(ft, &stream) && stream == tx->stream);
	if (s->live && !s->frames_are_told) {
		tx->req.first_frame = tx->req.last_frame = 0;
		tx->resp.first_frame = tx->resp.last_frame = 0;
	}
}

int saving_flush(struct saving *s)
{
	int err = s && s->recorder ? recorder_flush(s->recorder) : 0;

	return !err && s && s->flight ? flight_error(s->flight) : err;
}

int saving_close(struct saving *s, struct diag *d)
{
	int err, flight_err;

	if (!s)
		return 0;
	err = recorder_close(s->recorder, d);
	flight_err = flight_close(s->flight, d);
	free(s);
	return err ? err : flight_err;
}
