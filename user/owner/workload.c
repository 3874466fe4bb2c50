// SPDX-License-Identifier: GPL-2.0-only
#include "workload.h"

#include <stddef.h>
#include <string.h>

/* One component of the path, or a part of one. */
struct part {
	const char *ptr;
	size_t len;
};

static bool is(struct part p, const char *text)
{
	return p.len == strlen(text) && !memcmp(p.ptr, text, p.len);
}

static bool cut_prefix(struct part *p, const char *prefix)
{
	size_t len = strlen(prefix);

	if (p->len < len || memcmp(p->ptr, prefix, len))
		return false;
	p->ptr += len;
	p->len -= len;
	return true;
}

static bool cut_suffix(struct part *p, const char *suffix)
{
	size_t len = strlen(suffix);

	if (p->len < len || memcmp(p->ptr + p->len - len, suffix, len))
		return false;
	p->len -= len;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

/* The value of a hexadecimal digit of either case; -1: it is none. */
static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool all_hex(const char *ptr, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!is_hex(ptr[i]))
			return false;
	return true;
}

static void copy(char *to, size_t size, struct part p)
{
	size_t len = p.len < size ? p.len : size - 1;

	memcpy(to, p.ptr, len);
	to[len] = '\0';
}

/*
 * systemd.unit(5) "String Escaping": \xNN is a byte. Bounded by `size`, NUL and '/' left as they
 * are.
 */
static void copy_unescaped(char *to, size_t size, struct part p)
{
	size_t i, n = 0;

	for (i = 0; i < p.len && n + 1 < size; i++) {
		char c = p.ptr[i];

		if (c == '\\' && p.len - i >= 4 && p.ptr[i + 1] == 'x') {
			int high = hex_value(p.ptr[i + 2]), low = hex_value(p.ptr[i + 3]);
			int value = high < 0 || low < 0 ? 0 : high << 4 | low;

			if (value && value != '/') {
				c = (char)value;
				i += 3;
			}
		}
		to[n++] = c;
	}
	to[n] = '\0';
}

/* A container further in than what was found before. */
static void enter(struct workload *w, enum workload_runtime runtime)
{
	if (w->id[0])
		memcpy(w->outer_id, w->id, sizeof(w->outer_id));
	w->runtime = runtime;
	w->id[0] = w->name[0] = '\0';
}

/* --- containers with an id -------------------------------------------------------------------- */

/* What the systemd drivers, and some cgroupfs ones, put before the id: "docker-<ID>.scope". */
static const struct {
	const char *prefix;
	enum workload_runtime runtime;
} prefixes[] = {
	{"docker", WORKLOAD_DOCKER},
	{"cri-containerd", WORKLOAD_CONTAINERD},
	{"nerdctl", WORKLOAD_CONTAINERD},
	{"crio", WORKLOAD_CRIO},
	{"libpod", WORKLOAD_PODMAN},
	{"libpod-payload", WORKLOAD_PODMAN}, /* podman --cgroups=split */
};

static enum workload_runtime runtime_of_prefix(struct part prefix)
{
	size_t i;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (is(prefix, prefixes[i].prefix))
			return prefixes[i].runtime;
	return WORKLOAD_UNKNOWN;
}

/*
 * "[PREFIX-]<ID>[.scope]", or "SLICE:PREFIX:<ID>": what a cgroupfs runtime makes of the name
 * that was meant for a systemd one. Cuts *p to the id and gives what stood before.
 */
static bool split_id(struct part *p, struct part *prefix)
{
	struct part name = *p;
	const char *colon;

	cut_suffix(&name, ".scope");
	if (name.len < WORKLOAD_ID_LEN)
		return false;
	*prefix = (struct part){name.ptr, name.len - WORKLOAD_ID_LEN};
	*p = (struct part){name.ptr + prefix->len, WORKLOAD_ID_LEN};
	if (!all_hex(p->ptr, p->len))
		return false;
	if (!prefix->len)
		return true;
	if (!cut_suffix(prefix, "-") && !cut_suffix(prefix, ":"))
		return false;
	colon = memrchr(prefix->ptr, ':', prefix->len);
	if (colon) {
		prefix->len -= (size_t)(colon + 1 - prefix->ptr);
		prefix->ptr = colon + 1;
	}
	return true;
}

