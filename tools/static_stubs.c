// SPDX-License-Identifier: GPL-2.0-only
/*
 * static_stubs.c - what the fully static program (`make static`) needs and no static library of Debian
 * has; and what it must not use.
 *
 * Names (libpcap looks them up, for `-f 'host NAME'`): /etc/nsswitch.conf may name modules that glibc loads,
 * also into a static program, together with the host's libc, which need not be the one that is linked here.
 * So whatever that file says, names come from files and from the DNS alone, which glibc (2.34) has built in.
 *
 * libsystemd: Debian's libpcap.a was built with D-Bus (to capture from the bus), and libdbus-1.a asks
 * libsystemd whether systemd handed it sockets. httplat serves no bus, so these are never reached; they
 * answer as sd_listen_fds(3) and sd_is_socket(3) do for a process that was handed nothing.
 *
 * libeu: Debian 13's libelf.a (elfutils 0.192) leaves out the object that holds its search trees. They
 * keep the raw chunks that a program asked for (elf_getdata_rawchunk); libbpf asks for none, so the
 * tree is made and destroyed empty. A tree's first member is the root for tsearch(3). Weak: a libelf
 * that has them keeps its own.
 */
#include <nss.h>
#include <search.h>
#include <stddef.h>

int sd_listen_fds(int unset_environment);
int sd_is_socket(int fd, int family, int type, int listening);

struct eu_search_tree {
	void *root;
};

typedef int eu_compare(const void *a, const void *b);

void eu_search_tree_init(struct eu_search_tree *tree);
void eu_search_tree_fini(struct eu_search_tree *tree, void (*free_node)(void *node));
void *eu_tsearch(const void *key, struct eu_search_tree *tree, eu_compare *compare);
void *eu_tdelete(const void *key, struct eu_search_tree *tree, eu_compare *compare);

__attribute__((constructor)) static void use_no_modules(void)
{
	static const char *const databases[] = {"ethers",    "hosts", "networks",
						"protocols", "rpc",   "services"};

	for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++)
		__nss_configure_lookup(databases[i], "files");
	__nss_configure_lookup("hosts", "files dns");
}

int sd_listen_fds(int unset_environment)
{
	(void)unset_environment;
	return 0;
}

int sd_is_socket(int fd, int family, int type, int listening)
{
	(void)fd;
	(void)family;
	(void)type;
	(void)listening;
	return 0;
}

__attribute__((weak)) void eu_search_tree_init(struct eu_search_tree *tree)
{
	tree->root = NULL;
}

__attribute__((weak)) void eu_search_tree_fini(struct eu_search_tree *tree,
					       void (*free_node)(void *node))
{
	tdestroy(tree->root, free_node);
}

__attribute__((weak)) void *eu_tsearch(const void *key, struct eu_search_tree *tree,
				       eu_compare *compare)
{
	return tsearch(key, &tree->root, compare);
}

__attribute__((weak)) void *eu_tdelete(const void *key, struct eu_search_tree *tree,
				       eu_compare *compare)
{
	return tdelete(key, &tree->root, compare);
}
