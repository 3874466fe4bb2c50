// SPDX-License-Identifier: GPL-2.0-only
/*
 * The socket hook: a packet socket whose filter copies what is wanted into the ring and lets
 * nothing through to the socket itself. SOCK_DGRAM, so that packets begin with the IP header on
 * every link.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "live/attach.h"

static int open_tap(int prog_fd, unsigned int ifindex)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)ifindex,
	};
	int fd, err;

	/* Protocol 0: it gets nothing before the filter is there and bind() names the protocol. */
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &prog_fd, sizeof(prog_fd)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int attach_socket(struct attach *at, const struct attach_progs *progs, const struct iface *ifaces,
		  size_t cnt, struct diag *d)
{
	size_t i;
	int fd, err;

	for (i = 0; i < cnt; i++) {
		fd = open_tap(progs->tap, ifaces[i].ifindex);
		if (fd == -EPERM)
			return diag_set(
				d, EXIT_UNSUPPORTED, fd,
				"cannot open a packet socket: CAP_NET_RAW is missing (run as "
				"root)");
		if (fd < 0)
			return diag_set(d, EXIT_UNSUPPORTED, fd,
					"cannot listen with a packet socket on %s: %s",
					ifaces[i].ifindex ? ifaces[i].name : "any", strerror(-fd));
		err = attach_keep_fd(at, fd);
		if (err)
			return diag_set(d, EXIT_RUNTIME, err, "out of memory");
	}
	return 0;
}
