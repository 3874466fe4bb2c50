// SPDX-License-Identifier: GPL-2.0-only
#include "pktfilter.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>

#define MAX_PACKET (1 << 18)

struct pktfilter {
	struct bpf_program prog;
};

int pktfilter_new(const char *expr, struct pktfilter **out, struct diag *d)
{
	struct pktfilter *pf = calloc(1, sizeof(*pf));
	pcap_t *dead = pcap_open_dead(DLT_RAW, MAX_PACKET);
	int err = 0;

	if (!pf || !dead)
		err = diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	else if (pcap_compile(dead, &pf->prog, expr, 1, PCAP_NETMASK_UNKNOWN))
		err = diag_set(d, EXIT_USAGE, -EINVAL, "-f '%.200s': %s (see pcap-filter(7))", expr,
			       pcap_geterr(dead));
	if (dead)
		pcap_close(dead);
	if (err) {
		free(pf);
		return err;
	}
	*out = pf;
	return 0;
}

void pktfilter_free(struct pktfilter *pf)
{
	if (!pf)
		return;
	pcap_freecode(&pf->prog);
	free(pf);
}

bool pktfilter_match(const struct pktfilter *pf, const struct segment *seg)
{
	struct pcap_pkthdr hdr = { .caplen = seg->pkt_cap, .len = seg->pkt_len };

	return pcap_offline_filter(&pf->prog, &hdr, seg->pkt) != 0;
}
