/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * owner_load.h - loads and attaches the BPF programs that learn which task uses a socket.
 *
 * Attribution is apart from capture and may be absent. Tried in this order, each by loading it:
 *
 *	OWNER_MODE_BTF      owner.bpf.c: BTF tracepoints and an iterator over open files; writes the
 *	                    owner into the socket's storage. Where the verifier does not let the
 *	                    iterator do that (seen with 6.18.44), its part goes into the `owners` hash
 *	OWNER_MODE_RAW      owner_raw.bpf.c: raw tracepoints, where the kernel's BTF is too old for
 *	                    the first (before 5.12) or comes from a file; writes the owner into the
 *	                    `owners` hash, by cookie and by tuple
 *	OWNER_MODE_CLASSIC  owner_classic.bpf.c: classic tracepoints, without BTF; into that hash too
 *	OWNER_MODE_NONE     no owners
 *
 * What could not be had becomes a note, never a failure.
 *
 * Order at the start: load the capture object; owner_load_open(); owner_load_attach();
 * owner_load_iterate(); attach the capture programs. So a socket either existed when the iterator
 * ran or met the tracepoints, and the first packet captured finds its owner.
 */
#ifndef HTTPLAT_OWNER_LOAD_H
#define HTTPLAT_OWNER_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "../../bpf/event.h"
/* after event.h */
#include "../../bpf/conn.h"

struct bpf_object;

enum owner_mode {
	OWNER_MODE_AUTO = 0, /* the best that loads */
	OWNER_MODE_BTF,
	OWNER_MODE_RAW,
	OWNER_MODE_CLASSIC,
	OWNER_MODE_NONE,
};

struct owner_load;

struct owner_load_options {
	enum owner_mode want;  /* other than AUTO: this one or NONE */
	bool by_tuple;		  /* the hook has no socket: write `owners` by tuple as well */
	uint32_t netns;		  /* that the hook is in, and looks up tuples with; 0: all */
	const char *btf;	  /* this kernel's types, where it has none itself (btf_file.h) */
	enum owner_follow follow; /* who gets EVENT_OWNER_FOLLOWED */
};

/*
 * Loads the owner programs. `capture` is the loaded capture object: each map of the owner objects
 * that has a namesake there (conns, owners, ring, counters) is shared with it; it must outlive
 * *out. Returns 0, also where nothing loads (see the mode and the notes), or -ENOMEM with *out
 * untouched.
 *
 * The mode is known only now, after the capture object was loaded; so let that one look into
 * `owners` by cookie and by tuple (its owner_lookup) whenever the socket's storage names nobody:
 * where storage serves, that is once or twice a connection.
 */
int owner_load_open(const struct bpf_object *capture, const struct owner_load_options *opt,
		    struct owner_load **out);

/*
 * Attaches what was loaded; what does not attach becomes a note, and the mode NONE when nothing
 * did.
 */
void owner_load_attach(struct owner_load *ol);

/*
 * Names the owners of sockets that exist now: in BTF mode by the iterator, in RAW and CLASSIC mode
 * from /proc (owner_seed.h). Returns whether that was done. Blocks for milliseconds: a few a
 * thousand processes by the iterator, some tens by /proc.
 */
bool owner_load_iterate(struct owner_load *ol);

/* What is at work: never AUTO. */
enum owner_mode owner_load_mode(const struct owner_load *ol);

/* One line for each thing that could not be had, and why; NULL at the end. Owned by *ol. */
const char *owner_load_note(const struct owner_load *ol, unsigned int n);

/* Detaches and frees. NULL is fine. */
void owner_load_close(struct owner_load *ol);

#endif
