// SPDX-License-Identifier: GPL-2.0-only
/*
 * The BTF owner programs (owner.bpf.c): tasks that change under a socket, who sends for a client,
 * and what is told of a task beside its pid: its pid inside, and the path of its cgroup.
 */
#include "owner_rig.h"

#include <sched.h>

#include "owner/owner.h"

static int setup_btf(void **state)
{
	return open_mode(state, OWNER_MODE_BTF, false, 0);
}

/* As after execve(): the same task by another name is another owner. */
static void test_renamed_reader(void **state)
{
	struct fixture *f = *state;
	struct conn_state st;
	char comm[16];
	struct pair p;

	strcpy(comm, own_comm());
	attach(f);
	open_pair(&p, AF_INET);
	f->want_cookie = cookie_of(p.server);
	say(p.client);
	hear(p.server);
	ring_buffer__consume(f->ring);
	f->event_cnt = 0;
	set_proto(f, p.server, CONN_PROTO_HTTP);
	prctl(PR_SET_NAME, "renamed");
	say(p.client);
	hear(p.server);
	prctl(PR_SET_NAME, comm);
	assert_true(get_state(f, p.server, &st));
	assert_owner(&st.owner.id, getpid(), gettid(), "renamed");
	ring_buffer__consume(f->ring);
	assert_int_equal(f->event_cnt, 1);
	assert_owner(&f->event.owner, getpid(), gettid(), "renamed");
	close_pair(&p);
}

/* What the connection's kernel state says of the socket's body. */
static void set_body(struct fixture *f, int fd, uint32_t start, uint32_t end)
{
	struct conn_state st = {0};

	assert_true(get_state(f, fd, &st));
	st.has_body[CONN_IN] = 1;
	st.body_start[CONN_IN] = start;
	st.body_end[CONN_IN] = end;
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(f->maps->maps.conns), &fd, &st, BPF_ANY),
			 0);
}

static unsigned int reads_so_far(struct fixture *f)
{
	ring_buffer__consume(f->ring);
	return f->read_cnt;
}

/* As in struct event_read: tcpi_snd_wscale and tcpi_rcv_wscale are bit-fields of the seventh byte. */
static uint8_t wscale_of(int fd)
{
	uint8_t info[104] = {0};
	socklen_t len = sizeof(info);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, 11 /* TCP_INFO */, info, &len), 0);
	assert_int_not_equal(info[6], 0);
	return info[6];
}

/* Each read is told, with how far it came; a peek is none, nor is a read that ends within a body. */
static void test_reads(void **state)
{
	struct fixture *f = *state;
	struct pair p;
	uint32_t seq;
	char buf[16];

	attach(f);
	open_pair(&p, AF_INET);
	f->want_cookie = cookie_of(p.server);
	say(p.client);
	hear(p.server);
	reads_so_far(f);
	assert_int_equal(f->event.owner_flags, EVENT_OWNER_READ);
	seq = f->event.read_seq;
	set_proto(f, p.server, CONN_PROTO_HTTP);

	say(p.client);
	assert_int_equal(recv(p.server, buf, sizeof(buf), MSG_PEEK), 5);
	assert_int_equal(reads_so_far(f), 0);
	assert_int_equal(recv(p.server, buf, 2, 0), 2);
	assert_int_equal(reads_so_far(f), 1);
	assert_int_equal(f->read.seq, seq + 2);
	assert_int_equal(f->read.flags, 0);
	assert_true(f->read.time_ns > f->event.time_ns);
	assert_int_equal(f->read.wscale, wscale_of(p.server));
	assert_int_equal(f->event.wscale, wscale_of(p.server));
	assert_int_equal(recv(p.server, buf, 3, 0), 3);
	assert_int_equal(reads_so_far(f), 2);
	assert_int_equal(f->read.seq, seq + 5);

	set_body(f, p.server, seq + 7, seq + 10);
	say(p.client);
	assert_int_equal(recv(p.server, buf, 4, 0), 4);
	assert_int_equal(reads_so_far(f), 2);
	assert_int_equal(recv(p.server, buf, 1, 0), 1);
	assert_int_equal(reads_so_far(f), 3);
	assert_int_equal(f->read.seq, seq + 10);

	set_proto(f, p.server, CONN_PROTO_OTHER);
	say(p.client);
	hear(p.server);
	assert_int_equal(reads_so_far(f), 3);
	assert_int_equal(f->event_cnt, 1);
	close_pair(&p);
}

