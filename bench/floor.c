// SPDX-License-Identifier: GPL-2.0-only
/*
 * floor.c - what reading a capture file costs at the least: libpcap's loop, and a look at each packet's headers.
 *
 * usage: floor FILE		prints the number of TCP packets with payload
 */
#include <stdint.h>
#include <stdio.h>

#include <pcap/pcap.h>

enum { ETHERNET = 14, TCP = 6 };

int main(int argc, char **argv)
{
	char why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *hdr;
	uint64_t cnt = 0, sum = 0;
	const uint8_t *p;
	pcap_t *in;

	if (argc != 2) {
		fputs("usage: floor FILE\n", stderr);
		return 2;
	}
	in = pcap_open_offline(argv[1], why);
	if (!in) {
		fprintf(stderr, "floor: %s\n", why);
		return 1;
	}
	while (pcap_next_ex(in, &hdr, &p) == 1) {
		uint32_t ip, tcp, len;

		if (hdr->caplen < ETHERNET + 40 || p[ETHERNET] >> 4 != 4 || p[ETHERNET + 9] != TCP)
			continue;
		ip = (p[ETHERNET] & 15) * 4u;
		if (hdr->caplen < ETHERNET + ip + 20)
			continue;
		tcp = (p[ETHERNET + ip + 12] >> 4) * 4u;
		len = (uint32_t)(p[ETHERNET + 2] << 8 | p[ETHERNET + 3]);
		cnt += len > ip + tcp;
		sum += p[ETHERNET + ip + 4] + p[ETHERNET + ip + 8]; /* sequence, acknowledgment */
	}
	printf("%llu\n", (unsigned long long)cnt);
	pcap_close(in);
	return sum == 1;
}