static bool find_container(struct workload *w, struct part comp, struct part before)
{
	enum workload_runtime runtime = WORKLOAD_UNKNOWN;
	struct part prefix;

	if (!split_id(&comp, &prefix))
		return false;
	/* conmon watches the container from outside. */
	if (cut_suffix(&prefix, "-conmon"))
		return false;
	if (prefix.len)
		runtime = runtime_of_prefix(prefix);
	else if (is(before, "docker"))
		runtime = WORKLOAD_DOCKER;
	else if (is(before, "k8s.io")) /* the name space of containerd that Kubernetes has */
		runtime = WORKLOAD_CONTAINERD;
	else if (is(before, "libpod_parent"))
		return false; /* a pod of podman's; its containers are below */
	enter(w, runtime);
	copy(w->id, sizeof(w->id), comp);
	return true;
}

/* --- containers with a name ------------------------------------------------------------------- */

/* liblxc: "lxc.payload.NAME" since 4.0, "lxc.payload/NAME" in 3.1 and 3.2, "lxc/NAME" before. */
static bool find_lxc(struct workload *w, struct part comp, struct part before)
{
	if (!cut_prefix(&comp, "lxc.payload.") && !is(before, "lxc.payload") && !is(before, "lxc"))
		return false;
	if (!comp.len)
		return false;
	enter(w, WORKLOAD_LXC);
	copy(w->name, sizeof(w->name), comp);
	return true;
}

/* Cuts "qemu-12-" or "lxc-12-", which libvirt puts before its machines' names. */
static bool cut_libvirt(struct part *name, const char *driver)
{
	struct part rest = *name;
	size_t digits = 0;

	if (!cut_prefix(&rest, driver))
		return false;
	while (digits < rest.len && is_digit(rest.ptr[digits]))
		digits++;
	if (!digits || digits + 1 >= rest.len || rest.ptr[digits] != '-')
		return false;
	*name = (struct part){rest.ptr + digits + 1, rest.len - digits - 1};
	return true;
}

/*
 * systemd-machined's scope "machine-<escaped NAME>.scope", or systemd-nspawn's own service,
 * whose instance is the machine's name as it is. Virtual machines of libvirt's are registered as
 * well, and are no containers.
 */
static bool find_machine(struct workload *w, struct part comp)
{
	char unescaped[WORKLOAD_NAME_MAX + 1];
	struct part name = comp;
	enum workload_runtime runtime = WORKLOAD_NSPAWN;

	if (cut_prefix(&name, "systemd-nspawn@") && cut_suffix(&name, ".service") && name.len) {
		enter(w, runtime);
		copy(w->name, sizeof(w->name), name);
		return true;
	}
	name = comp;
	if (!cut_prefix(&name, "machine-") || !cut_suffix(&name, ".scope") || !name.len)
		return false;
	copy_unescaped(unescaped, sizeof(unescaped), name);
	name = (struct part){unescaped, strlen(unescaped)};
	if (cut_libvirt(&name, "qemu-"))
		return false;
	if (cut_libvirt(&name, "lxc-"))
		runtime = WORKLOAD_LXC;
	enter(w, runtime);
	copy(w->name, sizeof(w->name), name);
	return true;
}

/* --- pods ------------------------------------------------------------------------------------- */

/*
 * RFC 9562 §4 with '-', or '_' for it; or the 32 digits that the kubelet makes of a manifest's
 * file.
 */
static bool is_uid(struct part p)
{
	size_t i;

	if (p.len == 32)
		return all_hex(p.ptr, p.len);
	if (p.len != WORKLOAD_UID_LEN)
		return false;
	for (i = 0; i < p.len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? p.ptr[i] != '-' && p.ptr[i] != '_' : !is_hex(p.ptr[i]))
			return false;
	}
	return true;
}

