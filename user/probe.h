/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe.h - single features of this kernel, each found out by trying it once and undoing it.
 *
 * Every function returns 0 when the feature is there, else -errno of the trial: -EPERM says that it
 * is refused, not that it is missing. Nothing stays loaded or attached.
 */
#ifndef HTTPLAT_PROBE_H
#define HTTPLAT_PROBE_H

int probe_ring_buffer(void);
int probe_socket_storage(void);

/* A TCX link at lo's ingress (from Linux 6.6 on). */
int probe_tcx(void);

/* A raw tracing program with direct BTF access at tcp_rcv_space_adjust, which asks for the
 * socket's cookie (from Linux 5.12 on), attached. */
int probe_tp_btf(void);
/* The iterator over all tasks' files, asking for their sockets (from Linux 5.11 on): loaded, not
 * run. */
int probe_iter_task_file(void);
/* A program at the raw tracepoint tcp_rcv_space_adjust that may read kernel memory, attached. */
int probe_raw_tracepoint(void);
/* tracepoint/tcp/tcp_rcv_space_adjust exists and the program type loads. */
int probe_classic_tracepoint(void);

/* An AF_PACKET socket that takes an eBPF filter. */
int probe_packet_socket(void);

/* BTF of the running kernel. */
int probe_btf(void);

#endif
