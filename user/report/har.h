/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * har.h - transactions as an HTTP Archive (HAR 1.2), for browsers' and other tools' waterfalls.
 *
 * An entry for each request that was seen, with its timings: connect, send (request_ns), wait (ttfb_ns), receive
 * (response_ns). What HAR has no place for is in fields that begin with "_", as it allows. A request without a
 * response has status 0, as browsers write it, and "_error". Orphan responses have no entry: there is no request
 * to show.
 */
#ifndef HTTPLAT_HAR_H
#define HTTPLAT_HAR_H

#include "../diag.h"
#include "view.h"

struct har;

/* Creates the file, or empties it. 0, or -errno with *d set. */
int har_open(const char *path, struct har **out, struct diag *d);

/* Adds an entry. 0 or -errno, which har_close() tells of as well. */
int har_add(struct har *har, const struct view *v);

/* Ends the archive and closes the file. 0; or -errno of the first failure with *d set. NULL is
 * fine. */
int har_close(struct har *har, struct diag *d);

#endif
