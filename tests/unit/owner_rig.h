/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * owner_rig.h - the owner programs in the running kernel, for the tests of both kinds: the maps,
 * the loader, real connections on loopback, and what the maps say of them.
 *
 * Needs root; where a mode doesn't load, its tests are skipped and say why.
 */
#ifndef OWNER_RIG_H
#define OWNER_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/event.h"
#include "bpf/conn.h"
#include "live/owner_load.h"
#include "owner.skel.h"
#include "owner/cgroup2.h"
#include "owner/procfs.h"

#define NOBODY 65534

static inline uint32_t own_netns(void)
{
	struct stat ns;

	assert_int_equal(stat("/proc/self/ns/net", &ns), 0);
	return (uint32_t)ns.st_ino;
}

/* A cgroup that is asked for, and one below it. */

struct groups {
	struct cgroup2 cg;
	char outer[64], inner[80];
	uint64_t outer_id, inner_id;
};

/* /httplat-test-PID/inner; NULL where that isn't permitted. */
static inline struct groups *make_groups(void)
{
	struct groups *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	cgroup2_open(&g->cg);
	snprintf(g->outer, sizeof(g->outer), "httplat-test-%d", getpid());
	snprintf(g->inner, sizeof(g->inner), "%s/inner", g->outer);
	if (g->cg.fd < 0 || mkdirat(g->cg.fd, g->outer, 0755) ||
	    mkdirat(g->cg.fd, g->inner, 0755)) {
		cgroup2_close(&g->cg);
		free(g);
		return NULL;
	}
	g->outer_id = cgroup2_id(&g->cg, g->outer);
	g->inner_id = cgroup2_id(&g->cg, g->inner);
	return g;
}

static inline void remove_groups(struct groups *g)
{
	if (!g)
		return;
	unlinkat(g->cg.fd, g->inner, AT_REMOVEDIR);
	unlinkat(g->cg.fd, g->outer, AT_REMOVEDIR);
	cgroup2_close(&g->cg);
	free(g);
}

/* Stands for the capture object: the maps alone. */
struct fixture {
	struct owner_bpf *maps;
	struct owner_load *ol;
	struct ring_buffer *ring;
	uint64_t want_cookie; /* events of other sockets are none of our business */
	unsigned int event_cnt;
	struct event_owner event; /* the last one */
	unsigned int read_cnt;	  /* beside the owner events that tell of a read as well */
	struct event_read read;
	uint64_t want_cgroup;
	struct event_cgroup cgroup; /* of that id */
	struct groups *groups;
};

struct pair {
	int client, server; /* the server's end is -1 until accepted */
	int listener;
};

static inline int be_quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static inline int on_record(void *ctx, void *data, size_t len)
{
	struct fixture *f = ctx;
	const struct event_owner *ev = data;

	if (ev->type == EVENT_CGROUP) {
		assert_int_equal(len, sizeof(f->cgroup));
		if (((const struct event_cgroup *)data)->id == f->want_cgroup)
			memcpy(&f->cgroup, data, sizeof(f->cgroup));
		return 0;
	}
	if (ev->type == EVENT_READ) {
		assert_int_equal(len, sizeof(f->read));
		if (((const struct event_read *)data)->cookie != f->want_cookie)
			return 0;
		memcpy(&f->read, data, sizeof(f->read));
		f->read_cnt++;
		return 0;
	}
	assert_int_equal(len, sizeof(*ev));
	assert_int_equal(ev->type, EVENT_OWNER);
	if (ev->cookie != f->want_cookie)
		return 0;
	f->event = *ev;
	f->event_cnt++;
	return 0;
}

/* Of owner_load_options, for the next open_mode(). */
static uint32_t rig_netns;

static inline int open_mode(void **state, enum owner_mode mode, bool by_tuple,
			    enum owner_follow follow)
{
	struct owner_load_options opt = {
		.want = mode, .by_tuple = by_tuple, .netns = rig_netns, .follow = follow};
	struct groups *g = follow ? make_groups() : NULL;
	struct fixture *f = calloc(1, sizeof(*f));
	struct bpf_program *prog;

	if (!f)
		return -1;
	*state = f;
	f->groups = g;
	libbpf_set_print(be_quiet);
	f->maps = owner_bpf__open();
	if (!f->maps)
		return -1;
	bpf_object__for_each_program(prog, f->maps->obj)
		bpf_program__set_autoload(prog, false);
	if (owner_bpf__load(f->maps))
		return 0;
	if (owner_load_open(f->maps->obj, &opt, &f->ol))
		return -1;
	f->ring = ring_buffer__new(bpf_map__fd(f->maps->maps.ring), on_record, f, NULL);
	return f->ring ? 0 : -1;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	ring_buffer__free(f->ring);
	owner_load_close(f->ol);
	owner_bpf__destroy(f->maps);
	remove_groups(f->groups);
	free(f);
	return 0;
}

