// SPDX-License-Identifier: GPL-2.0-only
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "caps.h"

/* Names that libseccomp knows and this architecture hasn't are left out by it. */
#define END (-1000000)

/* What is open is read, written, waited for and closed; memory comes and goes; threads wait for
 * each other. */
static const int always[] = {
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(close),
	SCMP_SYS(lseek),
	SCMP_SYS(_llseek),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstatat64),
	SCMP_SYS(statx),
	SCMP_SYS(fcntl),
	SCMP_SYS(fcntl64),
	SCMP_SYS(fsync),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(membarrier),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getrandom),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	END,
};

/* Who somebody is: /proc, cgroups by id and as they are made, the files of container runtimes. */
static const int looks_up[] = {
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(fstatfs),
	SCMP_SYS(name_to_handle_at),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(inotify_add_watch),
	SCMP_SYS(inotify_rm_watch),
	END,
};

static const int opens_within[] = {SCMP_SYS(openat2), END};

/* Netlink, and packet sockets of interfaces that come. */
static const int uses_sockets[] = {
	SCMP_SYS(bind),	   SCMP_SYS(getsockname), SCMP_SYS(setsockopt), SCMP_SYS(sendto),
	SCMP_SYS(sendmsg), SCMP_SYS(recvfrom),	  SCMP_SYS(recvmsg),	END,
};

static const int makes_files[] = {
	SCMP_SYS(open),	     SCMP_SYS(openat),	   SCMP_SYS(ftruncate),	 SCMP_SYS(rename),
	SCMP_SYS(renameat),  SCMP_SYS(renameat2),  SCMP_SYS(unlink),	 SCMP_SYS(unlinkat),
	SCMP_SYS(mkdir),     SCMP_SYS(mkdirat),	   SCMP_SYS(stat),	 SCMP_SYS(access),
	SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(getdents64), END,
};

static const int child_calls[] = {SCMP_SYS(wait4), SCMP_SYS(waitid), END};

/* The first argument of these has to be one of a list. */
static const unsigned int map_commands[] = {
	BPF_MAP_LOOKUP_ELEM,
	BPF_MAP_UPDATE_ELEM,
	BPF_MAP_DELETE_ELEM,
	BPF_MAP_GET_NEXT_KEY,
};
static const unsigned int socket_families[] = {AF_NETLINK, AF_PACKET, AF_INET, AF_INET6, AF_UNIX};

/* The second argument of ioctl(). */
static const unsigned int terminal_ioctls[] = {
	TCGETS,
	TCSETS,
	TCSETSW,
	TCSETSF,
	TCFLSH,
	TCXONC,
	TIOCGWINSZ,
	TIOCGPGRP,
	FIONREAD,
	/* TCGETS2 and the three TCSETS2, which newer C libraries use; their structure clashes
	 * with termios.h */
	0x802c542a,
	0x402c542b,
	0x402c542c,
	0x402c542d,
};
static const unsigned int interface_ioctls[] = {SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFNAME};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A filter in the making; the first error stays. */
struct rules {
	scmp_filter_ctx ctx;
	int err;
};

static void allow_all(struct rules *r, const int *calls)
{
	for (; *calls != END && !r->err; calls++)
		r->err = seccomp_rule_add(r->ctx, SCMP_ACT_ALLOW, *calls, 0);
}

static void allow_if(struct rules *r, int call, struct scmp_arg_cmp condition)
{
	if (!r->err)
		r->err = seccomp_rule_add(r->ctx, SCMP_ACT_ALLOW, call, 1, condition);
}

static void allow_one_of(struct rules *r, int call, unsigned int arg, const unsigned int *values,
			 size_t cnt)
{
	/* The upper half of the register is not the kernel's business: these are 32 bits. */
	for (size_t i = 0; i < cnt; i++)
		allow_if(r, call, SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, 0xffffffff, values[i]));
}

