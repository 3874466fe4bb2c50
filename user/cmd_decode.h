/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cmd_decode.h - `httplat decode [-o text|json] [HEX]`: the fields of a TCP header that was copied as a
 * hex stream.
 */
#ifndef HTTPLAT_CMD_DECODE_H
#define HTTPLAT_CMD_DECODE_H

/* argv[0] is "decode". Prints the fields to standard output, or one sentence to standard error.
 * Returns the exit status: 0, 1 when reading or writing failed, 2 when the hex is no TCP header. */
int cmd_decode(int argc, char **argv);

#endif
