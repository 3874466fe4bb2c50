// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cgroup ids become paths and keep them; /proc names who holds a socket. Real cgroups, made below
 * the cgroup2 root under a name of this process and removed; real sockets on loopback.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "owner/cgroup2.h"
#include "owner/cgwatch.h"
#include "owner/lru.h"
#include "owner/owner.h"
#include "owner/procfs.h"

struct fixture {
	struct cgroup2 cg;
	struct owner_cache *oc;
	char dir[64]; /* our cgroup, from the root, without the slash */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	*state = f;
	cgroup2_open(&f->cg);
	f->oc = owner_cache_new("");
	snprintf(f->dir, sizeof(f->dir), "httplat-test-%d", getpid());
	return f->oc ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->cg.fd >= 0)
		unlinkat(f->cg.fd, f->dir, AT_REMOVEDIR);
	cgroup2_close(&f->cg);
	owner_cache_free(f->oc);
	free(f);
	return 0;
}

/* Makes a cgroup and returns its id; skips where that isn't permitted. */
static uint64_t make_cgroup(struct fixture *f, const char *name)
{
	if (f->cg.fd < 0 || (mkdirat(f->cg.fd, name, 0755) < 0 && errno != EEXIST)) {
		print_message("cannot make a cgroup: %s\n", strerror(errno));
		skip();
	}
	return cgroup2_id(&f->cg, name);
}

static void assert_path(struct fixture *f, uint64_t id, const char *want)
{
	struct owner_names names = {0};

	owner_resolve(f->oc, &(struct owner){0}, id, &names);
	assert_int_equal(names.cgroup_id, id);
	if (want) {
		assert_non_null(names.cgroup_path);
		assert_string_equal(names.cgroup_path, want);
	} else {
		assert_null(names.cgroup_path);
	}
}

static void test_id_to_path(void **state)
{
	struct fixture *f = *state;
	uint64_t id = make_cgroup(f, f->dir), child;
	char name[128], want[140];

	assert_int_not_equal(id, 0);
	snprintf(want, sizeof(want), "/%s", f->dir);
	assert_path(f, id, want);
	snprintf(name, sizeof(name), "%s/child", f->dir);
	child = make_cgroup(f, name);
	snprintf(want, sizeof(want), "/%s", name);
	assert_path(f, child, want);
	assert_path(f, cgroup2_id(&f->cg, "/"), "/");
	assert_int_equal(cgroup2_id(&f->cg, want), child);
	unlinkat(f->cg.fd, name, AT_REMOVEDIR);
}

static void test_deleted_keeps_its_name(void **state)
{
	struct fixture *f = *state;
	uint64_t id = make_cgroup(f, f->dir), never;
	char want[80], name[80];
	struct owner_names names;
	struct owner_cache *later;

	snprintf(want, sizeof(want), "/%s", f->dir);
	owner_learn(f->oc, &(struct owner){0}, id);
	assert_int_equal(unlinkat(f->cg.fd, f->dir, AT_REMOVEDIR), 0);
	assert_path(f, id, want);

	/* One that was gone before it was seen has no name, and nobody makes one up. */
	snprintf(name, sizeof(name), "%s-b", f->dir);
	never = make_cgroup(f, name);
	assert_int_equal(unlinkat(f->cg.fd, name, AT_REMOVEDIR), 0);
	later = owner_cache_new("");
	assert_non_null(later);
	assert_null(owner_cgroup_path(later, never));
	owner_cache_free(later);
	assert_path(f, 0, NULL);

	/* A new cgroup of the old name has an id of its own. */
	assert_int_not_equal(make_cgroup(f, f->dir), id);
	owner_resolve(f->oc, &(struct owner){0}, id, &names);
	assert_string_equal(names.cgroup_path, want);
}

