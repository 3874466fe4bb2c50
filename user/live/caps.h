/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * caps.h - which capabilities this process lacks for what it is about to do.
 */
#ifndef HTTPLAT_CAPS_H
#define HTTPLAT_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "../diag.h"

/* Whether capability `cap` (CAP_NET_ADMIN, ...) is effective. CAP_SYS_ADMIN stands for CAP_BPF and
 * CAP_PERFMON, as the kernel has it. */
bool caps_have(unsigned int cap);

/* 0 when all capabilities in `mask` (bits 1 << CAP_x, as 64 bits) are effective; else -EPERM, with
 * the sentence that names those missing. */
int caps_require(uint64_t mask, struct diag *d);

#endif
