// SPDX-License-Identifier: GPL-2.0-only
/* Cgroup paths as the runtimes and their drivers write them, and paths that mean harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "owner/workload.h"

#define A     "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"
#define B     "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID   "4f8a2c1d-0b3e-4a5f-9c6d-7e8f90a1b2c3"
#define UID_  "4f8a2c1d_0b3e_4a5f_9c6d_7e8f90a1b2c3"
#define UID2  "11111111-2222-4333-8444-555555555555"
#define UID2_ "11111111_2222_4333_8444_555555555555"
#define HASH  "0123456789abcdef0123456789abcdef" /* of a static pod's manifest */
#define SLICE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"
#define USER  "/user.slice/user-1000.slice/user@1000.service"

#define DOCKER	   WORKLOAD_DOCKER
#define CONTAINERD WORKLOAD_CONTAINERD
#define CRIO	   WORKLOAD_CRIO
#define PODMAN	   WORKLOAD_PODMAN
#define LXC	   WORKLOAD_LXC
#define NSPAWN	   WORKLOAD_NSPAWN

struct expected {
	const char *path;
	enum workload_runtime runtime;
	const char *id, *name, *pod, *unit, *outer; /* NULL: "" */
};

static void check(const char *path, const char *what, const char *got, const char *want)
{
	if (strcmp(got, want ? want : ""))
		fail_msg("%s: %s is '%s' and not '%s'", path, what, got, want ? want : "");
}

static void check_all(const struct expected *cases, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct expected *e = &cases[i];
		struct workload w;

		workload_parse(e->path, &w);
		check(e->path, "id", w.id, e->id);
		check(e->path, "name", w.name, e->name);
		check(e->path, "pod", w.pod_uid, e->pod);
		check(e->path, "unit", w.unit, e->unit);
		check(e->path, "outer", w.outer_id, e->outer);
		if (w.runtime != e->runtime)
			fail_msg("%s: runtime %d", e->path, w.runtime);
	}
}

#define CHECK(cases) check_all(cases, sizeof(cases) / sizeof(cases[0]))

static void test_docker(void **state)
{
	static const struct expected cases[] = {
		/* cgroupfs; systemd; rootless; --cgroup-parent of both; swarm is no different */
		{"/docker/" A, DOCKER, A},
		{"/system.slice/docker-" A ".scope", DOCKER, A, .unit = "docker-" A ".scope"},
		{USER "/user.slice/docker-" A ".scope", DOCKER, A, .unit = "docker-" A ".scope"},
		{USER "/app.slice/docker.service/docker/" A, DOCKER, A, .unit = "docker.service"},
		{"/batch/" A, WORKLOAD_UNKNOWN, A},
		{"/batch.slice/docker-" A ".scope", DOCKER, A, .unit = "docker-" A ".scope"},
		/* what runs in it makes cgroups of its own */
		{"/docker/" A "/init", DOCKER, A},
		{"/docker/" A "/init.scope", DOCKER, A, .unit = "init.scope"},
		{"/system.slice/docker-" A ".scope/system.slice/nginx.service", DOCKER, A,
		 .unit = "nginx.service"},
		/* the daemon, and BuildKit's steps within it, are no containers with a name */
		{"/system.slice/docker.service", .unit = "docker.service"},
		{"/docker/buildkit/h8fpkixjzzhrhe6bq0vnsf4ym"},
		{"/system.slice/docker.service/docker/buildkit/h8fpkixjzzhrhe6bq0vnsf4ym",
		 .unit = "docker.service"},
		{"/system.slice/docker-buildkit-h8fpkixjzzhrhe6bq0vnsf4ym.scope",
		 .unit = "docker-buildkit-h8fpkixjzzhrhe6bq0vnsf4ym.scope"},
		/* Amazon ECS, cgroupfs and systemd; Nomad's docker driver and its own executor */
		{"/ecs/73bf3e1fba9c4c2bb92f7b0e1ea01d4a/" A, WORKLOAD_UNKNOWN, A},
		{"/ecstasks.slice/ecstasks-73bf3e1fba9c4c2bb92f7b0e1ea01d4a.slice/docker-" A
		 ".scope",
		 DOCKER, A, .unit = "docker-" A ".scope"},
		{"/nomad.slice/docker-" A ".scope", DOCKER, A, .unit = "docker-" A ".scope"},
		{"/nomad.slice/share.slice/8b1c9a9e-2f0a-4f0e-9f0b-1f1c1d1e1f20.web.scope",
		 .unit = "8b1c9a9e-2f0a-4f0e-9f0b-1f1c1d1e1f20.web.scope"},
	};

	CHECK(cases);
}