/* What the ring has no room for is told of with the next one. */
static void test_reads_lost(void **state)
{
	struct fixture *f = *state;
	struct conn_state st;
	unsigned int told;
	struct pair p;
	int i;

	attach(f);
	open_pair(&p, AF_INET);
	f->want_cookie = cookie_of(p.server);
	say(p.client);
	hear(p.server);
	set_proto(f, p.server, CONN_PROTO_HTTP);
	/* 24 bytes and a header of 8 each. */
	for (i = 0; i < 1 << 20; i++) {
		say(p.client);
		hear(p.server);
		assert_true(get_state(f, p.server, &st));
		if (st.read_lost)
			break;
	}
	assert_true(st.read_lost);
	told = reads_so_far(f);
	assert_true(told > 0);
	assert_int_equal(f->read.flags, 0);
	say(p.client);
	hear(p.server);
	assert_int_equal(reads_so_far(f), told + 1);
	assert_int_equal(f->read.flags, EVENT_READ_LOST);
	say(p.client);
	hear(p.server);
	assert_int_equal(reads_so_far(f), told + 2);
	assert_int_equal(f->read.flags, 0);
	close_pair(&p);
}

/* One thread connects, another sends, the first one reads: the owner is who sends. */
static void check_sender(struct fixture *f)
{
	struct reader r = {.sends = true};
	struct conn_state st;
	struct pair p;

	open_pair(&p, AF_INET);
	f->want_cookie = cookie_of(p.client);
	assert_true(get_state(f, p.client, &st));
	assert_owner(&st.owner.id, getpid(), gettid(), own_comm());
	set_proto(f, p.client, CONN_PROTO_HTTP);
	r.fd = p.client;
	read_elsewhere(&r);
	hear(p.server);
	say(p.server);
	hear(p.client);
	assert_true(get_state(f, p.client, &st));
	assert_owner(&st.owner.id, getpid(), r.tid, "reader");
	/* The one who accepted sends as well, and stays who reads. */
	r.fd = p.server;
	read_elsewhere(&r);
	assert_true(get_state(f, p.server, &st));
	assert_owner(&st.owner.id, getpid(), gettid(), own_comm());
	ring_buffer__consume(f->ring);
	close_pair(&p);
}

static void need_tracepoint(const char *name)
{
	if (libbpf_find_vmlinux_btf_id(name, BPF_TRACE_RAW_TP) > 0)
		return;
	print_message("this kernel has no tracepoint %s\n", name);
	skip();
}

static void test_sender(void **state)
{
	struct fixture *f = *state;

	attach(f);
	need_tracepoint("tcp_sendmsg_locked");
	check_sender(f);
	assert_int_equal(f->event_cnt, 0); /* the segments tell */
}

/* What the loader chooses before 6.16, put together by hand: this kernel may have both. */
static void test_sender_told_afterwards(void **state)
{
	struct fixture *f = *state;
	struct bpf_program *prog;
	struct owner_bpf *skel;

	need_mode(f);
	need_tracepoint("sock_send_length");
	skel = owner_bpf__open();
	assert_non_null(skel);
	skel->rodata->owner_cfg.sees_send = true;
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(prog, prog == skel->progs.owner_set_state ||
							prog == skel->progs.owner_read ||
							prog == skel->progs.owner_sent);
	bpf_map__reuse_fd(skel->maps.conns, bpf_map__fd(f->maps->maps.conns));
	bpf_map__reuse_fd(skel->maps.owners, bpf_map__fd(f->maps->maps.owners));
	bpf_map__reuse_fd(skel->maps.ring, bpf_map__fd(f->maps->maps.ring));
	bpf_map__reuse_fd(skel->maps.counters, bpf_map__fd(f->maps->maps.counters));
	assert_int_equal(owner_bpf__load(skel), 0);
	skel->links.owner_set_state = bpf_program__attach_trace(skel->progs.owner_set_state);
	skel->links.owner_read = bpf_program__attach_trace(skel->progs.owner_read);
	skel->links.owner_sent = bpf_program__attach_trace(skel->progs.owner_sent);
	assert_non_null(skel->links.owner_sent);
	check_sender(f);
	assert_int_equal(f->event_cnt, 1);
	assert_int_equal(f->event.dir, EVENT_DIR_EGRESS);
	owner_bpf__destroy(skel);
}

