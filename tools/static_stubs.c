// SPDX-License-Identifier: GPL-2.0-only
/*
 * static_stubs.c - what the fully static program (`make static`) would need a shared library for and
 * never calls.
 *
 * Debian's libpcap.a was built with D-Bus (to capture from the bus), and libdbus-1.a with libsystemd
 * (for servers that systemd hands sockets to). libsystemd has no static library. httplat reads capture
 * files with libpcap and serves no bus, so these two are linked and never reached; they answer as
 * sd_listen_fds(3) and sd_is_socket(3) do for a process that was handed nothing.
 */
int sd_listen_fds(int unset_environment);
int sd_is_socket(int fd, int family, int type, int listening);

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