static void test_kubernetes(void **state)
{
	static const struct expected cases[] = {
		/* cgroupfs: burstable, best effort, guaranteed, a static pod; the pod itself */
		{"/kubepods/burstable/pod" UID "/" A, WORKLOAD_UNKNOWN, A, .pod = UID},
		{"/kubepods/besteffort/pod" UID "/" A, WORKLOAD_UNKNOWN, A, .pod = UID},
		{"/kubepods/pod" UID "/" A, WORKLOAD_UNKNOWN, A, .pod = UID},
		{"/kubepods/burstable/pod" HASH "/" A, WORKLOAD_UNKNOWN, A, .pod = HASH},
		{"/kubepods/burstable/pod" UID, .pod = UID},
		/* systemd, with containerd, CRI-O, docker (dockershim, cri-dockerd) */
		{SLICE "/cri-containerd-" A ".scope", CONTAINERD, A, .pod = UID,
		 .unit = "cri-containerd-" A ".scope"},
		{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_
		 ".slice/crio-" A ".scope",
		 CRIO, A, .pod = UID, .unit = "crio-" A ".scope"},
		{"/kubepods.slice/kubepods-pod" UID_ ".slice/docker-" A ".scope", DOCKER, A,
		 .pod = UID, .unit = "docker-" A ".scope"},
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" HASH
		 ".slice/cri-containerd-" A ".scope",
		 CONTAINERD, A, .pod = HASH, .unit = "cri-containerd-" A ".scope"},
		{SLICE, .pod = UID},
		/* CRI-O: crun's sub-cgroup, cgroupfs, and conmon, which is not in the container */
		{SLICE "/crio-" A ".scope/container", CRIO, A, .pod = UID,
		 .unit = "crio-" A ".scope"},
		{"/kubepods/burstable/pod" UID "/crio-" A, CRIO, A, .pod = UID},
		{SLICE "/crio-conmon-" A ".scope", .pod = UID, .unit = "crio-conmon-" A ".scope"},
		{"/kubepods/burstable/pod" UID "/crio-conmon-" A, .pod = UID},
		/* the kubelet means systemd and containerd doesn't: v2, and v1 below its service */
		{"/kubepods-burstable-pod" UID_ ".slice:cri-containerd:" A, CONTAINERD, A,
		 .pod = UID},
		{"/system.slice/containerd.service/kubepods-pod" UID_ ".slice:cri-containerd:" A,
		 CONTAINERD, A, .pod = UID, .unit = "containerd.service"},
		/* a kubelet with --cgroup-root; containerd's own tree when no parent is given */
		{"/mine.slice/mine-kubepods.slice/mine-kubepods-pod" UID_ ".slice/cri-containerd-" A
		 ".scope",
		 CONTAINERD, A, .pod = UID, .unit = "cri-containerd-" A ".scope"},
		{"/my-pods.slice/my-pods-kubepods.slice/my-pods-kubepods-pod" HASH ".slice",
		 .pod = HASH},
		{"/k8s.io/" A, CONTAINERD, A},
		{"/system.slice/cri-containerd-" A ".scope", CONTAINERD, A,
		 .unit = "cri-containerd-" A ".scope"},
		/* the kubelet in its own unit */
		{"/system.slice/kubelet.service", .unit = "kubelet.service"},
	};

	CHECK(cases);
}