/* Asks the watching thread until it has seen the cgroup; it has as long as it likes. */
static void assert_watched(struct cgwatch *w, uint64_t id, const char *want)
{
	char *path = NULL;

	for (int left = 2000; left && !(path = cgwatch_path(w, id)); left--)
		usleep(10000);
	assert_non_null(path);
	assert_int_equal(path[0], '/');
	assert_string_equal(path + 1, want);
	free(path);
}

/* Nobody asks for them while they are there. */
static void test_brief_cgroups(void **state)
{
	static const char *const names[] = {"", "/a", "/a/b c\033[m", "/a/b c\033[m/d (deleted)"};
	struct fixture *f = *state;
	struct cgwatch *w = cgwatch_new(&f->cg);
	char name[4][128];
	uint64_t id[4];

	if (!w) {
		print_message("cgroups cannot be watched\n");
		skip();
	}
	for (int i = 0; i < 4; i++) {
		snprintf(name[i], sizeof(name[i]), "%s%s", f->dir, names[i]);
		id[i] = make_cgroup(f, name[i]);
	}
	for (int i = 3; i >= 0; i--)
		assert_watched(w, id[i], name[i]);
	for (int i = 3; i >= 0; i--)
		assert_int_equal(unlinkat(f->cg.fd, name[i], AT_REMOVEDIR), 0);
	for (int i = 0; i < 4; i++)
		assert_watched(w, id[i], name[i]);

	/* In a folder that was there before, and the same name again. */
	cgwatch_free(w);
	id[0] = make_cgroup(f, name[0]);
	w = cgwatch_new(&f->cg);
	assert_watched(w, id[0], name[0]);
	for (int i = 0; i < 3; i++) {
		id[1] = make_cgroup(f, name[1]);
		assert_watched(w, id[1], name[1]);
		assert_int_equal(unlinkat(f->cg.fd, name[1], AT_REMOVEDIR), 0);
	}
	cgwatch_free(w);
	cgwatch_free(NULL);
	assert_null(cgwatch_path(NULL, 1));
}

static void test_hostile_names(void **state)
{
	static const char *const tails[] = {" (deleted)", "\033[2J", " \\040:x", "\xff\xfe"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(tails) / sizeof(*tails); i++) {
		char name[96], want[100];
		uint64_t id;

		snprintf(name, sizeof(name), "%s%s", f->dir, tails[i]);
		snprintf(want, sizeof(want), "/%s", name);
		id = make_cgroup(f, name);
		assert_int_not_equal(id, 0);
		owner_learn(f->oc, &(struct owner){0}, id);
		unlinkat(f->cg.fd, name, AT_REMOVEDIR);
		assert_path(f, id, want);
	}
}

/* A process that is in a cgroup of its own, and is then gone with it. */
static void test_of_a_process(void **state)
{
	struct fixture *f = *state;
	struct owner owner = {.tid = 1};
	struct owner_names names;
	uint64_t id = make_cgroup(f, f->dir);
	char procs[96], want[80], pid[16];
	int fd, status, go[2];

	snprintf(want, sizeof(want), "/%s", f->dir);
	assert_int_equal(pipe(go), 0);
	owner.pid = fork();
	if (!owner.pid) {
		close(go[1]);
		_exit(read(go[0], pid, 1) != 0);
	}
	owner.cgroup_id = id;
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", f->dir);
	snprintf(pid, sizeof(pid), "%u", owner.pid);
	fd = openat(f->cg.fd, procs, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, pid, strlen(pid)), strlen(pid));
	close(fd);
	assert_true(procfs_start_time(owner.pid) > 0);
	owner_learn(f->oc, &owner, 0);
	close(go[1]);
	close(go[0]);
	assert_int_equal(waitpid(owner.pid, &status, 0), owner.pid);
	assert_int_equal(unlinkat(f->cg.fd, f->dir, AT_REMOVEDIR), 0);
	assert_int_equal(procfs_start_time(owner.pid), 0);
	owner_resolve(f->oc, &owner, 0, &names);
	assert_int_equal(names.cgroup_id, id);
	assert_string_equal(names.cgroup_path, want);
}

