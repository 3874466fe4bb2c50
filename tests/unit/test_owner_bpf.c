// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner programs, loaded into the running kernel: who connects, who reads, who held a socket
 * before the start. Real sockets on loopback; the maps are read back through the sockets'
 * descriptors. Needs root; where a mode doesn't load, its tests are skipped and say why.
 */
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

/* A cgroup that is asked for, and one below it. */
struct groups {
	struct cgroup2 cg;
	char outer[64], inner[80];
	uint64_t outer_id, inner_id;
};

/* /httplat-test-PID/inner; NULL where that isn't permitted. */
static struct groups *make_groups(void)
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

static void remove_groups(struct groups *g)
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
	struct groups *groups;
};

struct pair {
	int client, server; /* the server's end is -1 until accepted */
	int listener;
};

static int be_quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static int on_record(void *ctx, void *data, size_t len)
{
	struct fixture *f = ctx;
	const struct event_owner *ev = data;

	assert_int_equal(len, sizeof(*ev));
	assert_int_equal(ev->type, EVENT_OWNER);
	if (ev->cookie != f->want_cookie)
		return 0;
	f->event = *ev;
	f->event_cnt++;
	return 0;
}

static int open_mode(void **state, enum owner_mode mode, bool by_tuple, uint32_t level)
{
	struct owner_load_options opt = {
		.want = mode, .by_tuple = by_tuple, .cgroup_level = level};
	struct groups *g = level ? make_groups() : NULL;
	struct fixture *f = calloc(1, sizeof(*f));
	struct bpf_program *prog;

	if (!f)
		return -1;
	*state = f;
	f->groups = g;
	opt.cgroup_id = g ? g->outer_id : 0;
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

static int setup_btf(void **state)
{
	return open_mode(state, OWNER_MODE_BTF, false, 0);
}

static int setup_btf_tuple(void **state)
{
	return open_mode(state, OWNER_MODE_BTF, true, 0);
}

static int setup_classic(void **state)
{
	return open_mode(state, OWNER_MODE_CLASSIC, false, 0);
}

static int setup_btf_level_1(void **state)
{
	return open_mode(state, OWNER_MODE_BTF, true, 1);
}

static int setup_classic_level_1(void **state)
{
	return open_mode(state, OWNER_MODE_CLASSIC, false, 1);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ring_buffer__free(f->ring);
	owner_load_close(f->ol);
	owner_bpf__destroy(f->maps);
	remove_groups(f->groups);
	free(f);
	return 0;
}

static void need_mode(struct fixture *f)
{
	if (f->ol && owner_load_mode(f->ol) != OWNER_MODE_NONE)
		return;
	print_message("no owner programs here: %s\n", f->ol && owner_load_note(f->ol, 0)
							      ? owner_load_note(f->ol, 0)
							      : "the maps cannot be made (root?)");
	skip();
}

static void attach(struct fixture *f)
{
	need_mode(f);
	owner_load_attach(f->ol);
	assert_null(owner_load_note(f->ol, 0));
}

static void listen_on(struct pair *p, int family)
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

static void connect_to(struct pair *p, int family)
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

static void accept_one(struct pair *p)
{
	p->server = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(p->server >= 0);
}

static void open_pair(struct pair *p, int family)
{
	listen_on(p, family);
	connect_to(p, family);
	accept_one(p);
}

static void close_pair(struct pair *p)
{
	close(p->client);
	close(p->server);
	close(p->listener);
}

static bool get_state(struct fixture *f, int fd, struct conn_state *st)
{
	return !bpf_map_lookup_elem(bpf_map__fd(f->maps->maps.conns), &fd, st);
}

/* What the capture programs would have found out. */
static void set_proto(struct fixture *f, int fd, enum conn_proto proto)
{
	struct conn_state st = {0};

	get_state(f, fd, &st);
	st.proto = proto;
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(f->maps->maps.conns), &fd, &st, BPF_ANY),
			 0);
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	return cookie;
}

static uint64_t own_cgroup(void)
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

static void assert_owner(const struct event_owner_id *id, pid_t pid, pid_t tid, const char *comm)
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

static void say(int fd)
{
	assert_int_equal(send(fd, "hello", 5, MSG_NOSIGNAL), 5);
}

static void hear(int fd)
{
	char buf[5];

	assert_int_equal(recv(fd, buf, sizeof(buf), MSG_WAITALL), 5);
}

