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

#include <stdint.h>

/*
 * owners_fd: the hash, max_entries: its size, of which at most half is filled. cgroup_level as in
 * struct owner_load_options. Entries that are there stay: a tracepoint knew better. 0 or -errno.
 */
int owner_seed(int owners_fd, uint32_t max_entries, uint32_t cgroup_level);

#endif
