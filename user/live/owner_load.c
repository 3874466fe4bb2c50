// SPDX-License-Identifier: GPL-2.0-only
#include "owner_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/types.h>

#include "../../bpf/event.h"
#include "../../bpf/conn.h"
#include "btf_file.h"
#include "owner.skel.h"
#include "owner_classic.skel.h"
#include "owner_raw.skel.h"
#include "owner_seed.h"
#include "tracefs.h"

#define NOTES_MAX 8
#define LINKS_MAX 4

struct owner_load {
	enum owner_mode mode;
	struct owner_bpf *btf;
	struct bpf_program *send;     /* one of btf's; NULL: the kernel has no such tracepoint */
	struct bpf_program *iterator; /* one of btf's; NULL: none loads */
	struct owner_raw_bpf *raw;
	struct owner_classic_bpf *classic;
	struct bpf_link *links[LINKS_MAX];
	unsigned int link_cnt;
	struct tracefs tracefs;
	enum owner_follow follow;
	char *notes[NOTES_MAX];
	unsigned int note_cnt;
};

static void __attribute__((format(printf, 2, 3)))
add_note(struct owner_load *ol, const char *fmt, ...)
{
	va_list ap;

	if (ol->note_cnt == NOTES_MAX)
		return;
	va_start(ap, fmt);
	if (vasprintf(&ol->notes[ol->note_cnt], fmt, ap) >= 0)
		ol->note_cnt++;
	va_end(ap);
}

/* Why the better mode isn't at work, and what that means. */
static void prefix_notes(struct owner_load *ol, const char *prefix)
{
	for (unsigned int i = 0; i < ol->note_cnt; i++) {
		char *longer;

		if (asprintf(&longer, "%s: %s", prefix, ol->notes[i]) < 0)
			continue;
		free(ol->notes[i]);
		ol->notes[i] = longer;
	}
}

/* Maps of the same name are one map. */
static int share_maps(struct bpf_object *obj, const struct bpf_object *capture)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj) {
		const struct bpf_map *theirs;
		int err;

		if (bpf_map__is_internal(map))
			continue;
		theirs = bpf_object__find_map_by_name(capture, bpf_map__name(map));
		if (!theirs)
			continue;
		err = bpf_map__reuse_fd(map, bpf_map__fd(theirs));
		if (err)
			return err;
	}
	return 0;
}

static void configure(struct owner_config *config, const struct owner_load_options *opt)
{
	struct stat ns;

	/* As the kernel has it. The major number is 0: no block device, no driver. */
	config->pidns_dev = stat("/proc/self/ns/pid", &ns) ? 0 : minor(ns.st_dev);
	config->to_tuple = opt->by_tuple;
	config->netns = opt->netns;
	config->follow = (uint8_t)opt->follow;
}

/* Which of the programs that see a client send is for this kernel; NULL: none. */
static struct bpf_program *choose_send(const struct owner_bpf *skel)
{
	if (libbpf_find_vmlinux_btf_id("tcp_sendmsg_locked", BPF_TRACE_RAW_TP) > 0)
		return skel->progs.owner_send;
	if (libbpf_find_vmlinux_btf_id("sock_send_length", BPF_TRACE_RAW_TP) > 0)
		return skel->progs.owner_sent;
	return NULL;
}

enum iterator {
	ITERATOR_NONE = 0,
	ITERATOR_STORAGE,
	ITERATOR_TUPLES,
};

static void choose_iterator(struct owner_load *ol, enum iterator which)
{
	struct bpf_program *storage = ol->btf->progs.owner_iterate;
	struct bpf_program *tuples = ol->btf->progs.owner_iterate_tuples;

	ol->iterator = which == ITERATOR_STORAGE ? storage : which ? tuples : NULL;
	ol->btf->rodata->owner_cfg.seeded = which == ITERATOR_TUPLES;
	bpf_program__set_autoload(storage, ol->iterator == storage);
	bpf_program__set_autoload(tuples, ol->iterator == tuples);
}

