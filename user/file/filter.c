// SPDX-License-Identifier: GPL-2.0-only
#include "filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

/* One per link type, as many as a file has: a file that has more than this makes them up. */
enum { PROGRAMS_MAX = 64, SNAPLEN = 262144 };

/* Longer expressions are taken as they are: libpcap's optimiser takes two seconds for as many ports as fit here, and
 * eighteen for twice as many. */
enum { OPTIMISED_MAX = 2500 };

struct program {
	uint32_t link_type;
	struct bpf_program bpf;
};

struct filter {
	char *expr;
	struct program programs[PROGRAMS_MAX];
	uint32_t program_cnt;
};

struct filter *filter_new(const char *expr)
{
	struct filter *ft = calloc(1, sizeof(*ft));

	if (!ft)
		return NULL;
	ft->expr = strdup(expr);
	if (!ft->expr) {
		free(ft);
		return NULL;
	}
	return ft;
}

/* The numbers in files are libpcap's own but for those that systems never agreed on. */
static int to_dlt(uint32_t link_type)
{
	switch (link_type) {
	case 100:
		return DLT_ATM_RFC1483;
	case 101:
		return DLT_RAW;
	default:
		return (int)link_type;
	}
}

static const struct program *find(const struct filter *ft, uint32_t link_type)
{
	uint32_t i;

	for (i = 0; i < ft->program_cnt; i++) {
		if (ft->programs[i].link_type == link_type)
			return &ft->programs[i];
	}
	return NULL;
}

const void *filter_code(const struct filter *ft, uint32_t link_type, unsigned int *cnt)
{
	const struct bpf_program *bpf = &find(ft, link_type)->bpf;

	*cnt = bpf->bf_len;
	return bpf->bf_insns;
}

/* At offsets from SKF_AD_OFF of linux/filter.h on, Linux's interpreter has what it knows of a packet beside its bytes. libpcap
 * makes use of it as if every capture were one of a live interface; its own interpreter has nothing there, so that such
 * an expression and its negation would both match nothing. */
static bool asks_the_kernel(const struct bpf_program *bpf)
{
	const uint32_t ancillary = UINT32_MAX - 0xfff;
	u_int i;

	for (i = 0; i < bpf->bf_len; i++) {
		const struct bpf_insn *insn = &bpf->bf_insns[i];

		if (BPF_CLASS(insn->code) == BPF_LD && BPF_MODE(insn->code) == BPF_ABS &&
		    insn->k >= ancillary)
			return true;
	}
	return false;
}

static int compile(struct filter *ft, pcap_t *dead, struct bpf_program *out, struct diag *d)
{
	int optimise = strlen(ft->expr) <= OPTIMISED_MAX;

	if (pcap_compile(dead, out, ft->expr, optimise, PCAP_NETMASK_UNKNOWN))
		return diag_set(d, EXIT_USAGE, -EINVAL, "filter '%s': %s (see pcap-filter(7))",
				ft->expr, pcap_geterr(dead));
	if (!asks_the_kernel(out))
		return 0;
	pcap_freecode(out);
	return diag_set(
		d, EXIT_USAGE, -EINVAL,
		"filter '%s': inbound and outbound are not in the packet; --side picks an end",
		ft->expr);
}

int filter_add(struct filter *ft, uint32_t link_type, struct diag *d)
{
	struct program *prog;
	pcap_t *dead;
	int err;

	if (find(ft, link_type))
		return 0;
	if (ft->program_cnt == PROGRAMS_MAX)
		return diag_set(d, EXIT_RUNTIME, -E2BIG,
				"a filter cannot be used: the capture has too many link types");
	dead = pcap_open_dead(to_dlt(link_type), SNAPLEN);
	if (!dead)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	prog = &ft->programs[ft->program_cnt];
	err = compile(ft, dead, &prog->bpf, d);
	if (!err) {
		prog->link_type = link_type;
		ft->program_cnt++;
	}
	pcap_close(dead);
	return err;
}

int filter_match(struct filter *ft, const struct frame *frame, struct diag *d)
{
	struct pcap_pkthdr hdr = {.caplen = frame->cap, .len = frame->len};
	int err = filter_add(ft, frame->link_type, d);

	if (err)
		return err;
	return pcap_offline_filter(&find(ft, frame->link_type)->bpf, &hdr, frame->data) != 0;
}

void filter_free(struct filter *ft)
{
	uint32_t i;

	if (!ft)
		return;
	for (i = 0; i < ft->program_cnt; i++)
		pcap_freecode(&ft->programs[i].bpf);
	free(ft->expr);
	free(ft);
}