static void test_podman_and_nerdctl(void **state)
{
	static const struct expected cases[] = {
		/* podman, systemd: runc, crun's sub-cgroup, a pod, conmon */
		{"/machine.slice/libpod-" A ".scope", PODMAN, A, .unit = "libpod-" A ".scope"},
		{"/machine.slice/libpod-" A ".scope/container", PODMAN, A,
		 .unit = "libpod-" A ".scope"},
		{"/machine.slice/machine-libpod_pod_" B ".slice/libpod-" A ".scope/container",
		 PODMAN, A, .unit = "libpod-" A ".scope"},
		{"/machine.slice/libpod-conmon-" A ".scope", .unit = "libpod-conmon-" A ".scope"},
		/* cgroupfs: alone, in a pod, conmon */
		{"/libpod_parent/libpod-" A, PODMAN, A},
		{"/libpod_parent/" B "/libpod-" A, PODMAN, A},
		{"/libpod_parent/conmon"},
		{"/libpod_parent/libpod-conmon-" A},
		/* rootless: alone, in a pod */
		{USER "/user.slice/libpod-" A ".scope/container", PODMAN, A,
		 .unit = "libpod-" A ".scope"},
		{USER "/user.slice/user-libpod_pod_" B ".slice/libpod-" A ".scope/container",
		 PODMAN, A, .unit = "libpod-" A ".scope"},
		/* Quadlet: --cgroups=split, root and user */
		{"/system.slice/web.service/libpod-payload-" A, PODMAN, A, .unit = "web.service"},
		{"/system.slice/web.service/supervisor", .unit = "web.service"},
		{USER "/app.slice/web.service/libpod-payload-" A, PODMAN, A, .unit = "web.service"},
		/* the health check runs on the host, in a unit named for the container */
		{"/system.slice/" A ".service", .unit = A ".service"},
		{"/system.slice/" A "-3f2a9c.service", .unit = A "-3f2a9c.service"},
		/* nerdctl: cgroupfs in its name space, systemd, rootless */
		{"/default/" A, WORKLOAD_UNKNOWN, A},
		{"/system.slice/nerdctl-" A ".scope", CONTAINERD, A, .unit = "nerdctl-" A ".scope"},
		{USER "/user.slice/nerdctl-" A ".scope", CONTAINERD, A,
		 .unit = "nerdctl-" A ".scope"},
		/* a driver that we have not heard of */
		{"/system.slice/youki-" A ".scope", WORKLOAD_UNKNOWN, A,
		 .unit = "youki-" A ".scope"},
	};

	CHECK(cases);
}

static void test_machines(void **state)
{
	static const struct expected cases[] = {
		/* LXC, LXD, Incus by age; Proxmox; unprivileged; the monitor is outside */
		{"/lxc.payload.c1", LXC, .name = "c1"},
		{"/lxc.payload.c1/system.slice/nginx.service", LXC, .name = "c1",
		 .unit = "nginx.service"},
		{"/lxc.payload/c1/init.scope", LXC, .name = "c1", .unit = "init.scope"},
		{"/lxc/c1", LXC, .name = "c1"},
		{"/lxc/101/ns/system.slice/ssh.service", LXC, .name = "101", .unit = "ssh.service"},
		{"/lxc.payload.project_my-web", LXC, .name = "project_my-web"},
		{USER "/lxc.payload.c1", LXC, .name = "c1", .unit = "user@1000.service"},
		{"/user.slice/user-1000.slice/session-3.scope/lxc/c1", LXC, .name = "c1",
		 .unit = "session-3.scope"},
		{"/lxc.monitor.c1"},
		{"/lxc.monitor/c1"},
		{"/lxc.pivot"},
		/* nspawn: by machined, by its service, both with their halves */
		{"/machine.slice/machine-my\\x2dbox.scope", NSPAWN, .name = "my-box",
		 .unit = "machine-my\\x2dbox.scope"},
		{"/machine.slice/machine-box.scope/payload/system.slice/web.service", NSPAWN,
		 .name = "box", .unit = "web.service"},
		{"/machine.slice/systemd-nspawn@my-box.service/payload/init.scope", NSPAWN,
		 .name = "my-box", .unit = "init.scope"},
		{"/machine.slice/systemd-nspawn@my-box.service/supervisor", NSPAWN,
		 .name = "my-box", .unit = "systemd-nspawn@my-box.service"},
		/* libvirt: a container, a virtual machine */
		{"/machine.slice/machine-lxc\\x2d4711\\x2dweb.scope", LXC, .name = "web",
		 .unit = "machine-lxc\\x2d4711\\x2dweb.scope"},
		{"/machine.slice/machine-qemu\\x2d3\\x2dwin.scope/libvirt/emulator",
		 .unit = "machine-qemu\\x2d3\\x2dwin.scope"},
		/* Cloud Foundry's garden has ids of another kind */
		{"/garden/ae8b16ea-c44a-4d1f-51a4-8d8b"},
	};

	CHECK(cases);
}