/* One try at the BTF object, with the programs that may be missing or without. */
static int try_btf(struct owner_load *ol, const struct bpf_object *capture,
		   const struct owner_load_options *opt, enum iterator iterator, bool cgroups)
{
	int err;

	ol->btf = owner_bpf__open();
	if (!ol->btf)
		return -errno;
	configure(&ol->btf->rodata->owner_cfg, opt);
	choose_iterator(ol, iterator);
	bpf_program__set_autoload(ol->btf->progs.owner_cgroup, cgroups);
	ol->send = choose_send(ol->btf);
	ol->btf->rodata->owner_cfg.sees_send = ol->send != NULL;
	bpf_program__set_autoload(ol->btf->progs.owner_send, ol->send == ol->btf->progs.owner_send);
	bpf_program__set_autoload(ol->btf->progs.owner_sent, ol->send == ol->btf->progs.owner_sent);
	err = share_maps(ol->btf->obj, capture);
	if (!err)
		err = owner_bpf__load(ol->btf);
	if (err) {
		owner_bpf__destroy(ol->btf);
		ol->btf = NULL;
	}
	return err;
}

static bool open_btf(struct owner_load *ol, const struct bpf_object *capture,
		     const struct owner_load_options *opt)
{
	/* Each of the programs alone may be what does not load. Without the paths of new cgroups
	 * there is nothing to tell: cgwatch.h finds nearly all of them. */
	static const struct {
		enum iterator iterator;
		bool cgroups;
	} tries[] = {
		{ITERATOR_STORAGE, true}, {ITERATOR_TUPLES, true}, {ITERATOR_STORAGE, false},
		{ITERATOR_TUPLES, false}, {ITERATOR_NONE, true},   {ITERATOR_NONE, false},
	};
	int err = -1, refused = 0;

	if (access(BTF_OF_KERNEL, R_OK)) {
		add_note(ol, "no BTF (" BTF_OF_KERNEL "; CONFIG_DEBUG_INFO_BTF)%s",
			 opt->btf ? "" : ", nor --btf FILE");
		return false;
	}
	for (unsigned int i = 0; err && i < sizeof(tries) / sizeof(tries[0]); i++) {
		err = try_btf(ol, capture, opt, tries[i].iterator, tries[i].cgroups);
		if (tries[i].iterator)
			refused = err;
	}
	if (err)
		add_note(ol, "the BTF tracepoints do not load (%s; they need Linux 5.12)",
			 strerror(-err));
	else if (!ol->iterator)
		add_note(ol,
			 "the iterators over open sockets do not load (%s): owners of "
			 "connections that are open already are learned when they are used",
			 strerror(-refused));
	return !err;
}

static int try_raw(struct owner_load *ol, const struct bpf_object *capture,
		   const struct owner_load_options *opt, const char *btf)
{
	LIBBPF_OPTS(bpf_object_open_opts, open, .btf_custom_path = btf);
	struct owner_raw_bpf *skel = owner_raw_bpf__open_opts(&open);
	int err;

	if (!skel)
		return -errno;
	configure(&skel->rodata->owner_cfg, opt);
	err = share_maps(skel->obj, capture);
	if (!err)
		err = owner_raw_bpf__load(skel);
	if (err) {
		owner_raw_bpf__destroy(skel);
		return err;
	}
	ol->raw = skel;
	return 0;
}

static bool open_raw(struct owner_load *ol, const struct bpf_object *capture,
		     const struct owner_load_options *opt)
{
	bool own = !access(BTF_OF_KERNEL, R_OK);
	const char *btf = own ? BTF_OF_KERNEL : opt->btf;
	int err;

	if (!btf)
		return false; /* there is a note already */
	if (!own && !btf_file_fits(btf)) {
		add_note(ol, "%s is of another kernel than this one", btf);
		return false;
	}
	err = try_raw(ol, capture, opt, btf);
	if (err)
		add_note(ol, "the raw tracepoints do not load (%s)", strerror(-err));
	return !err;
}