/* Runs fn in a child process, which must return 0. The pid that it had. */
static pid_t in_child(struct fixture *f, struct pair *p,
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

static int child_reads(struct fixture *f, struct pair *p)
{
	char buf[5];

	prctl(PR_SET_NAME, "worker");
	return recv(p->server, buf, sizeof(buf), MSG_WAITALL) != sizeof(buf);
}

static void test_client(void **state)
{
	struct fixture *f = *state;
	struct conn_state st;
	struct pair p;

	attach(f);
	open_pair(&p, AF_INET);
	assert_true(get_state(f, p.client, &st));
	assert_owner(&st.owner.id, getpid(), gettid(), own_comm());
	assert_int_equal(st.cookie, cookie_of(p.client));
	assert_int_not_equal(st.owner.ancestor_id, 0);
	/* Nobody has read from the accepted one; a listener has no state at all. */
	assert_false(get_state(f, p.server, &st));
	assert_false(get_state(f, p.listener, &st));
	close_pair(&p);
}

static void test_nonblocking_client_v6(void **state)
{
	struct fixture *f = *state;
	struct conn_state st;
	struct pair p;
	struct sockaddr_in6 sa = {0};
	socklen_t len = sizeof(sa);

	attach(f);
	listen_on(&p, AF_INET6);
	getsockname(p.listener, (void *)&sa, &len);
	p.client = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	connect(p.client, (void *)&sa, len);
	assert_true(get_state(f, p.client, &st));
	assert_owner(&st.owner.id, getpid(), gettid(), own_comm());
	close_pair(&p);
}

static void test_forked_worker(void **state)
{
	struct fixture *f = *state;
	struct conn_state st;
	struct pair p;
	pid_t pid;

	attach(f);
	open_pair(&p, AF_INET);
	say(p.client);
	pid = in_child(f, &p, child_reads);
	assert_true(get_state(f, p.server, &st));
	assert_owner(&st.owner.id, pid, pid, "worker");
	/* The next one to read takes over. */
	say(p.client);
	hear(p.server);
	assert_true(get_state(f, p.server, &st));
	assert_owner(&st.owner.id, getpid(), gettid(), own_comm());
	/* The client's end is still the client's. */
	assert_true(get_state(f, p.client, &st));
	assert_owner(&st.owner.id, getpid(), gettid(), own_comm());
	close_pair(&p);
}

/* The child asks for itself: nobody else has the socket. */
static int child_accepts(struct fixture *f, struct pair *p)
{
	struct conn_state st = {0};
	char buf[5];
	int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);

	prctl(PR_SET_NAME, "activated");
	if (recv(fd, buf, sizeof(buf), MSG_WAITALL) != sizeof(buf))
		return 1;
	if (!get_state(f, fd, &st))
		return 2;
	if ((pid_t)st.owner.id.pid != getpid() || strcmp(st.owner.id.comm, "activated"))
		return 3;
	return st.cookie != cookie_of(fd);
}

/* Prefork and socket activation: the listener is another process'. */
static void test_inherited_listener(void **state)
{
	struct fixture *f = *state;
	struct pair p;

	attach(f);
	listen_on(&p, AF_INET);
	connect_to(&p, AF_INET);
	say(p.client);
	in_child(f, &p, child_accepts);
	close_pair(&p);
}

static void send_fd(int via, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = room,
			     .msg_controllen = sizeof(room)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	assert_int_equal(sendmsg(via, &msg, 0), 1);
}

static int receive_fd(int via)
{
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = room,
			     .msg_controllen = sizeof(room)};
	int fd = -1;

	if (recvmsg(via, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void test_passed_descriptor(void **state)
{
	struct fixture *f = *state;
	struct conn_state st;
	struct pair p;
	int via[2], status;
	pid_t pid;

	attach(f);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, via), 0);
	pid = fork(); /* before the connection exists */
	if (!pid) {
		struct pair q = {.server = receive_fd(via[1])};

		_exit(child_reads(f, &q));
	}
	open_pair(&p, AF_INET);
	say(p.client);
	send_fd(via[0], p.server);
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	assert_true(get_state(f, p.server, &st));
	assert_owner(&st.owner.id, pid, pid, "worker");
	close(via[0]);
	close(via[1]);
	close_pair(&p);
}

struct reader {
	int fd;
	pid_t tid;
	bool by_splice;
};

static void *read_in_thread(void *arg)
{
	struct reader *r = arg;
	int pipes[2];

	prctl(PR_SET_NAME, "reader");
	r->tid = gettid();
	if (r->by_splice) {
		if (pipe(pipes) || splice(r->fd, NULL, pipes[1], NULL, 5, 0) != 5)
			r->tid = 0;
		close(pipes[0]);
		close(pipes[1]);
	} else {
		hear(r->fd);
	}
	return NULL;
}

