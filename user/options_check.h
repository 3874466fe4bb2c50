/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * options_check.h - what contradicts itself on the command line, each with the reason.
 */
#ifndef HTTPLAT_OPTIONS_CHECK_H
#define HTTPLAT_OPTIONS_CHECK_H

#include "options.h"

/* Of options that were parsed. 0, or -EINVAL with EXIT_USAGE and the sentence in *d. */
int options_check(const struct options *o, struct diag *d);

/* Of options with read_file: whether the file has what they ask for. recorded: it is a recording
 * of httplat's. 0, or -EINVAL with EXIT_USAGE and the sentence in *d. */
int options_check_capture(const struct options *o, bool recorded, struct diag *d);

#endif
