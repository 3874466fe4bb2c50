// SPDX-License-Identifier: GPL-2.0-only
#include "live/attach.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "live/clsact.h"

int attach_keep_fd(struct attach *at, int fd)
{
	int *fds = reallocarray(at->fds, at->fd_cnt + 1, sizeof(*fds));

	if (!fds) {
		close(fd);
		return -ENOMEM;
	}
	at->fds = fds;
	fds[at->fd_cnt++] = fd;
	return 0;
}

void attach_close(struct attach *at)
{
	while (at->fd_cnt)
		close(at->fds[--at->fd_cnt]);
	while (at->filter_cnt)
		clsact_detach(at->filters[--at->filter_cnt]);
	free(at->fds);
	free(at->filters);
	memset(at, 0, sizeof(*at));
}

/* tc hands packets over as the device does: tunnels and the like have nothing before the IP
 * header. */
static bool type_has_l2(int arphrd)
{
	switch (arphrd) {
	case ARPHRD_NONE:
	case ARPHRD_PPP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case 519: /* ARPHRD_RAWIP */
	case 823: /* ARPHRD_IP6GRE */
		return false;
	default:
		return true;
	}
}

static int describe(int sock, const char *name, unsigned int ifindex, struct iface *out)
{
	struct ifreq ifr = {0};

	if (strlen(name) >= sizeof(ifr.ifr_name))
		return -ENODEV;
	strcpy(ifr.ifr_name, name);
	if (ioctl(sock, SIOCGIFHWADDR, &ifr))
		return -errno;
	out->ifindex = ifindex;
	strcpy(out->name, name);
	out->has_l2 = type_has_l2(ifr.ifr_hwaddr.sa_family);
	return 0;
}

static int all_interfaces(int sock, struct iface **out, size_t *cnt)
{
	struct if_nameindex *list = if_nameindex(), *i;
	struct iface *ifaces;
	size_t n = 0;

	if (!list)
		return -errno;
	for (i = list; i->if_index; i++)
		n++;
	ifaces = calloc(n + 1, sizeof(*ifaces));
	if (!ifaces) {
		if_freenameindex(list);
		return -ENOMEM;
	}
	n = 0;
	for (i = list; i->if_index; i++) /* one that has just gone is no error */
		if (!describe(sock, i->if_name, i->if_index, &ifaces[n]))
			n++;
	if_freenameindex(list);
	*out = ifaces;
	*cnt = n;
	return 0;
}

static int named_interfaces(int sock, const char *const *names, struct iface **out, size_t *cnt,
			    struct diag *d)
{
	struct iface *ifaces;
	size_t n = 0, i;
	int err;

	while (names[n])
		n++;
	ifaces = calloc(n + 1, sizeof(*ifaces));
	if (!ifaces)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		unsigned int ifindex = if_nametoindex(names[i]);

		err = ifindex ? describe(sock, names[i], ifindex, &ifaces[i]) : -ENODEV;
		if (err) {
			free(ifaces);
			return diag_set(d, EXIT_USAGE, -ENODEV,
					"no interface %s here; `ip link` lists them, and --netns "
					"names another network namespace",
					names[i]);
		}
	}
	*out = ifaces;
	*cnt = n;
	return 0;
}

int attach_interfaces(const char *const *names, struct iface **out, size_t *cnt, struct diag *d)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (sock < 0)
		sock = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return diag_set(d, EXIT_RUNTIME, -errno, "cannot open a socket: %s",
				strerror(errno));
	if (!names || !names[0] || !strcmp(names[0], "any"))
		err = all_interfaces(sock, out, cnt);
	else
		err = named_interfaces(sock, names, out, cnt, d);
	close(sock);
	if (err)
		diag_set(d, EXIT_RUNTIME, err, "cannot list the interfaces: %s", strerror(-err));
	return err;
}