static void read_elsewhere(struct reader *r)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, read_in_thread, r), 0);
	pthread_join(thread, NULL);
	assert_int_not_equal(r->tid, 0);
}

static void check_thread(struct fixture *f, bool by_splice)
{
	struct conn_state st;
	struct reader r = {.by_splice = by_splice};
	struct pair p;

	attach(f);
	open_pair(&p, AF_INET);
	say(p.client);
	r.fd = p.server;
	read_elsewhere(&r);
	assert_true(get_state(f, p.server, &st));
	assert_owner(&st.owner.id, getpid(), r.tid, "reader");
	close_pair(&p);
}

static void test_thread(void **state)
{
	check_thread(*state, false);
}

static void test_splice(void **state)
{
	check_thread(*state, true);
}

static const uint8_t loopback_v4[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 sa = {0};
	socklen_t len = sizeof(sa);

	assert_int_equal(getsockname(fd, (void *)&sa, &len), 0);
	return ntohs(sa.sin6_port);
}

static void check_event(struct fixture *f, int listener_family)
{
	struct reader r = {0};
	struct pair p;

	attach(f);
	listen_on(&p, listener_family);
	connect_to(&p, AF_INET);
	accept_one(&p);
	f->want_cookie = cookie_of(p.server);
	r.fd = p.server;

	say(p.client); /* not known to be HTTP: no event */
	hear(p.server);
	ring_buffer__consume(f->ring);
	assert_int_equal(f->event_cnt, 0);

	set_proto(f, p.server, CONN_PROTO_HTTP);
	say(p.client); /* the same reader */
	hear(p.server);
	ring_buffer__consume(f->ring);
	assert_int_equal(f->event_cnt, 0);

	say(p.client);
	read_elsewhere(&r);
	ring_buffer__consume(f->ring);
	assert_int_equal(f->event_cnt, 1);
	assert_owner(&f->event.owner, getpid(), r.tid, "reader");
	assert_int_equal(f->event.dir, EVENT_DIR_INGRESS);
	assert_memory_equal(f->event.local_addr, loopback_v4, 16);
	assert_memory_equal(f->event.remote_addr, loopback_v4, 16);
	assert_int_equal(f->event.local_port, port_of(p.server));
	assert_int_equal(f->event.remote_port, port_of(p.client));
	assert_true(f->event.time_ns > 0);
	close_pair(&p);
}

static void test_event(void **state)
{
	check_event(*state, AF_INET);
}

/* An IPv4 client at an IPv6 listener. */
static void test_event_dual_stack(void **state)
{
	check_event(*state, AF_INET6);
}

static void test_not_http_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct reader r = {0};
	struct conn_state st;
	struct pair p;

	attach(f);
	open_pair(&p, AF_INET);
	set_proto(f, p.server, CONN_PROTO_OTHER);
	f->want_cookie = cookie_of(p.server);
	say(p.client);
	r.fd = p.server;
	read_elsewhere(&r);
	assert_true(get_state(f, p.server, &st));
	assert_int_equal(st.owner.id.pid, 0);
	ring_buffer__consume(f->ring);
	assert_int_equal(f->event_cnt, 0);
	close_pair(&p);
}

static int load_skb_prog(const struct bpf_insn *insns, size_t cnt)
{
	return bpf_prog_load(BPF_PROG_TYPE_SK_SKB, NULL, "GPL", insns, cnt, NULL);
}

