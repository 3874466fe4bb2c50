/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * socktab.h - who holds which TCP connection, by /proc alone.
 *
 *	/proc/PID/fd/N -> "socket:[inode]"      inode → pid
 *	/proc/PID/net/tcp, tcp6                 addresses → inode, once for each network namespace
 *
 * A table is a picture of one moment; it costs a readlink(2) for each open file of the host, so it
 * is taken seldom and asked often. Where two processes hold a socket, the one with the lower pid
 * counts. Where two network namespaces have a connection with the same addresses (127.0.0.1,
 * mostly), nobody can say which is meant, and the table does not guess.
 */
#ifndef HTTPLAT_SOCKTAB_H
#define HTTPLAT_SOCKTAB_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/segment.h"

/* Bounds of a table: sockets looked at, connections kept. The rest has no owner. */
#define SOCKTAB_INODES_MAX (1u << 18)
#define SOCKTAB_CONNS_MAX  (1u << 17)

struct socktab;

/* Takes the picture. NULL without memory. */
struct socktab *socktab_new(void);
void socktab_free(struct socktab *st);

/* The pid that holds the socket with these addresses; 0 unknown, or ambiguous. */
uint32_t socktab_find(const struct socktab *st, const struct endpoint *local,
		      const struct endpoint *remote);

/*
 * Calls fn for each connection, in no particular order, but for those that are ambiguous; until
 * it returns false.
 */
void socktab_each(const struct socktab *st,
		  bool (*fn)(void *ctx, const struct endpoint *local, const struct endpoint *remote,
			     uint32_t pid),
		  void *ctx);

/*
 * Calls fn for each process and each TCP socket that it holds, listening ones too, whoever else
 * holds it.
 */
void socktab_each_holder(const struct socktab *st,
			 void (*fn)(void *ctx, uint32_t pid, const struct endpoint *local,
				    bool listening),
			 void *ctx);

#endif
