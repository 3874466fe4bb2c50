/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tunnel.h - packets that are carried inside IP packets: IP in IP, GRE (ERSPAN, PPTP, WCCP, 802.11 of
 * Aruba's controllers), EtherIP, MPLS, and over UDP, told by the port as Wireshark does, VXLAN and
 * VXLAN-GPE, Geneve, GTP-U, Teredo, AYIYA, L2TP, LISP, TZSP, MPLS and GRE.
 */
#ifndef HTTPLAT_TUNNEL_H
#define HTTPLAT_TUNNEL_H

#include "../core/decode.h"
#include "link.h"

/*
 * p is an IP packet that decode_ip() described as *info and called DECODE_OK. Takes its headers and those
 * of the tunnel off, and returns the layer of what is inside (also in p->layer); LAYER_NONE when it is
 * no tunnel that we know.
 */
enum layer tunnel_enter(struct packet *p, const struct ip_info *info);

#endif