/* "...-pod<UID>", cut to the uid; the uid has either length. */
static bool cut_to_uid(struct part *p)
{
	static const size_t lengths[] = {WORKLOAD_UID_LEN, 32};
	size_t i;

	for (i = 0; i < 2; i++) {
		struct part head = *p, uid;

		if (p->len < lengths[i])
			continue;
		head.len -= lengths[i];
		uid = (struct part){p->ptr + head.len, lengths[i]};
		if (is_uid(uid) && (is(head, "pod") || cut_suffix(&head, "-pod"))) {
			*p = uid;
			return true;
		}
	}
	return false;
}

/*
 * cgroupfs: "pod<UID>". systemd: "kubepods[-QOS]-pod<UID>.slice", where '-' in it would mean a
 * level.
 */
static void find_pod(struct workload *w, struct part comp)
{
	const char *colon = memchr(comp.ptr, ':', comp.len);
	bool slice;

	if (colon)
		comp.len = (size_t)(colon - comp.ptr);
	slice = cut_suffix(&comp, ".slice");
	if (!slice && comp.len > strlen("pod") + WORKLOAD_UID_LEN)
		return;
	if (!cut_to_uid(&comp))
		return;
	copy(w->pod_uid, sizeof(w->pod_uid), comp);
	for (char *c = w->pod_uid; *c; c++)
		if (*c == '_')
			*c = '-';
}

/* --- units ------------------------------------------------------------------------------------ */

/* systemd.unit(5): "ASCII letters, digits, ':', '-', '_', '.', and '\'", and '@' of templates. */
static bool is_unit_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr(":-_.\\@", c));
}

static void find_unit(struct workload *w, struct part comp)
{
	struct part stem = comp;
	size_t i;

	if (comp.len > WORKLOAD_NAME_MAX)
		return;
	if (!cut_suffix(&stem, ".service") && !cut_suffix(&stem, ".scope"))
		return;
	/* systemd puts '_' before what could be taken for a file of the kernel's. */
	cut_prefix(&comp, "_");
	for (i = 0; i < comp.len; i++)
		if (!is_unit_char(comp.ptr[i]))
			return;
	if (stem.len)
		copy(w->unit, sizeof(w->unit), comp);
}

/* "user-UID.slice", without the leading zeros that nobody writes. */
static void find_user(struct workload *w, struct part comp)
{
	uint64_t uid = 0;
	size_t i;

	if (!cut_prefix(&comp, "user-") || !cut_suffix(&comp, ".slice") || !comp.len ||
	    comp.len > 10)
		return;
	for (i = 0; i < comp.len; i++) {
		if (!is_digit(comp.ptr[i]))
			return;
		uid = uid * 10 + (uint64_t)(comp.ptr[i] - '0');
	}
	if (uid > UINT32_MAX)
		return;
	w->has_user = true;
	w->user = (uint32_t)uid;
}

void workload_parse(const char *path, struct workload *out)
{
	struct part comp = {"", 0}, before;

	memset(out, 0, sizeof(*out));
	if (!path)
		return;
	while (*path) {
		if (*path == '/') {
			path++;
			continue;
		}
		before = comp;
		comp = (struct part){path, strcspn(path, "/")};
		path += comp.len;
		if (comp.len > WORKLOAD_NAME_MAX)
			continue; /* no file system holds such a name */
		find_user(out, comp);
		find_pod(out, comp);
		find_unit(out, comp);
		if (!find_lxc(out, comp, before) && !find_machine(out, comp))
			find_container(out, comp, before);
	}
}

const char *workload_runtime_name(enum workload_runtime runtime)
{
	static const char *const names[] = {
		[WORKLOAD_DOCKER] = "docker", [WORKLOAD_CONTAINERD] = "containerd",
		[WORKLOAD_CRIO] = "cri-o",    [WORKLOAD_PODMAN] = "podman",
		[WORKLOAD_LXC] = "lxc",	      [WORKLOAD_NSPAWN] = "nspawn",
	};

	return runtime < sizeof(names) / sizeof(names[0]) ? names[runtime] : NULL;
}
