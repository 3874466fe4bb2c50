// SPDX-License-Identifier: GPL-2.0-only
/*
 * The BTF owner programs (owner.bpf.c): who connects, who reads, who held a socket before the
 * start. The maps are read back through the sockets' descriptors.
 */
#include "owner_rig.h"

static int setup_btf(void **state)
{
	return open_mode(state, OWNER_MODE_BTF, false, FOLLOW_NONE);
}

static int setup_btf_tuple(void **state)
{
	return open_mode(state, OWNER_MODE_BTF, true, FOLLOW_NONE);
}

static int setup_btf_follow(void **state)
{
	return open_mode(state, OWNER_MODE_BTF, true, FOLLOW_MAP);
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

	say(p.client); /* it may have come with the handshake, when it reached the listener */
	hear(p.server);
	say(p.client); /* not known to be HTTP: no other event */
	hear(p.server);
	ring_buffer__consume(f->ring);
	assert_int_equal(f->event_cnt, 1);
	assert_int_equal(f->event.owner_flags, EVENT_OWNER_READ);

	set_proto(f, p.server, CONN_PROTO_HTTP);
	say(p.client); /* the same reader */
	hear(p.server);
	ring_buffer__consume(f->ring);
	assert_int_equal(f->event_cnt, 1);

	say(p.client);
	read_elsewhere(&r);
	ring_buffer__consume(f->ring);
	assert_int_equal(f->event_cnt, 2);
	assert_int_equal(f->event.owner_flags, EVENT_OWNER_READ);
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

/* In the socket's storage, or where the iterator may not write there, by its tuple. */
static void assert_named(struct fixture *f, int local, int remote)
{
	struct conn_owner owner;
	struct conn_state st;

	if (get_state(f, local, &st)) {
		owner = st.owner;
		assert_int_equal(st.cookie, cookie_of(local));
	} else {
		assert_true(by_tuple(f, local, remote, 0, &owner));
	}
	assert_owner(&owner.id, getpid(), getpid(), own_comm());
}

static void test_iterator(void **state)
{
	struct linger hard = {.l_onoff = 1};
	struct fixture *f = *state;
	struct conn_owner owner;
	struct conn_state st;
	struct owner_key key;
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
	assert_named(f, p.client, p.server);
	assert_named(f, p.server, p.client);
	assert_named(f, q.server, q.client);
	assert_false(get_state(f, p.listener, &st));
	/* Another socket may have the same addresses next. */
	key = key_of(p.client, p.server, 0);
	setsockopt(p.client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close_pair(&p);
	assert_false(by_key(f, &key, &owner));
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

static void test_tuples(void **state)
{
	check_tuples(*state, own_netns());
}

static void test_whose(void **state)
{
	check_whose(*state, own_netns());
}

/* The tuple of a closed connection names nobody: it may serve another process next. */
static void test_tuple_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct linger hard = {.l_onoff = 1};
	struct conn_owner owner;
	struct owner_key key;
	struct pair p;

	attach(f);
	open_pair(&p, AF_INET);
	assert_true(by_tuple(f, p.client, p.server, own_netns(), &owner));
	key = key_of(p.client, p.server, own_netns());
	setsockopt(p.client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close_pair(&p);
	assert_false(by_key(f, &key, &owner));
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
#define BTF(fn) cmocka_unit_test_setup_teardown(fn, setup_btf, teardown)
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
		BTF(test_none),
		cmocka_unit_test_setup_teardown(test_tuples, setup_btf_tuple, teardown),
		cmocka_unit_test_setup_teardown(test_tuple_is_forgotten, setup_btf_tuple, teardown),
		cmocka_unit_test_setup_teardown(test_whose, setup_btf_follow, teardown),
	};

	return cmocka_run_group_tests_name("owner_bpf", tests, NULL, NULL);
}