static inline void need_mode(struct fixture *f)
{
	if (f->ol && owner_load_mode(f->ol) != OWNER_MODE_NONE)
		return;
	print_message("no owner programs here: %s\n", f->ol && owner_load_note(f->ol, 0)
							      ? owner_load_note(f->ol, 0)
							      : "the maps cannot be made (root?)");
	skip();
}

static inline void attach(struct fixture *f)
{
	need_mode(f);
	owner_load_attach(f->ol);
	assert_null(owner_load_note(f->ol, 0));
}

static inline void listen_on(struct pair *p, int family)
{
	struct sockaddr_in6 sa = {.sin6_family = family};

	if (family == AF_INET)
		((struct sockaddr_in *)&sa)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->client = p->server = -1;
	p->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p->listener >= 0);
	assert_int_equal(bind(p->listener, (void *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(p->listener, 8), 0);
}

static inline void connect_to(struct pair *p, int family)
{
	struct sockaddr_in6 sa = {0};
	socklen_t len = sizeof(sa);

	assert_int_equal(getsockname(p->listener, (void *)&sa, &len), 0);
	p->client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p->client >= 0);
	if (sa.sin6_family == AF_INET6 && family == AF_INET) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = sa.sin6_port};

		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		assert_int_equal(connect(p->client, (void *)&in, sizeof(in)), 0);
	} else {
		assert_int_equal(connect(p->client, (void *)&sa, len), 0);
	}
}

static inline void accept_one(struct pair *p)
{
	p->server = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(p->server >= 0);
}

static inline void open_pair(struct pair *p, int family)
{
	listen_on(p, family);
	connect_to(p, family);
	accept_one(p);
}

static inline void close_pair(struct pair *p)
{
	close(p->client);
	close(p->server);
	close(p->listener);
}

static inline bool get_state(struct fixture *f, int fd, struct conn_state *st)
{
	return !bpf_map_lookup_elem(bpf_map__fd(f->maps->maps.conns), &fd, st);
}

/* What the capture programs would have found out. */
static inline void set_proto(struct fixture *f, int fd, enum conn_proto proto)
{
	struct conn_state st = {0};

	get_state(f, fd, &st);
	st.proto = proto;
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(f->maps->maps.conns), &fd, &st, BPF_ANY),
			 0);
}

static inline uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	return cookie;
}

static inline uint64_t own_cgroup(void)
{
	struct cgroup2 cg;
	uint64_t id = 0;
	char *path;

	/* /proc doesn't speak of cgroup2 before it was mounted for the first time. */
	cgroup2_open(&cg);
	path = procfs_cgroup2(getpid());
	if (path)
		id = cgroup2_id(&cg, path);
	cgroup2_close(&cg);
	free(path);
	return id;
}

static inline void assert_owner(const struct event_owner_id *id, pid_t pid, pid_t tid,
				const char *comm)
{
	assert_int_equal(id->pid, pid);
	assert_int_equal(id->tid, tid);
	assert_string_equal(id->comm, comm);
	assert_int_equal(id->cgroup_id, own_cgroup());
}

static const char *own_comm(void)
{
	static char comm[16];

	prctl(PR_GET_NAME, comm);
	return comm;
}

static inline void say(int fd)
{
	assert_int_equal(send(fd, "hello", 5, MSG_NOSIGNAL), 5);
}

static inline void hear(int fd)
{
	char buf[5];

	assert_int_equal(recv(fd, buf, sizeof(buf), MSG_WAITALL), 5);
}

/* Runs fn in a child process, which must return 0. The pid that it had. */
static inline pid_t in_child(struct fixture *f, struct pair *p,
			     int (*fn)(struct fixture *f, struct pair *p))
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(fn(f, p));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return pid;
}

static inline int child_reads(struct fixture *f, struct pair *p)
{
	char buf[5];

	prctl(PR_SET_NAME, "worker");
	return recv(p->server, buf, sizeof(buf), MSG_WAITALL) != sizeof(buf);
}

struct reader {
	int fd;
	pid_t tid;
	bool by_splice;
	bool sends; /* instead */
};

static inline void *read_in_thread(void *arg)
{
	struct reader *r = arg;
	int pipes[2];

	prctl(PR_SET_NAME, "reader");
	r->tid = gettid();
	if (r->sends) {
		say(r->fd);
	} else if (r->by_splice) {
		if (pipe(pipes) || splice(r->fd, NULL, pipes[1], NULL, 5, 0) != 5)
			r->tid = 0;
		close(pipes[0]);
		close(pipes[1]);
	} else {
		hear(r->fd);
	}
	return NULL;
}

static inline void read_elsewhere(struct reader *r)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, read_in_thread, r), 0);
	pthread_join(thread, NULL);
	assert_int_not_equal(r->tid, 0);
}

static const uint8_t loopback_v4[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};

