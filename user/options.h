/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * options.h - the command line of `httplat [trace]`, `httplat stat` and `httplat top`.
 *
 * Parsing touches nothing outside: no file is opened, no interface looked up. What contradicts
 * itself is refused here, with the reason.
 */
#ifndef HTTPLAT_OPTIONS_H
#define HTTPLAT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/transaction.h"
#include "diag.h"
#include "failif.h"
#include "report/report.h"
#include "reqfilter.h"

#define OPTIONS_MAX_INTERFACES 64
#define OPTIONS_MAX_NAMES      64 /* of each kind */
#define OPTIONS_MAX_CONDITIONS 16
#define OPTIONS_MAX_HEADERS    16
#define OPTIONS_MAX_BODY       (64u << 10)
#define OPTIONS_MAX_HEADER_LEN 47 /* what core/http.c compares */

enum command {
	COMMAND_TRACE = 0,
	COMMAND_STAT,
	COMMAND_TOP,
};

struct options {
	enum command command;
	bool help, version; /* asked for: print it and do nothing else */

	/* where from */
	const char *read_file;				    /* "-": standard input; NULL: live */
	const char *interfaces[OPTIONS_MAX_INTERFACES + 1]; /* NULL-terminated */
	const char *netns;
	const char *btf_file;
	enum hook hook; /* HOOK_UNKNOWN: auto */
	const char *filter;
	uint32_t snaplen; /* 0: as needed */

	/* what */
	uint32_t pid; /* 0: any */
	bool follow;  /* and its descendants */
	bool by_uid;
	uint32_t uid;  /* with by_uid: effective */
	char comm[16]; /* "": any; the kernel keeps 15 bytes of a name */
	/* NULL-terminated; empty: any. Cgroups are paths or globs as in linux.cgroup.path, or where
	 * they are mounted. */
	const char *containers[OPTIONS_MAX_NAMES + 1];
	const char *pods[OPTIONS_MAX_NAMES + 1];
	const char *units[OPTIONS_MAX_NAMES + 1];
	const char *cgroups[OPTIONS_MAX_NAMES + 1];
	uint16_t port;	   /* 0: any */
	enum tx_side side; /* SIDE_UNKNOWN: any */
	struct reqfilter requests;

	/* how long */
	uint64_t duration_ns;	   /* 0: until interrupted */
	uint64_t count;		   /* 0: without limit */
	uint64_t until_slow_ns;	   /* until the first with this latency; 0: any */
	char *const *command_argv; /* run and traced, with its children; NULL: none */
	struct failif fail_if[OPTIONS_MAX_CONDITIONS];
	unsigned int fail_if_cnt;

	/* how shown */
	enum report_format format;
	bool explain, joined;			      /* text only */
	const char *har_file;			      /* NULL: none */
	const char *write_file;			      /* "-": standard output; NULL: none */
	uint64_t write_size;			      /* of each file; 0: without limit */
	uint32_t write_files;			      /* 0: without limit */
	const char *save_slow;			      /* a directory; NULL: none */
	const char *headers[OPTIONS_MAX_HEADERS + 1]; /* to show, lower case; NULL-terminated */
	uint32_t body_bytes;			      /* to show of each body; 0: none */
	struct stats_options stats;		      /* of `stat` and `top` */
	bool histogram, heat;
	uint64_t interval_ns; /* 0: one table, at the end; `top` has one always */
	bool redact;
	bool verbose;
	uint64_t gap_timeout_ns, idle_timeout_ns;
	uint64_t max_memory;
	uint64_t ring_bytes; /* 0: the default */
};

/*
 * Parses argv[1..argc). *out borrows strings from argv, whose order may be changed. 0; or -EINVAL
 * with the sentence in *d. Where getopt has printed the sentence itself (unknown option, missing
 * argument), d->text stays empty and only d->status is set.
 */
int options_parse(enum command command, int argc, char **argv, struct options *out, struct diag *d);

/* What --help prints, under 80 columns. */
void options_print_help(FILE *out);

#endif
