// SPDX-License-Identifier: GPL-2.0-only
#include "frames.h"

#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <pcap/pcap.h>

#include "pcapng.h"

#define BUFFER_SIZE (1 << 17)

static char stdin_buffer[BUFFER_SIZE];

/* One of pcap and ng reads `in`; neither when a signal came before the first byte. */
struct frames {
	char *name;
	FILE *in;
	char *buffer; /* of `in`: the C library's has 4 KB */
	bool own_in;  /* pcap_close() does not close it for us */
	pcap_t *pcap;
	struct pcapng *ng;
	uint64_t number;
};

static int open_input(struct frames *fr, const char *path, struct diag *d)
{
	if (strcmp(path, "-") == 0) {
		fr->in = stdin;
		fr->name = strdup("standard input");
	} else {
		fr->name = strdup(path);
		fr->in = fopen(path, "rbe");
		if (!fr->in)
			return diag_set(d, EXIT_RUNTIME, -errno, "cannot open %s: %s", path,
					strerror(errno));
		fr->own_in = true;
	}
	__fsetlocking(fr->in, FSETLOCKING_BYCALLER); /* there is no other thread that reads it */
	/* Standard input is nobody's to close, and goes on using what it was given. */
	fr->buffer = fr->own_in ? malloc(BUFFER_SIZE) : NULL;
	if (fr->own_in && fr->buffer)
		setvbuf(fr->in, fr->buffer, _IOFBF, BUFFER_SIZE);
	else if (!fr->own_in)
		setvbuf(fr->in, stdin_buffer, _IOFBF, BUFFER_SIZE);
	return fr->name ? 0 : diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
}

static int open_pcap(struct frames *fr, struct diag *d)
{
	char errbuf[PCAP_ERRBUF_SIZE] = "";

	fr->pcap = pcap_fopen_offline_with_tstamp_precision(fr->in, PCAP_TSTAMP_PRECISION_NANO,
							    errbuf);
	if (fr->pcap) {
		fr->own_in = false; /* libpcap closes it, unless it is standard input */
		return 0;
	}
	if (strcmp(errbuf, "unknown file format") == 0)
		return diag_set(d, EXIT_RUNTIME, -EINVAL,
				"%s is no capture: it is neither pcap nor pcapng", fr->name);
	return diag_set(d, EXIT_RUNTIME, -EINVAL, "%s cannot be read as a capture: %s", fr->name,
			errbuf);
}

/* The first byte tells the formats apart, and one byte can be put back into a pipe as well. A signal while
 * it is waited for is no failure: the caller may have been told to stop, or frames_next() tries again. */
static int open_format(struct frames *fr, struct diag *d)
{
	int first;

	clearerr(fr->in);
	first = getc(fr->in);
	if (first == EOF && ferror(fr->in) && errno == EINTR)
		return 0;
	if (first == EOF && ferror(fr->in))
		return diag_set(d, EXIT_RUNTIME, -errno, "cannot read %s: %s", fr->name,
				strerror(errno));
	if (first == EOF)
		return diag_set(d, EXIT_RUNTIME, -EINVAL, "%s is no capture: it is empty",
				fr->name);
	ungetc(first, fr->in);
	if (first == PCAPNG_FIRST_BYTE)
		return pcapng_open(fr->in, fr->name, &fr->ng, d);
	return open_pcap(fr, d);
}

int frames_open(const char *path, struct frames **out, struct diag *d)
{
	struct frames *fr = calloc(1, sizeof(*fr));
	int err;

	if (!fr)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	err = open_input(fr, path, d);
	if (!err)
		err = open_format(fr, d);
	if (err) {
		frames_close(fr);
		return err;
	}
	*out = fr;
	return 0;
}

int frames_next(struct frames *fr, struct frame *out, struct diag *d)
{
	struct pcap_pkthdr *hdr;
	const u_char *data;
	int64_t time_ns;
	int err;

	if (!fr->ng && !fr->pcap) {
		err = open_format(fr, d);
		if (err)
			return err;
	}
	if (fr->ng)
		return pcapng_next(fr->ng, out, d);
	if (!fr->pcap)
		return diag_set(d, EXIT_RUNTIME, -EINTR, "%s: interrupted", fr->name);
	switch (pcap_next_ex(fr->pcap, &hdr, &data)) {
	case 1:
		break;
	case PCAP_ERROR_BREAK: /* the end of the file */
		return 0;
	default:
		return diag_set(d, EXIT_RUNTIME, -EIO,
				"%s is cut short or damaged after frame %llu: %s", fr->name,
				(unsigned long long)fr->number, pcap_geterr(fr->pcap));
	}
	*out = (struct frame){.number = ++fr->number};
	/* The file has 32 bits without sign; nanoseconds, though libpcap says tv_usec. */
	time_ns = (int64_t)(uint32_t)hdr->ts.tv_sec * 1000000000 + hdr->ts.tv_usec;
	out->time_ns = time_ns < 0 ? 0 : (uint64_t)time_ns;
	out->link_type = (uint32_t)pcap_datalink(fr->pcap);
	out->cap = hdr->caplen;
	out->len = hdr->len;
	out->data = data;
	return 1;
}

bool frames_session(const struct frames *fr, struct note_session *out)
{
	return fr->ng && pcapng_session(fr->ng, out);
}

bool frames_link_type(const struct frames *fr, uint32_t n, uint32_t *link_type)
{
	if (fr->ng)
		return pcapng_link_type(fr->ng, n, link_type);
	if (n > 0 || !fr->pcap)
		return false;
	*link_type = (uint32_t)pcap_datalink(fr->pcap);
	return true;
}

void frames_progress(const struct frames *fr, uint64_t *done, uint64_t *total)
{
	struct stat st;
	off_t at = ftello(fr->in);

	*done = at > 0 ? (uint64_t)at : 0;
	*total = !fstat(fileno(fr->in), &st) && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

void frames_close(struct frames *fr)
{
	if (!fr)
		return;
	pcapng_close(fr->ng);
	if (fr->pcap)
		pcap_close(fr->pcap);
	if (fr->own_in)
		fclose(fr->in);
	free(fr->buffer);
	free(fr->name);
	free(fr);
}