static inline uint16_t port_of(int fd)
{
	struct sockaddr_in6 sa = {0};
	socklen_t len = sizeof(sa);

	assert_int_equal(getsockname(fd, (void *)&sa, &len), 0);
	return ntohs(sa.sin6_port);
}

/* Of a loopback connection with both ends here. */
static inline struct owner_key key_of(int local, int remote, uint32_t netns)
{
	struct owner_key key = {.tuple = {.local_port = port_of(local),
					  .remote_port = port_of(remote),
					  .netns = netns}};
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);
	const void *addr = loopback_v4;

	assert_int_equal(getsockname(local, (void *)&sa, &len), 0);
	if (sa.ss_family == AF_INET6)
		addr = &in6addr_loopback;
	memcpy(key.tuple.local_addr, addr, 16);
	memcpy(key.tuple.remote_addr, addr, 16);
	return key;
}

static inline bool by_key(struct fixture *f, const struct owner_key *key, struct conn_owner *out)
{
	return !bpf_map_lookup_elem(bpf_map__fd(f->maps->maps.owners), key, out);
}

static inline bool by_tuple(struct fixture *f, int local, int remote, uint32_t netns,
			    struct conn_owner *out)
{
	struct owner_key key = key_of(local, remote, netns);

	return by_key(f, &key, out);
}

static inline bool by_cookie(struct fixture *f, int fd, struct conn_owner *out)
{
	struct owner_key key = {.cookie = cookie_of(fd)};

	return !bpf_map_lookup_elem(bpf_map__fd(f->maps->maps.owners), &key, out);
}

static inline void check_tuples(struct fixture *f, uint32_t netns)
{
	struct conn_owner owner;
	struct pair p;
	pid_t pid;

	attach(f);
	open_pair(&p, AF_INET);
	assert_true(by_tuple(f, p.client, p.server, netns, &owner));
	assert_owner(&owner.id, getpid(), gettid(), own_comm());
	assert_false(by_tuple(f, p.server, p.client, netns, &owner));
	f->want_cookie = cookie_of(p.server);
	say(p.client);
	pid = in_child(f, &p, child_reads);
	assert_true(by_tuple(f, p.server, p.client, netns, &owner));
	assert_owner(&owner.id, pid, pid, "worker");
	/* Here nobody knows whether it is HTTP, so each new reader is an event. */
	ring_buffer__consume(f->ring);
	assert_int_equal(f->event_cnt, 1);
	assert_owner(&f->event.owner, pid, pid, "worker");
	assert_memory_equal(f->event.local_addr, loopback_v4, 16);
	assert_int_equal(f->event.local_port, port_of(p.server));
	assert_int_equal(f->event.remote_port, port_of(p.client));
	close_pair(&p);
}

/* A child that moves into the inner cgroup and reads there, as nobody. */
static inline pid_t start_inside(struct fixture *f, struct pair *p)
{
	int followed = bpf_map__fd(f->maps->maps.followed);
	const uint8_t yes = 1;
	char procs[128];
	pid_t pid;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", f->groups->inner);
	pid = fork();
	if (!pid) {
		int fd = openat(f->groups->cg.fd, procs, O_WRONLY);
		uint32_t self = getpid();

		_exit(write(fd, "0", 1) != 1 ||
		      bpf_map_update_elem(followed, &self, &yes, BPF_ANY) ||
		      setresuid(NOBODY, NOBODY, NOBODY) || child_reads(NULL, p));
	}
	return pid;
}

/* Who a task is beside its name: of one that is followed, and of one that isn't. */
static inline void check_whose(struct fixture *f, uint32_t netns)
{
	struct conn_owner owner = {0};
	struct pair p;
	int status;
	pid_t pid;

	attach(f);
	if (!f->groups) {
		print_message("cannot make a cgroup\n");
		skip();
	}
	open_pair(&p, AF_INET);
	f->want_cookie = cookie_of(p.server);
	say(p.client);
	pid = start_inside(f, &p);
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	assert_true(by_tuple(f, p.server, p.client, netns, &owner));
	assert_int_equal(owner.id.pid, pid);
	assert_int_equal(owner.id.cgroup_id, f->groups->inner_id);
	assert_int_equal(owner.uid, NOBODY);
	assert_int_equal(owner.flags, EVENT_OWNER_FOLLOWED);
	ring_buffer__consume(f->ring);
	assert_int_equal(f->event_cnt, 1);
	assert_int_equal(f->event.owner_uid, NOBODY);
	assert_int_equal(f->event.owner_flags, EVENT_OWNER_FOLLOWED);
	assert_true(by_tuple(f, p.client, p.server, netns, &owner));
	assert_int_not_equal(owner.id.cgroup_id, f->groups->inner_id);
	assert_int_equal(owner.uid, geteuid());
	assert_int_equal(owner.flags, 0);
	close_pair(&p);
}

#endif