static int try_classic(struct owner_load *ol, const struct bpf_object *capture,
		       const struct owner_load_options *opt, bool family)
{
	struct owner_classic_bpf *skel = owner_classic_bpf__open();
	int err;

	if (!skel)
		return -errno;
	configure(&skel->rodata->owner_cfg, opt);
	bpf_program__set_autoload(skel->progs.owner_read, !family);
	bpf_program__set_autoload(skel->progs.owner_read_family, family);
	err = share_maps(skel->obj, capture);
	if (!err)
		err = owner_classic_bpf__load(skel);
	if (err) {
		owner_classic_bpf__destroy(skel);
		return err;
	}
	ol->classic = skel;
	return 0;
}

static bool open_classic(struct owner_load *ol, const struct bpf_object *capture,
			 const struct owner_load_options *opt)
{
	int family, err = tracefs_open(&ol->tracefs);

	if (err) {
		add_note(ol, "tracefs is not to be had (%s), and classic tracepoints need it",
			 strerror(-err));
		return false;
	}
	family = tracefs_has_field(&ol->tracefs, "tcp/tcp_rcv_space_adjust", "family");
	if (family < 0) {
		add_note(ol, "the tracepoint tcp/tcp_rcv_space_adjust is not there (%s)",
			 strerror(-family));
		return false;
	}
	err = try_classic(ol, capture, opt, family);
	if (err)
		add_note(ol, "the classic tracepoints do not load (%s)", strerror(-err));
	return !err;
}

int owner_load_open(const struct bpf_object *capture, const struct owner_load_options *opt,
		    struct owner_load **out)
{
	static const struct {
		enum owner_mode mode;
		bool (*open)(struct owner_load *ol, const struct bpf_object *capture,
			     const struct owner_load_options *opt);
		const char *instead; /* for the notes: why not the one before */
	} modes[] = {
		{OWNER_MODE_BTF, open_btf, NULL},
		{OWNER_MODE_RAW, open_raw, "owners come from raw tracepoints"},
		{OWNER_MODE_CLASSIC, open_classic, "owners come from classic tracepoints"},
	};
	struct owner_load *ol = calloc(1, sizeof(*ol));
	const char *instead = "processes are unknown";

	if (!ol)
		return -ENOMEM;
	ol->tracefs.fd = -1;
	ol->follow = opt->follow;
	ol->mode = OWNER_MODE_NONE;
	for (size_t i = 0; ol->mode == OWNER_MODE_NONE && i < sizeof(modes) / sizeof(modes[0]);
	     i++) {
		if (opt->want != OWNER_MODE_AUTO && opt->want != modes[i].mode)
			continue;
		if (!modes[i].open(ol, capture, opt))
			continue;
		ol->mode = modes[i].mode;
		instead = modes[i].instead;
	}
	if (instead)
		prefix_notes(ol, instead);
	*out = ol;
	return 0;
}

/* Keeps the link, or says what the program would have been for. */
static void keep_link(struct owner_load *ol, struct bpf_link *link, const char *lost)
{
	if (link)
		ol->links[ol->link_cnt++] = link;
	else
		add_note(ol, "%s (%s)", lost, strerror(errno));
}

/* By the event's number, as libbpf does, but found in our tracefs: nobody need have mounted it. */
static struct bpf_link *attach_classic(struct owner_load *ol, const struct bpf_program *prog,
				       const char *event)
{
	struct bpf_link *link;
	int fd = tracefs_event_open(&ol->tracefs, event);

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	link = bpf_program__attach_perf_event(prog, fd);
	if (!link) {
		int err = errno;

		close(fd);
		errno = err;
	}
	return link;
}

static const char no_clients[] = "owners of outgoing connections are unknown until they read";
static const char no_readers[] = "owners of accepted connections are unknown";
static const char no_paths[] = "cgroups that live for a moment may have no path";
static const char no_senders[] = "owners of outgoing connections are those who connected";

static void attach_btf(struct owner_load *ol)
{
	keep_link(ol, bpf_program__attach_trace(ol->btf->progs.owner_set_state), no_clients);
	keep_link(ol, bpf_program__attach_trace(ol->btf->progs.owner_read), no_readers);
	if (bpf_program__autoload(ol->btf->progs.owner_cgroup))
		keep_link(ol, bpf_program__attach_trace(ol->btf->progs.owner_cgroup), no_paths);
	if (ol->send)
		keep_link(ol, bpf_program__attach_trace(ol->send), no_senders);
}