static void test_nested(void **state)
{
	static const struct expected cases[] = {
		/* docker in docker, both drivers; in LXC */
		{"/docker/" B "/docker/" A, DOCKER, A, .outer = B},
		{"/system.slice/docker-" B ".scope/docker/" A, DOCKER, A, .outer = B,
		 .unit = "docker-" B ".scope"},
		{"/lxc.payload.c1/system.slice/docker-" A ".scope", DOCKER, A,
		 .unit = "docker-" A ".scope"},
		{"/docker/" B "/lxc/c1", LXC, .name = "c1", .outer = B},
		/* kind, both drivers, old and new; k3d */
		{"/docker/" B "/kubelet.slice/kubelet-kubepods.slice/"
		 "kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" UID_
		 ".slice/cri-containerd-" A ".scope",
		 CONTAINERD, A, .outer = B, .pod = UID, .unit = "cri-containerd-" A ".scope"},
		{"/docker/" B "/kubelet/kubepods/besteffort/pod" UID "/" A, WORKLOAD_UNKNOWN, A,
		 .outer = B, .pod = UID},
		{"/system.slice/docker-" B ".scope/kubelet.slice/kubelet-kubepods.slice/"
		 "kubelet-kubepods-pod" UID_ ".slice/cri-containerd-" A ".scope",
		 CONTAINERD, A, .outer = B, .pod = UID, .unit = "cri-containerd-" A ".scope"},
		{"/docker/" B "/kubepods/burstable/pod" UID "/" A, WORKLOAD_UNKNOWN, A, .outer = B,
		 .pod = UID},
		/* docker in a pod; Kubernetes in a pod */
		{SLICE "/cri-containerd-" B ".scope/docker/" A, DOCKER, A, .outer = B, .pod = UID,
		 .unit = "cri-containerd-" B ".scope"},
		{"/kubepods/pod" UID2 "/" B SLICE "/cri-containerd-" A ".scope", CONTAINERD, A,
		 .outer = B, .pod = UID, .unit = "cri-containerd-" A ".scope"},
		/* three deep: the two innermost */
		{"/docker/" HASH HASH "/docker/" B "/docker/" A, DOCKER, A, .outer = B},
		/* seen from within a cgroup name space */
		{"/../../docker/" A, DOCKER, A},
	};

	CHECK(cases);
}

static void test_units(void **state)
{
	static const struct expected cases[] = {
		{"/"},
		{"/init.scope", .unit = "init.scope"},
		{"/system.slice"},
		{"/system.slice/nginx.service", .unit = "nginx.service"},
		{"/system.slice/nginx.service/workers/1", .unit = "nginx.service"},
		{"/system.slice/system-getty.slice/getty@tty1.service",
		 .unit = "getty@tty1.service"},
		{"/system.slice/system-postgresql.slice/postgresql@15-main.service",
		 .unit = "postgresql@15-main.service"},
		{"/system.slice/run-u42.service", .unit = "run-u42.service"},
		{"/system.slice/_memory.low.service", .unit = "memory.low.service"},
		{"/user.slice/user-1000.slice/session-3.scope", .unit = "session-3.scope"},
		{USER "/init.scope", .unit = "init.scope"},
		{USER "/app.slice/app-org.gnome.Terminal.slice/vte-spawn-1.scope",
		 .unit = "vte-spawn-1.scope"},
		{USER "/app.slice/web.service", .unit = "web.service"},
		{USER, .unit = "user@1000.service"},
	};
	static const struct {
		const char *path;
		bool has;
		uint32_t user;
	} users[] = {
		{USER "/app.slice/web.service", true, 1000},
		{"/user.slice/user-0.slice/session-1.scope", true, 0},
		{"/user.slice/user-4294967295.slice", true, 4294967295u},
		{"/user.slice/user-4294967296.slice", false, 0},
		{"/user.slice/user-99999999999999999999.slice", false, 0},
		{"/user.slice/user-.slice", false, 0},
		{"/user.slice/user-1x.slice", false, 0},
		{"/system.slice/nginx.service", false, 0},
	};
	struct workload w;
	size_t i;

	CHECK(cases);
	for (i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		workload_parse(users[i].path, &w);
		assert_int_equal(w.has_user, users[i].has);
		assert_int_equal(w.user, users[i].user);
	}
}