/* Of a process whose cgroup2 id says nothing, /proc/PID/cgroup is asked, also after its death. */
static void test_process_without_id(void **state)
{
	struct fixture *f = *state;
	struct owner owner = {0};
	struct owner_names names;
	char *want = procfs_cgroup(getpid());
	int go[2], status;
	char c;

	assert_non_null(want);
	assert_int_equal(pipe(go), 0);
	owner.pid = fork();
	if (!owner.pid) {
		close(go[1]);
		_exit(read(go[0], &c, 1) != 0);
	}
	owner_learn(f->oc, &owner, 0);
	close(go[1]);
	close(go[0]);
	waitpid(owner.pid, &status, 0);
	owner_resolve(f->oc, &owner, 0, &names);
	assert_non_null(names.cgroup_path);
	assert_string_equal(names.cgroup_path, want);
	free(want);

	/* The owner counts, not the socket's creator, and an unknown pid has no path. */
	owner.pid = 0x7ffffffe;
	owner_resolve(f->oc, &owner, cgroup2_id(&f->cg, "/"), &names);
	assert_null(names.cgroup_path);
}

/* A process that is number 1 in a pid name space of its own, until `go` is closed. */
static uint32_t start_first_process(int go[2], pid_t *parent)
{
	int tell[2];
	pid_t pid = 0;
	char c;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(tell), 0);
	*parent = fork();
	if (!*parent) {
		close(go[1]);
		close(tell[0]);
		if (!unshare(CLONE_NEWPID) && !(pid = fork())) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(tell[1]);
			_exit(read(go[0], &c, 1) != 0);
		}
		if (write(tell[1], &pid, sizeof(pid)) != sizeof(pid))
			_exit(1);
		waitpid(pid, NULL, 0);
		_exit(0);
	}
	close(go[0]);
	close(tell[1]);
	if (read(tell[0], &pid, sizeof(pid)) != sizeof(pid))
		pid = 0;
	close(tell[0]);
	return pid > 0 ? (uint32_t)pid : 0;
}

/* Its own number is kept beyond its death; who is in our name space has no other. */
static void test_inner_pid(void **state)
{
	struct fixture *f = *state;
	struct owner owner = {.cgroup_id = cgroup2_id(&f->cg, "/")};
	struct owner_names names;
	pid_t parent;
	int go[2];

	owner.pid = start_first_process(go, &parent);
	if (owner.pid) {
		owner_learn(f->oc, &owner, 0);
		owner_resolve(f->oc, &owner, 0, &names);
		assert_int_equal(names.inner_pid, 1);
	}
	close(go[1]);
	waitpid(parent, NULL, 0);
	if (!owner.pid) {
		print_message("no pid name space can be made\n");
		skip();
	}
	assert_int_equal(procfs_start_time(owner.pid), 0);
	owner_resolve(f->oc, &owner, 0, &names);
	assert_int_equal(names.inner_pid, 1);

	assert_int_equal(procfs_inner_pid(getpid()), 0);
	owner.pid = getpid();
	owner_resolve(f->oc, &owner, 0, &names);
	assert_int_equal(names.inner_pid, 0);
	owner.pid = 0x7ffffffe;
	owner_resolve(f->oc, &owner, 0, &names);
	assert_int_equal(names.inner_pid, 0);
}

/*
 * Where cgroup2 isn't mounted, it is mounted for ourselves alone. In a child with mounts of its
 * own.
 */