static void attach_raws(struct owner_load *ol)
{
	keep_link(ol,
		  bpf_program__attach_raw_tracepoint(ol->raw->progs.owner_set_state,
						     "inet_sock_set_state"),
		  no_clients);
	keep_link(ol,
		  bpf_program__attach_raw_tracepoint(ol->raw->progs.owner_read,
						     "tcp_rcv_space_adjust"),
		  no_readers);
	keep_link(ol,
		  bpf_program__attach_raw_tracepoint(ol->raw->progs.owner_cgroup, "cgroup_mkdir"),
		  no_paths);
}

static void attach_classics(struct owner_load *ol)
{
	struct bpf_program *read = ol->classic->progs.owner_read;

	if (!bpf_program__autoload(read))
		read = ol->classic->progs.owner_read_family;
	keep_link(
		ol,
		attach_classic(ol, ol->classic->progs.owner_set_state, "sock/inet_sock_set_state"),
		no_clients);
	keep_link(ol, attach_classic(ol, read, "tcp/tcp_rcv_space_adjust"), no_readers);
}

void owner_load_attach(struct owner_load *ol)
{
	if (ol->mode == OWNER_MODE_BTF)
		attach_btf(ol);
	else if (ol->mode == OWNER_MODE_RAW)
		attach_raws(ol);
	else if (ol->mode == OWNER_MODE_CLASSIC)
		attach_classics(ol);
	if (!ol->link_cnt)
		ol->mode = OWNER_MODE_NONE;
}

/* Reading the iterator's output is what makes it run; it prints nothing. */
static int drain_iterator(struct bpf_link *link)
{
	char buf[256];
	ssize_t n;
	int err = 0, fd = bpf_iter_create(bpf_link__fd(link));

	if (fd < 0)
		return fd;
	do {
		n = read(fd, buf, sizeof(buf));
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	if (n < 0)
		err = -errno;
	close(fd);
	return err;
}

static int run_iterator(struct owner_load *ol)
{
	struct bpf_link *link;
	int err;

	if (!ol->iterator)
		return -ENOENT; /* there is a note already */
	link = bpf_program__attach_iter(ol->iterator, NULL);
	err = link ? drain_iterator(link) : -errno;
	bpf_link__destroy(link);
	if (err)
		add_note(ol, "the iterator over open sockets does not run (%s)", strerror(-err));
	return err;
}

/* From /proc, into the object's own view of the maps. */
static bool seed(struct owner_load *ol, const struct bpf_map *owners,
		 const struct bpf_map *followed)
{
	int err = owner_seed(bpf_map__fd(owners), bpf_map__max_entries(owners),
			     ol->follow == FOLLOW_ANY,
			     ol->follow == FOLLOW_MAP ? bpf_map__fd(followed) : -1);

	if (err)
		add_note(ol, "owners of open sockets cannot be read from /proc (%s)",
			 strerror(-err));
	return !err;
}

bool owner_load_iterate(struct owner_load *ol)
{
	switch (ol->mode) {
	case OWNER_MODE_BTF:
		return !run_iterator(ol);
	case OWNER_MODE_RAW:
		return seed(ol, ol->raw->maps.owners, ol->raw->maps.followed);
	case OWNER_MODE_CLASSIC:
		return seed(ol, ol->classic->maps.owners, ol->classic->maps.followed);
	default:
		return false;
	}
}

enum owner_mode owner_load_mode(const struct owner_load *ol)
{
	return ol->mode;
}

const char *owner_load_note(const struct owner_load *ol, unsigned int n)
{
	return n < ol->note_cnt ? ol->notes[n] : NULL;
}

void owner_load_close(struct owner_load *ol)
{
	if (!ol)
		return;
	while (ol->link_cnt)
		bpf_link__destroy(ol->links[--ol->link_cnt]);
	owner_bpf__destroy(ol->btf);
	owner_raw_bpf__destroy(ol->raw);
	owner_classic_bpf__destroy(ol->classic);
	tracefs_close(&ol->tracefs);
	while (ol->note_cnt)
		free(ol->notes[--ol->note_cnt]);
	free(ol);
}
