// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_file.c - any bytes as a capture file: link layers, tunnels, fragments, both formats. Nothing may
 * crash, and a file that is refused is refused with a sentence.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_segment(void *ctx, const struct segment *seg)
{
	uint8_t *sum = ctx;
	uint32_t i;

	for (i = 0; i < seg->pkt_cap; i++)
		*sum ^= seg->pkt[i];
	for (i = 0; i < seg->payload_cap; i++)
		*sum ^= seg->payload[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	volatile sig_atomic_t stop = 0;
	struct counters cnt = {0};
	struct file_source *fs;
	struct diag d = {0};
	uint8_t sum = 0;
	struct file_sink sink = {&sum, on_segment, NULL};
	char path[64];
	int fd = memfd_create("capture", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (file_open(path, size % 3 ? NULL : "ip or ip6", &cnt, &fs, &d) == 0) {
		if (file_read(fs, &sink, &stop, &d) != 0 && !d.text[0])
			abort();
		file_close(fs);
	} else if (!d.text[0]) {
		abort();
	}
	close(fd);
	return 0;
}
