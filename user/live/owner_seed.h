/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * owner_seed.h - owners of sockets that exist already, from /proc into the `owners` hash, by tuple.
 *
 * Stands in for the iterator where that does not load. The entries are kept true afterwards by the
 * classic tracepoints, which replace an owner when somebody else reads and forget a tuple when its
 * connection closes; so this is of no use without them.
 */
#ifndef HTTPLAT_OWNER_SEED_H
#define HTTPLAT_OWNER_SEED_H

#include <stdbool.h>
#include <stdint.h>

/*
 * owners_fd: the hash, max_entries: its size, of which at most half is filled. Entries that are
 * there stay: a tracepoint knew better. EVENT_OWNER_FOLLOWED goes to all with all_followed, else to those
 * in the map followed_fd (-1: nobody). 0 or -errno.
 */
int owner_seed(int owners_fd, uint32_t max_entries, bool all_followed, int followed_fd);

#endif
