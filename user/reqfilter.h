/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reqfilter.h - which requests the user asked for, by what they were and what came of them: -m, --path,
 * --host, --status, --remote, --slow, --errors.
 *
 * Conditions of one kind are alternatives; a request matches when it matches each kind that was
 * given. What is not known does not match: a request without a response has no status.
 *
 * The parsers return 0, or -EINVAL with the sentence for the user in *d (EXIT_USAGE). They borrow
 * the text. Each value may be a list with commas, but for paths.
 */
#ifndef HTTPLAT_REQFILTER_H
#define HTTPLAT_REQFILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/transaction.h"
#include "diag.h"

#define REQFILTER_MAX 32 /* of each kind */

struct reqfilter_status {
	uint16_t low, high; /* inclusive */
};

struct reqfilter_net {
	uint8_t addr[16]; /* as in struct endpoint */
	uint8_t bits;	  /* of the 128 that count */
};

struct reqfilter {
	struct slice methods[REQFILTER_MAX], hosts[REQFILTER_MAX];
	const char *paths[REQFILTER_MAX];
	struct reqfilter_status statuses[REQFILTER_MAX];
	struct reqfilter_net remotes[REQFILTER_MAX];
	unsigned int method_cnt, host_cnt, path_cnt, status_cnt, remote_cnt;
	uint64_t slow_ns; /* latency at least; 0: any */
	bool errors;
};

/* GET, or post,put: case does not matter. */
int reqfilter_add_method(struct reqfilter *f, const char *text, struct diag *d);
/* A glob of the path, without the query; * matches slashes too. */
int reqfilter_add_path(struct reqfilter *f, const char *text, struct diag *d);
/* The Host header: a name, with * and ?; with a port only where one is given. */
int reqfilter_add_host(struct reqfilter *f, const char *text, struct diag *d);
/* 404, 5xx, 400-499, >=400, >399, <=299, <300 */
int reqfilter_add_status(struct reqfilter *f, const char *text, struct diag *d);
/* The other end's address, or a network of such: 10.0.0.0/8, 2001:db8::/32. Where neither end is
 * known to be local, either. */
int reqfilter_add_remote(struct reqfilter *f, const char *text, struct diag *d);

bool reqfilter_match(const struct reqfilter *f, const struct transaction *tx);

/* 4xx, 5xx, reset, or no response. */
bool reqfilter_is_error(const struct transaction *tx);

#endif
