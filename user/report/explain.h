/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * explain.h - one transaction as a few lines for a ticket: what, whose, and a drawing of where the time
 * went.
 *
 *	10:21:07.412345 server nginx[1234] nginx.service
 *	GET example.org/report -> 200, 10.0.0.7:51234 > 10.0.0.1:80
 *	latency 120.4ms, total 131.0ms
 *	  request    10.6ms   8 % |####                                            |
 *	  queue       312us   0 % |   #                                            |
 *	  app       118.0ms  90 % |   ############################################ |
 *	  response    2.1ms   1 % |                                               #|
 *	  ack         0.4ms       after it
 *	  tcp       segments 1 + 3; srtt 400us, min 380us
 *	  verdict   app: the application took 90 % of it
 *
 * The bars are to scale on one axis, each beginning where the one before ends; a part that is not
 * zero has a mark at least. Lines keep within 80 columns but for what is copied from the traffic.
 */
#ifndef HTTPLAT_EXPLAIN_H
#define HTTPLAT_EXPLAIN_H

#include "buf.h"
#include "text.h"
#include "view.h"

/* Adds the block to *out; an empty line goes before all but the first. 0, or -ENOMEM. */
int explain_transaction(struct text *t, const struct view *v, struct buf *out);

#endif