/* A sockmap with a parser that takes what comes and a verdict that lets it pass; -1 without. */
static int make_sockmap(void)
{
	/* return skb->len */
	const struct bpf_insn parser[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_W, .src_reg = BPF_REG_1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	const struct bpf_insn verdict[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = SK_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int map = bpf_map_create(BPF_MAP_TYPE_SOCKMAP, NULL, 4, 4, 1, NULL);
	int a = load_skb_prog(parser, 2), b = load_skb_prog(verdict, 2);

	if (map >= 0 && (a < 0 || b < 0 || bpf_prog_attach(a, map, BPF_SK_SKB_STREAM_PARSER, 0) ||
			 bpf_prog_attach(b, map, BPF_SK_SKB_STREAM_VERDICT, 0))) {
		close(map);
		map = -1;
	}
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return map;
}

/*
 * In a sockmap the kernel itself takes the bytes from the socket when they come, in softirq: on
 * loopback that interrupts the sender, which must not become the owner of the receiver's socket.
 */
static void test_softirq_is_nobody(void **state)
{
	struct fixture *f = *state;
	struct conn_state st;
	struct reader r = {0};
	struct pair p;
	int map, key = 0;

	attach(f);
	map = make_sockmap();
	if (map < 0) {
		print_message("no sockmap with a parser here (CONFIG_BPF_STREAM_PARSER)\n");
		skip();
	}
	open_pair(&p, AF_INET);
	assert_int_equal(bpf_map_update_elem(map, &key, &p.server, BPF_ANY), 0);
	say(p.client);
	if (get_state(f, p.server, &st))
		assert_int_equal(st.owner.id.pid, 0);
	r.fd = p.server;
	read_elsewhere(&r);
	assert_true(get_state(f, p.server, &st));
	assert_owner(&st.owner.id, getpid(), r.tid, "reader");
	close_pair(&p);
	close(map);
}

static void test_iterator(void **state)
{
	struct fixture *f = *state;
	struct conn_state st;
	struct pair p, q;

	need_mode(f);
	open_pair(&p, AF_INET);
	open_pair(&q, AF_INET6);
	assert_false(get_state(f, p.client, &st));
	attach(f);
	if (!owner_load_iterate(f->ol)) {
		print_message("%s\n", owner_load_note(f->ol, 0));
		skip();
	}
	assert_true(get_state(f, p.client, &st));
	assert_owner(&st.owner.id, getpid(), getpid(), own_comm());
	assert_int_equal(st.cookie, cookie_of(p.client));
	assert_int_not_equal(st.owner.ancestor_id, 0);
	assert_true(get_state(f, p.server, &st));
	assert_owner(&st.owner.id, getpid(), getpid(), own_comm());
	assert_true(get_state(f, q.server, &st));
	assert_owner(&st.owner.id, getpid(), getpid(), own_comm());
	assert_false(get_state(f, p.listener, &st));
	close_pair(&p);
	close_pair(&q);
}

/* What a tracepoint said is better than what the iterator can see. */
static void test_iterator_keeps_readers(void **state)
{
	struct fixture *f = *state;
	struct conn_state st;
	struct pair p;
	pid_t pid;

	attach(f);
	open_pair(&p, AF_INET);
	say(p.client);
	pid = in_child(f, &p, child_reads);
	owner_load_iterate(f->ol);
	assert_true(get_state(f, p.server, &st));
	assert_int_equal(st.owner.id.pid, pid);
	close_pair(&p);
}

static uint32_t own_netns(void)
{
	struct stat ns;

	return stat("/proc/self/ns/net", &ns) ? 0 : ns.st_ino;
}

static bool by_tuple(struct fixture *f, int local, int remote, uint32_t netns,
		     struct conn_owner *out)
{
	struct owner_key key = {.tuple = {.local_port = port_of(local),
					  .remote_port = port_of(remote),
					  .netns = netns}};

	memcpy(key.tuple.local_addr, loopback_v4, 16);
	memcpy(key.tuple.remote_addr, loopback_v4, 16);
	return !bpf_map_lookup_elem(bpf_map__fd(f->maps->maps.owners), &key, out);
}

static bool by_cookie(struct fixture *f, int fd, struct conn_owner *out)
{
	struct owner_key key = {.cookie = cookie_of(fd)};

	return !bpf_map_lookup_elem(bpf_map__fd(f->maps->maps.owners), &key, out);
}

static void check_tuples(struct fixture *f, uint32_t netns)
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

static void test_tuples(void **state)
{
	check_tuples(*state, own_netns());
}

static void test_classic_tuples(void **state)
{
	check_tuples(*state, 0);
}

static void test_classic_cookies(void **state)
{
	struct fixture *f = *state;
	struct reader r = {0};
	struct conn_owner owner;
	struct conn_state st;
	struct pair p;

	attach(f);
	open_pair(&p, AF_INET);
	say(p.client);
	r.fd = p.server;
	read_elsewhere(&r);
	assert_true(by_cookie(f, p.server, &owner));
	assert_owner(&owner.id, getpid(), r.tid, "reader");
	assert_false(by_cookie(f, p.client, &owner));
	say(p.server);
	hear(p.client);
	assert_true(by_cookie(f, p.client, &owner));
	assert_owner(&owner.id, getpid(), gettid(), own_comm());
	assert_false(get_state(f, p.server, &st));
	close_pair(&p);
}

/* Where the iterator doesn't load, /proc tells of the sockets that were open before. */
static void test_classic_open_before(void **state)
{
	struct fixture *f = *state;
	struct conn_owner owner;
	struct pair p;
	pid_t pid;

	need_mode(f);
	open_pair(&p, AF_INET);
	attach(f);
	assert_true(owner_load_iterate(f->ol));
	assert_true(by_tuple(f, p.client, p.server, 0, &owner));
	assert_owner(&owner.id, getpid(), getpid(), own_comm());
	assert_int_not_equal(owner.ancestor_id, 0);
	assert_true(by_tuple(f, p.server, p.client, 0, &owner));
	assert_owner(&owner.id, getpid(), getpid(), own_comm());
	say(p.client);
	pid = in_child(f, &p, child_reads);
	owner_load_iterate(f->ol);
	assert_true(by_tuple(f, p.server, p.client, 0, &owner));
	assert_owner(&owner.id, pid, pid, "worker");
	close_pair(&p);
}

/* A child that moves into the inner cgroup and reads there. */
static pid_t start_inside(struct groups *g, struct pair *p)
{
	char procs[128];
	pid_t pid;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", g->inner);
	pid = fork();
	if (!pid) {
		int fd = openat(g->cg.fd, procs, O_WRONLY);

		_exit(write(fd, "0", 1) != 1 || child_reads(NULL, p));
	}
	return pid;
}

/* Of a task below the cgroup that is asked for, and of one that isn't. */
static void check_ancestor(struct fixture *f, uint32_t netns)
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
	say(p.client);
	pid = start_inside(f->groups, &p);
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	assert_true(by_tuple(f, p.server, p.client, netns, &owner));
	assert_int_equal(owner.id.pid, pid);
	assert_int_equal(owner.id.cgroup_id, f->groups->inner_id);
	assert_int_equal(owner.ancestor_id, f->groups->outer_id);
	assert_true(by_tuple(f, p.client, p.server, netns, &owner));
	assert_int_not_equal(owner.ancestor_id, f->groups->outer_id);
	close_pair(&p);
}

static void test_ancestor(void **state)
{
	check_ancestor(*state, own_netns());
}

static void test_classic_ancestor(void **state)
{
	check_ancestor(*state, 0);
}

/* The tuple of a closed connection names nobody: it may serve another process next. */
static void test_tuple_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct linger hard = {.l_onoff = 1};
	struct conn_owner owner;
	struct owner_key key = {0};
	struct pair p;

	attach(f);
	open_pair(&p, AF_INET);
	assert_true(by_tuple(f, p.client, p.server, own_netns(), &owner));
	key.tuple.local_port = port_of(p.client);
	key.tuple.remote_port = port_of(p.server);
	key.tuple.netns = own_netns();
	memcpy(key.tuple.local_addr, loopback_v4, 16);
	memcpy(key.tuple.remote_addr, loopback_v4, 16);
	setsockopt(p.client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close_pair(&p);
	assert_int_not_equal(bpf_map_lookup_elem(bpf_map__fd(f->maps->maps.owners), &key, &owner),
			     0);
}

static void test_none(void **state)
{
	struct owner_load_options opt = {.want = OWNER_MODE_NONE};
	struct fixture *f = *state;
	struct owner_load *ol = NULL;

	need_mode(f);
	assert_int_equal(owner_load_open(f->maps->obj, &opt, &ol), 0);
	assert_int_equal(owner_load_mode(ol), OWNER_MODE_NONE);
	owner_load_attach(ol);
	assert_false(owner_load_iterate(ol));
	owner_load_close(ol);
	owner_load_close(NULL);
}

int main(void)
{
#define BTF(fn)	      cmocka_unit_test_setup_teardown(fn, setup_btf, teardown)
#define BTF_TUPLE(fn) cmocka_unit_test_setup_teardown(fn, setup_btf_tuple, teardown)
#define CLASSIC(fn)   cmocka_unit_test_setup_teardown(fn, setup_classic, teardown)
	const struct CMUnitTest tests[] = {
		BTF(test_client),
		BTF(test_nonblocking_client_v6),
		BTF(test_forked_worker),
		BTF(test_inherited_listener),
		BTF(test_passed_descriptor),
		BTF(test_thread),
		BTF(test_splice),
		BTF(test_event),
		BTF(test_event_dual_stack),
		BTF(test_not_http_is_left_alone),
		BTF(test_softirq_is_nobody),
		BTF(test_iterator),
		BTF(test_iterator_keeps_readers),
		BTF_TUPLE(test_tuples),
		BTF_TUPLE(test_tuple_is_forgotten),
		CLASSIC(test_classic_tuples),
		CLASSIC(test_classic_cookies),
		CLASSIC(test_classic_open_before),
		BTF(test_none),
		cmocka_unit_test_setup_teardown(test_ancestor, setup_btf_level_1, teardown),
		cmocka_unit_test_setup_teardown(test_classic_ancestor, setup_classic_level_1,
						teardown),
	};

	return cmocka_run_group_tests_name("owner_bpf", tests, NULL, NULL);
}