/* Memory that is no program. */
static void allow_memory(struct rules *r)
{
	allow_if(r, SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	allow_if(r, SCMP_SYS(mmap2), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	allow_if(r, SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* Signals to itself: abort(), and what the terminal's ^Z becomes. */
static void allow_signals(struct rules *r)
{
	unsigned int self = (unsigned int)getpid();

	allow_one_of(r, SCMP_SYS(kill), 0, &self, 1);
	allow_one_of(r, SCMP_SYS(tgkill), 0, &self, 1);
}

static void allow_reading_files(struct rules *r)
{
	const uint64_t writes = O_ACCMODE | O_CREAT | O_TRUNC;

	allow_if(r, SCMP_SYS(open), SCMP_A1(SCMP_CMP_MASKED_EQ, writes, O_RDONLY));
	allow_if(r, SCMP_SYS(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, writes, O_RDONLY));
}

static void allow_live(struct rules *r)
{
	allow_all(r, looks_up);
	allow_reading_files(r);
	/* It opens files of containers, for reading. How, a filter cannot see:
	 * caps_keep_reading() sees to it. */
	allow_all(r, opens_within);
	allow_one_of(r, SCMP_SYS(bpf), 0, map_commands, COUNT(map_commands));
	allow_if(r, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, PERF_EVENT_IOC_DISABLE));
}

static void allow_interfaces(struct rules *r)
{
	const unsigned int link = BPF_LINK_CREATE;

	allow_all(r, uses_sockets);
	allow_one_of(r, SCMP_SYS(socket), 0, socket_families, COUNT(socket_families));
	allow_one_of(r, SCMP_SYS(ioctl), 1, interface_ioctls, COUNT(interface_ioctls));
	allow_one_of(r, SCMP_SYS(bpf), 0, &link, 1);
}

static void allow_child(struct rules *r, pid_t child)
{
	unsigned int pid = (unsigned int)child;

	allow_all(r, child_calls);
	allow_one_of(r, SCMP_SYS(kill), 0, &pid, 1);
}

/* prctl(2): a filter that cannot be read is refused with EFAULT only where filters are known. */
int sandbox_probe(void)
{
	if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL))
		return 0;
	return errno == EFAULT || errno == EACCES ? 0 : -errno;
}

static int install(const struct sandbox *sb, uint32_t otherwise)
{
	struct rules r = {.ctx = seccomp_init(otherwise)};

	if (!r.ctx) { /* also where the kernel doesn't know what is asked for */
		int err = sandbox_probe();

		return err ? err : -ENOMEM;
	}
	/* Of all threads. */
	r.err = seccomp_attr_set(r.ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	allow_all(&r, always);
	allow_memory(&r);
	allow_signals(&r);
	allow_one_of(&r, SCMP_SYS(ioctl), 1, terminal_ioctls, COUNT(terminal_ioctls));
	if (sb->live)
		allow_live(&r);
	if (sb->interfaces)
		allow_interfaces(&r);
	if (sb->makes_files)
		allow_all(&r, makes_files);
	if (sb->child)
		allow_child(&r, sb->child);
	if (!r.err)
		r.err = seccomp_load(r.ctx); /* sets no_new_privs */
	seccomp_release(r.ctx);
	return r.err;
}

int sandbox_enter(const struct sandbox *sb)
{
	const char *mode = getenv("HTTPLAT_SECCOMP");
	int err = (sb->makes_files ? caps_keep : caps_keep_reading)(sb->caps), filter_err;
	uint32_t otherwise = SCMP_ACT_ERRNO(ENOSYS);

	tzset(); /* reads a file */
	if (mode && !strcmp(mode, "off"))
		return err;
	if (mode && !strcmp(mode, "kill"))
		otherwise = SCMP_ACT_KILL_PROCESS;
	else if (mode && !strcmp(mode, "log"))
		otherwise = SCMP_ACT_LOG;
	filter_err = install(sb, otherwise);
	return err ? err : filter_err;
}
