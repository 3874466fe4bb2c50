// SPDX-License-Identifier: GPL-2.0-only
#include "live/ring.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "live/record.h"

/* In one go, so that a ring that fills as fast as it is read does not keep the caller from its
 * signals. */
#define RECORDS_MAX 65536

/* What the kernel puts before each record (BPF_RINGBUF_HDR_SZ). */
#define RECORD_HEADER 8

struct ring {
	struct ring_buffer *rb;
	struct record_env env;
	const struct live_sink *sink; /* during ring_consume() */
	int done;
};

/* libbpf's callback; a negative result ends the round after this record. */
static int on_record(void *ctx, void *data, size_t size)
{
	struct ring *rg = ctx;

	rg->env.cnt->ring_bytes += RECORD_HEADER + (size + 7) / 8 * 8;
	record_take(&rg->env, rg->sink, data, size);
	return ++rg->done < RECORDS_MAX ? 0 : -EAGAIN;
}

int ring_open(int fd, struct counters *cnt, struct localaddr *local, struct ring **out)
{
	struct ring *rg = calloc(1, sizeof(*rg));
	int err;

	if (!rg)
		return -ENOMEM;
	rg->env = (struct record_env){cnt, local};
	rg->rb = ring_buffer__new(fd, on_record, rg, NULL);
	if (!rg->rb) {
		err = -errno;
		free(rg);
		return err;
	}
	*out = rg;
	return 0;
}

void ring_close(struct ring *rg)
{
	if (!rg)
		return;
	ring_buffer__free(rg->rb);
	free(rg);
}

int ring_fd(const struct ring *rg)
{
	return ring_buffer__epoll_fd(rg->rb);
}

int ring_consume(struct ring *rg, const struct live_sink *sink)
{
	int err;

	rg->sink = sink;
	rg->done = 0;
	err = ring_buffer__consume(rg->rb);
	rg->sink = NULL;
	return err < 0 && err != -EAGAIN ? err : rg->done;
}
