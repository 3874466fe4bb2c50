/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict.h - which part of a transaction's time took the most of it, and whose fault that was.
 *
 * The whole is, at the server's socket, total_ns; at the client's connect_ns + total_ns + read_ns, as far as they
 * are known. The part that took at least half of it is named:
 *
 *	server   request    upload, but queue where the server's own window was zero for half of it
 *	         queue      queue
 *	         app        app, less what it waited behind its predecessor
 *	         (hol)      head-of-line: hol_ns, whichever parts it lies in
 *	         response   client where its window was zero for half of it, app where all was acknowledged and the
 *	                    server wrote nothing, network where lost bytes were waited for, else download
 *	client   connect    connect
 *	         (hol)      head-of-line
 *	         request    server where its window was zero for half of it, network where lost bytes were waited
 *	                    for, else upload
 *	         ttfb       network where a round trip, or waiting for lost bytes, took half of it; server where the
 *	                    round trip is known and nothing was lost; else nothing
 *	         response   client where its own window was zero for half of it, network, else download
 *	         read       client
 *
 * ack_ns does not count: receivers delay acknowledgements (RFC 9293 §3.8.6.3). Without a latency, and where
 * neither end is local, there is no verdict.
 */
#ifndef HTTPLAT_VERDICT_H
#define HTTPLAT_VERDICT_H

#include "transaction.h"

/* Of a transaction whose times are filled in. */
enum tx_verdict verdict_of(const struct transaction *tx);

#endif