/* The first process of a pid namespace reads: the pid is the host's, and the other is told, too. */
static void test_pid_namespace(void **state)
{
	struct fixture *f = *state;
	struct conn_state st;
	struct pair p;
	pid_t parent;
	int status;

	attach(f);
	open_pair(&p, AF_INET);
	say(p.client);
	parent = fork();
	if (!parent) {
		if (unshare(CLONE_NEWPID))
			_exit(77);
		_exit(in_child(f, &p, child_reads) <= 0);
	}
	assert_int_equal(waitpid(parent, &status, 0), parent);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("no pid namespaces here\n");
		skip();
	}
	assert_int_equal(status, 0);
	assert_true(get_state(f, p.server, &st));
	assert_int_not_equal(st.owner.id.pid, 1);
	assert_int_equal(st.owner.vpid, 1);
	assert_true(get_state(f, p.client, &st));
	assert_int_equal(st.owner.vpid, getpid());
	close_pair(&p);
}

static void test_new_cgroup(void **state)
{
	struct fixture *f = *state;
	struct groups *g;
	char want[96];

	attach(f);
	g = make_groups();
	if (!g) {
		print_message("no cgroups can be made here\n");
		skip();
	}
	f->want_cgroup = g->inner_id;
	snprintf(want, sizeof(want), "/%s", g->inner);
	remove_groups(g);
	ring_buffer__consume(f->ring);
	if (!f->cgroup.type) {
		print_message("paths of new cgroups are not told here (lockdown?)\n");
		skip();
	}
	assert_string_equal(f->cgroup.path, want);
}

/* Kept beyond the end of the process and of the cgroup, which nobody has seen. */
static void test_told(void **state)
{
	const struct owner owner = {.pid = 0x7ffffffe, .cgroup_id = 0x7fffffffffffff};
	struct owner_cache *oc = owner_cache_new("");
	struct owner_names names;
	struct cgroup2 cg;

	assert_non_null(oc);
	owner_learn_inner_pid(oc, owner.pid, 7);
	owner_learn_cgroup(oc, owner.cgroup_id, "/gone/one");
	owner_learn(oc, &owner, 0);
	owner_resolve(oc, &owner, 0, &names);
	assert_int_equal(names.inner_pid, 7);
	/* Of a part of the hierarchy the kernel's paths aren't ours. */
	cgroup2_open(&cg);
	if (cgroup2_id(&cg, "/") == 1)
		assert_string_equal(names.cgroup_path, "/gone/one");
	else
		assert_null(names.cgroup_path);
	cgroup2_close(&cg);
	/* The pid is another process' by now, in our own namespace. */
	owner_learn_inner_pid(oc, owner.pid, owner.pid);
	owner_resolve(oc, &owner, 0, &names);
	assert_int_equal(names.inner_pid, 0);
	owner_cache_free(oc);
}

int main(void)
{
#define BTF(fn) cmocka_unit_test_setup_teardown(fn, setup_btf, teardown)
	const struct CMUnitTest tests[] = {
		BTF(test_renamed_reader), BTF(test_reads), BTF(test_reads_lost), BTF(test_sender),	BTF(test_sender_told_afterwards),
		BTF(test_pid_namespace),  BTF(test_new_cgroup), cmocka_unit_test(test_told),
	};

	return cmocka_run_group_tests_name("owner_tasks", tests, NULL, NULL);
}
