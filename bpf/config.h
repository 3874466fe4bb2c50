/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * config.h - what the capture programs are told before they are loaded. Constant from then on, so
 * that the verifier removes what is not asked for.
 */
#ifndef HTTPLAT_CONFIG_H
#define HTTPLAT_CONFIG_H

enum owner_lookup {
	OWNER_LOOKUP_COOKIE = 1 << 0, /* the `owners` hash has entries by socket cookie */
	OWNER_LOOKUP_TUPLE = 1 << 1,  /* ... and by tuple */
};

struct capture_config {
	__u8 filter_comm[16]; /* NUL padded; first byte 0: any */
	__u32 filter_pid;     /* tgid; 0: any */
	__u32 filter_uid;     /* with by_uid */
	__u32 filter_port;    /* either end; 0: any */
	__u32 snaplen;	      /* packet bytes copied at most; 0: no limit */
	__u32 wake_bytes;     /* wake the reader each time the ring has filled by this much */
	__u32 netns;	      /* inode number of the namespace of the hook; 0: more than one */
	__u32 owner_lookup;   /* enum owner_lookup */
	__u32 body_bytes;     /* of each body, that cross all the same */
	__u8 all_segments;    /* every TCP segment crosses, nothing is elided */
	__u8 find_bodies;     /* body.h: more than the verifier of an old kernel can follow */
	__u8 by_owner;	      /* any of the filters below, or filter_comm, or filter_pid */
	__u8 by_cgroup;	      /* `cgroups` says which */
	__u8 by_uid;
	__u8 follow; /* filter_pid's children too: EVENT_OWNER_FOLLOWED */
	__u8 expression; /* expression.h has one */
	__u8 sum_up;	 /* sum.h: of a body, and of acknowledgments, what is needed */
};

#ifdef __bpf__
const volatile struct capture_config cfg;
#endif

#endif
