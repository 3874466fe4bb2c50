/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * banner.h - where the run looks, in words.
 */
#ifndef HTTPLAT_BANNER_H
#define HTTPLAT_BANNER_H

#include <stddef.h>

#include "live/live.h"
#include "options.h"

/* "at eth0, eth1 of network namespace web (tc hook)", or the file's name, cut at `size`. live is NULL for a file. */
void banner_source(const struct options *opt, const struct live *live, char *out, size_t size);

/* The line that says that it traces, and what could not be had, on standard error. */
void banner_print(const struct options *opt, const struct live *live, const char *source);

#endif
