/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ether.h - Ethernet and what follows it: VLAN and other tags, LLC and SNAP, PPPoE, MPLS, NSH. Steps of
 * link.h's walk: each takes its header off and returns the next layer.
 */
#ifndef HTTPLAT_ETHER_H
#define HTTPLAT_ETHER_H

#include "link.h"

/* Takes off len bytes, of which the last two are a type: an EtherType or, below 0x600, the length of an
 * LLC frame. */
enum layer ether_pull_typed(struct packet *p, uint32_t len);

/* Takes off len bytes, of which two at `at` are an EtherType. */
enum layer ether_pull_type_at(struct packet *p, uint32_t len, uint32_t at);

/* What p->type says. */
enum layer ether_step_type(struct packet *p);

enum layer ether_llc(struct packet *p);
enum layer ether_snap(struct packet *p);
enum layer ether_pppoe(struct packet *p);
enum layer ether_mpls(struct packet *p);
enum layer ether_nsh(struct packet *p);

#endif