static void test_detached_mount(void **state)
{
	struct fixture *f = *state;
	uint64_t id = make_cgroup(f, f->dir);
	char want[80];
	int status;
	pid_t pid;

	snprintf(want, sizeof(want), "/%s", f->dir);
	pid = fork();
	if (!pid) {
		struct cgroup2 cg;
		char *path;
		int err;

		if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    umount2(f->cg.path, MNT_DETACH))
			_exit(77);
		err = cgroup2_open(&cg);
		if (err)
			_exit(err == -ENOSYS ? 77 : 1);
		if (!cg.detached)
			_exit(77); /* it is mounted in another place as well */
		path = cgroup2_path(&cg, id, &err);
		if (!path || strcmp(path, want) || cgroup2_id(&cg, want) != id)
			_exit(2);
		free(path);
		/* The path is good for others to open. */
		err = open(cg.path, O_RDONLY | O_DIRECTORY);
		_exit(err < 0 ? 3 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("cannot take cgroup2 away\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_pick_cgroup(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"0::/a.slice/b\n", "/a.slice/b"},
		{"0::/\n", "/"},
		{"12:pids:/\n1:name=systemd:/system.slice/x.service\n0::/\n",
		 "/system.slice/x.service"},
		{"4:memory:/docker/1\n1:name=systemd:/\n0::/\n", "/docker/1"},
		{"5:cpu,cpuacct:/c\n4:devices:/d\n0::/\n", "/c"},
		{"4:devices:/d\n0::/\n", "/d"},
		{"4:memory:/m\n1:name=systemd:/s\n0::/u\n", "/u"},
		{"1:name=systemd:/with:colon\n", "/with:colon"},
		{"0::/../../other\n", "/../../other"},
		{"", NULL},
		{"nonsense\n::\n:\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = strdup(cases[i].text), *got = procfs_pick_cgroup(text);

		if (cases[i].want) {
			assert_non_null(got);
			assert_string_equal(got, cases[i].want);
		} else {
			assert_null(got);
		}
		free(got);
		free(text);
	}
}

static void test_path_under(void **state)
{
	(void)state;
	assert_true(owner_path_under("/a/b", "/a"));
	assert_true(owner_path_under("/a/b", "/a/"));
	assert_true(owner_path_under("/a/b", "a"));
	assert_true(owner_path_under("/a/b", "/a/b"));
	assert_true(owner_path_under("/a/b/", "/a/b"));
	assert_true(owner_path_under("/a", "/"));
	assert_true(owner_path_under("/", "/"));
	assert_true(owner_path_under("/", ""));
	assert_true(owner_path_under("/a", "//"));
	assert_false(owner_path_under("/ab", "/a"));
	assert_false(owner_path_under("/a", "/a/b"));
	assert_false(owner_path_under("/", "/a"));
	assert_false(owner_path_under("", "a"));
	assert_false(owner_path_under("/b/a", "/a"));
}

static void test_lru_is_bounded(void **state)
{
	struct lru *l = lru_new(4);

	(void)state;
	assert_non_null(l);
	for (uint64_t key = 0; key < 1000; key++) {
		char text[24];

		snprintf(text, sizeof(text), "%d", (int)key);
		lru_set_text(lru_put(l, key), strdup(text));
		assert_non_null(lru_get(l, 0)); /* used each time, so never the oldest */
		assert_true(lru_count(l) <= 4);
	}
	assert_string_equal(lru_get(l, 0)->text, "0");
	assert_string_equal(lru_get(l, 999)->text, "999");
	assert_string_equal(lru_get(l, 997)->text, "997");
	assert_null(lru_get(l, 996));
	assert_ptr_equal(lru_put(l, 998), lru_get(l, 998));
	assert_int_equal(lru_count(l), 4);
	lru_free(l);
	lru_free(NULL);

	l = lru_new(0);
	assert_non_null(l);
	lru_put(l, 1);
	lru_put(l, 2);
	assert_null(lru_get(l, 1));
	assert_non_null(lru_get(l, 2));
	lru_free(l);
}

static void test_comm(void **state)
{
	char old[16] = "", comm[16];

	(void)state;
	prctl(PR_GET_NAME, old);
	prctl(PR_SET_NAME, "a b)\n\033[31m");
	assert_int_equal(procfs_comm(getpid(), comm), 0);
	assert_memory_equal(comm, "a b)\n\033[31m\0\0\0\0\0\0", 16);
	assert_true(procfs_start_time(getpid()) > 0);
	prctl(PR_SET_NAME, old);
	assert_true(procfs_comm(0x7ffffffe, comm) < 0);
}

static struct endpoint endpoint_of(const struct sockaddr_storage *ss)
{
	struct endpoint ep = {0};

	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)ss;

		memset(ep.addr + 10, 0xff, 2);
		memcpy(ep.addr + 12, &in->sin_addr, 4);
		ep.port = ntohs(in->sin_port);
	} else {
		const struct sockaddr_in6 *in6 = (const void *)ss;

		memcpy(ep.addr, &in6->sin6_addr, 16);
		ep.port = ntohs(in6->sin6_port);
	}
	return ep;
}