/* What looks like an id or a name and is none; nothing here may be taken for a container. */
static void test_near_misses(void **state)
{
	static const struct expected cases[] = {
		{""},
		{"///"},
		{"/docker"},
		{"/docker/" A "0"},
		{"/docker/0a1b2c3d4e5f"},
		{"/docker/0A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C6D7E8F9"},
		{"/docker/" A ".slice"},
		{"/x" A},
		{"/system.slice/docker-.scope", .unit = "docker-.scope"},
		{"/system.slice/.scope"},
		{"/system.slice/.service"},
		{"/process_api/" HASH},
		{"/lxc.payload."},
		{"/lxc"},
		{"/machine.slice/machine-.scope", .unit = "machine-.scope"},
		{"/machine.slice/systemd-nspawn@.service", .unit = "systemd-nspawn@.service"},
		{"/kubepods/podx"},
		{"/kubepods/pod" UID "0"},
		{"/kubepods/pod4f8a2c1d-0b3e-4a5f-9c6d+7e8f90a1b2c3"},
		{"/kubepods-pod" UID},
		/* no unit has such a name */
		{"/system.slice/a b.service"},
		{"/system.slice/\033[2J.service"},
		{"/system.slice/\xff.scope"},
		/* half an escape; one of NUL, one of '/' */
		{"/machine.slice/machine-a\\x2.scope", NSPAWN, .name = "a\\x2",
		 .unit = "machine-a\\x2.scope"},
		{"/machine.slice/machine-a\\x00b\\x2fc\\xzz.scope", NSPAWN,
		 .name = "a\\x00b\\x2fc\\xzz", .unit = "machine-a\\x00b\\x2fc\\xzz.scope"},
		/* names keep their bytes: who prints them escapes them */
		{"/lxc.payload.\033[2J", LXC, .name = "\033[2J"},
	};

	CHECK(cases);
}

/* The longest names that there are, longer ones than there are, and noise: within bounds (ASan). */
static void test_bounds(void **state)
{
	static const char *const words[] = {
		"/",	  "docker-",  A,	".scope", ":",	      "lxc.payload.", "machine-",
		".slice", "kubepods", "-pod",	UID_,	  "user-",    "42",	      "_",
		"\\x41",  "-conmon-", "libpod", "lxc/",	  ".service", "\377",	      "pod"};
	char name[600], path[8192];
	struct workload w;
	unsigned int seed = 1;
	size_t n;

	for (n = 240; n < 260; n++) {
		memset(name, 'x', sizeof(name));
		name[n] = '\0';
		snprintf(path, sizeof(path), "/lxc.payload.%s/%s.service", name, name);
		workload_parse(path, &w);
		assert_true(strlen(w.name) <= WORKLOAD_NAME_MAX);
		assert_int_equal(w.name[0] != '\0', strlen("lxc.payload.") + n <= 255);
		assert_int_equal(w.unit[0] != '\0', n + strlen(".service") <= 255);
	}
	for (n = 0; n < 20000; n++) {
		int used = 0, left;

		for (left = rand_r(&seed) % 24; left; left--)
			used += snprintf(path + used, sizeof(path) - used, "%s",
					 words[(unsigned int)rand_r(&seed) %
					       (sizeof(words) / sizeof(words[0]))]);
		path[used] = '\0';
		workload_parse(path, &w);
		assert_true(!w.id[0] || strlen(w.id) == WORKLOAD_ID_LEN);
		assert_true(strlen(w.unit) <= WORKLOAD_NAME_MAX);
	}
	workload_parse(NULL, &w);
	assert_int_equal(w.id[0] | w.name[0] | w.unit[0] | w.pod_uid[0], 0);
}

static void test_runtime_names(void **state)
{
	assert_null(workload_runtime_name(WORKLOAD_UNKNOWN));
	assert_string_equal(workload_runtime_name(DOCKER), "docker");
	assert_string_equal(workload_runtime_name(CONTAINERD), "containerd");
	assert_string_equal(workload_runtime_name(CRIO), "cri-o");
	assert_string_equal(workload_runtime_name(PODMAN), "podman");
	assert_string_equal(workload_runtime_name(LXC), "lxc");
	assert_string_equal(workload_runtime_name(NSPAWN), "nspawn");
	assert_null(workload_runtime_name(NSPAWN + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_docker),
		cmocka_unit_test(test_kubernetes),
		cmocka_unit_test(test_podman_and_nerdctl),
		cmocka_unit_test(test_machines),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_near_misses),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_runtime_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
