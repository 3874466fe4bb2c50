/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wlan.h - IEEE 802.11 data frames, and the headers that capture drivers put before them. A step of
 * link.h's walk: each takes its header off and returns the next layer. Encrypted frames, and those that
 * carry no data, end in LAYER_NONE.
 */
#ifndef HTTPLAT_WLAN_H
#define HTTPLAT_WLAN_H

#include "link.h"

/* padded: the driver aligned what follows the header to four bytes. */
enum layer wlan_step(struct packet *p, bool padded);

/* Header to 802.11 frame. */
enum layer wlan_radiotap(struct packet *p);
enum layer wlan_prism(struct packet *p);
enum layer wlan_avs(struct packet *p);

/* PPI: sets p->type to the link type of what follows. */
enum layer wlan_ppi(struct packet *p);

#endif