/* An established connection to ourselves; false where the family isn't there. */
static bool connect_pair(int family, int fd[2])
{
	struct sockaddr_storage ss = {.ss_family = family};
	socklen_t len = sizeof(ss);
	int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (family == AF_INET)
		((struct sockaddr_in *)&ss)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&ss)->sin6_addr = in6addr_loopback;
	if (listener < 0)
		return false;
	if (bind(listener, (void *)&ss, sizeof(ss)) || listen(listener, 1) ||
	    getsockname(listener, (void *)&ss, &len)) {
		close(listener);
		return false;
	}
	fd[0] = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd[0], (void *)&ss, len), 0);
	fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd[1] >= 0);
	close(listener);
	return true;
}

static void find_pair(struct fixture *f, int family)
{
	struct sockaddr_storage local, remote;
	socklen_t len = sizeof(local);
	struct endpoint a, b, none = {.port = 1};
	struct owner owner = {0};
	char comm[16] = "";
	int fd[2];

	if (!connect_pair(family, fd))
		return;
	prctl(PR_GET_NAME, comm);
	getsockname(fd[0], (void *)&local, &len);
	len = sizeof(remote);
	getpeername(fd[0], (void *)&remote, &len);
	a = endpoint_of(&local);
	b = endpoint_of(&remote);
	assert_true(owner_find_in_proc(f->oc, &a, &b, &owner));
	assert_int_equal(owner.pid, getpid());
	assert_string_equal(owner.comm, comm);
	/* The accepting end, by the same picture. */
	memset(&owner, 0, sizeof(owner));
	assert_true(owner_find_in_proc(f->oc, &b, &a, &owner));
	assert_int_equal(owner.pid, getpid());
	if (f->cg.fd >= 0) {
		char *path = procfs_cgroup2(getpid());

		assert_int_equal(owner.cgroup_id, path ? cgroup2_id(&f->cg, path) : 0);
		free(path);
	}
	assert_false(owner_find_in_proc(f->oc, &a, &none, &owner));
	close(fd[0]);
	close(fd[1]);
}

static void test_find_in_proc_v4(void **state)
{
	find_pair(*state, AF_INET);
}

static void test_find_in_proc_v6(void **state)
{
	find_pair(*state, AF_INET6);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_id_to_path),
		TEST(test_deleted_keeps_its_name),
		TEST(test_brief_cgroups),
		TEST(test_hostile_names),
		TEST(test_of_a_process),
		TEST(test_process_without_id),
		TEST(test_inner_pid),
		TEST(test_detached_mount),
		TEST(test_find_in_proc_v4),
		TEST(test_find_in_proc_v6),
		cmocka_unit_test(test_pick_cgroup),
		cmocka_unit_test(test_path_under),
		cmocka_unit_test(test_lru_is_bounded),
		cmocka_unit_test(test_comm),
	};

	return cmocka_run_group_tests_name("owner_cgroup", tests, NULL, NULL);
}
