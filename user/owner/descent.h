/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * descent.h - whether a process descends from another one, by /proc.
 *
 * The chain of parents is gone through once for each process, as long as that lives; the answer is
 * kept with its start time. A process whose parent has died has been given to another, so it is
 * found only if it, or an ancestor on the way, was asked for before. Hence this stands in where
 * forks cannot be seen (live/follow_load.h), and for sockets that were found in /proc.
 */
#ifndef HTTPLAT_DESCENT_H
#define HTTPLAT_DESCENT_H

#include <stdbool.h>
#include <stdint.h>

struct descent;

/* From process `root`, which is its own descendant. NULL without memory. */
struct descent *descent_new(uint32_t root);
void descent_free(struct descent *ds);

bool descent_has(struct descent *ds, uint32_t pid);

#endif
