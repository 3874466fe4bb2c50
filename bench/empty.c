// SPDX-License-Identifier: GPL-2.0-only
/*
 * empty.c - attaches the programs of empty.bpf.c as httplat attaches its own, and waits to be ended. All of it is
 * links and sockets, which end with the process.
 *
 * usage: empty OBJECT cgroup DIRECTORY
 *	  empty OBJECT tc INTERFACE	(kernels with TCX, 6.6 and later)
 *	  empty OBJECT socket INTERFACE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* BPF_TCX_INGRESS, BPF_TCX_EGRESS: not in the headers of Debian 12. */
enum { TCX_INGRESS = 46, TCX_EGRESS = 47 };

static void die(const char *what, int err)
{
	fprintf(stderr, "empty: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(1);
}

/* Only the programs of this hook are loaded: other ones may be refused here. */
static struct bpf_object *load(const char *path, const char *hook)
{
	struct bpf_object *obj = bpf_object__open(path);
	struct bpf_program *prog;
	char prefix[32];

	if (!obj)
		die(path, errno);
	snprintf(prefix, sizeof(prefix), "empty_%s", hook);
	bpf_object__for_each_program (prog, obj)
		bpf_program__set_autoload(
			prog, !strncmp(bpf_program__name(prog), prefix, strlen(prefix)));
	if (bpf_object__load(obj))
		die("loading", errno);
	return obj;
}

static int program(struct bpf_object *obj, const char *name)
{
	const struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	return prog ? bpf_program__fd(prog) : -ENOENT;
}

static void link_to(struct bpf_object *obj, const char *name, int target, int type)
{
	int fd = bpf_link_create(program(obj, name), target, (enum bpf_attach_type)type, NULL);

	if (fd < 0)
		die(name, fd);
}

static void attach_cgroup(struct bpf_object *obj, const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		die(dir, errno);
	link_to(obj, "empty_cgroup_in", fd, BPF_CGROUP_INET_INGRESS);
	link_to(obj, "empty_cgroup_out", fd, BPF_CGROUP_INET_EGRESS);
}

static void attach_tc(struct bpf_object *obj, int ifindex)
{
	link_to(obj, "empty_tc_in", ifindex, TCX_INGRESS);
	link_to(obj, "empty_tc_out", ifindex, TCX_EGRESS);
}

static void attach_socket(struct bpf_object *obj, int ifindex)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};
	int prog = program(obj, "empty_socket");
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("packet socket", errno);
}

int main(int argc, char **argv)
{
	struct bpf_object *obj;
	int ifindex;

	if (argc != 4) {
		fputs("usage: empty OBJECT cgroup|tc|socket DIRECTORY|INTERFACE\n", stderr);
		return 2;
	}
	obj = load(argv[1], argv[2]);
	if (!strcmp(argv[2], "cgroup")) {
		attach_cgroup(obj, argv[3]);
	} else {
		ifindex = (int)if_nametoindex(argv[3]);
		if (!ifindex)
			die(argv[3], errno);
		if (!strcmp(argv[2], "tc"))
			attach_tc(obj, ifindex);
		else
			attach_socket(obj, ifindex);
	}
	fputs("attached\n", stderr);
	for (;;)
		pause();
}
