// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names from state files. Each test lays out a root folder as the runtime writes it (trimmed to
 * what matters and some of what doesn't), and looks a cgroup path up in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture_root.h"
#include "owner/runtime.h"
#include "owner/statefile.h"

#define A    "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"
#define B    "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID  "4f8a2c1d-0b3e-4a5f-9c6d-7e8f90a1b2c3"
#define UID_ "4f8a2c1d_0b3e_4a5f_9c6d_7e8f90a1b2c3"

#define SLICE	 "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"
#define TASKS	 "io.containerd.runtime.v2.task"
#define STORAGE	 "var/lib/containers/storage"
#define USER	 "/user.slice/user-1000.slice/user@1000.service/user.slice"
#define CONFIG_A "/containers/" A "/config.v2.json"

static bool look(struct fixture_root *f, const char *cgroup, struct runtime_names *out)
{
	struct workload w;

	workload_parse(cgroup, &w);
	return runtime_lookup(f->fd, &w, out);
}

struct expected {
	enum workload_runtime runtime;
	const char *container, *image, *pod_namespace, *pod, *pod_container; /* NULL: "" */
};

static void same(const char *what, const char *got, const char *want)
{
	if (strcmp(got, want ? want : ""))
		fail_msg("%s is '%s' and not '%s'", what, got, want ? want : "");
}

static void finds(struct fixture_root *f, const char *cgroup, struct expected want)
{
	struct runtime_names got;

	if (!look(f, cgroup, &got))
		fail_msg("%s: something is lacking", cgroup);
	assert_int_equal(got.runtime, want.runtime);
	same("container", got.container, want.container);
	same("image", got.image, want.image);
	same("namespace", got.pod_namespace, want.pod_namespace);
	same("pod", got.pod, want.pod);
	same("container of the pod", got.pod_container, want.pod_container);
}

static void finds_nothing(struct fixture_root *f, const char *cgroup)
{
	static const struct runtime_names none;
	struct runtime_names got;

	assert_false(look(f, cgroup, &got));
	assert_memory_equal(&got, &none, sizeof(got));
}

/* --- docker ----------------------------------------------------------------------------------- */

#define DOCKER_JSON                                                                                \
	"{\"StreamConfig\":{},\"State\":{\"Running\":true,\"Pid\":4711,\"ExitCode\":0},\"ID\":"    \
	"\"" A "\",\"Created\":\"2026-11-22T10:00:00Z\",\"Managed\":false,\"Path\":\"nginx\","     \
	"\"Args\":[],"                                                                             \
	"\"Config\":{\"Hostname\":\"0a1b2c3d4e5f\",\"Env\":[\"PATH=/"                              \
	"bin\"],\"Image\":\"nginx:1.27\","                                                         \
	"\"Labels\":{\"com.docker.compose.service\":\"web\"}},\"Image\":\"sha256:" B "\","         \
	"\"NetworkSettings\":{\"Networks\":{\"bridge\":{\"Name\":\"none of it\"}}},"               \
	"\"Name\":\"/shop-web-1\",\"Driver\":\"overlay2\",\"RestartCount\":0}"

static const struct expected docker_web = {WORKLOAD_DOCKER, "shop-web-1", "nginx:1.27"};

static void test_docker(void **state)
{
	struct fixture_root *f = *state;
	struct runtime_names got;

	finds_nothing(f, "/docker/" A);
	fixture_put(f, "var/lib/docker" CONFIG_A, DOCKER_JSON);
	finds(f, "/docker/" A, docker_web);
	finds(f, "/system.slice/docker-" A ".scope", docker_web);
	finds(f, "/batch/" A, docker_web); /* --cgroup-parent */
	finds(f, "/system.slice/docker-" A ".scope/init.scope", docker_web);
	finds_nothing(f, "/docker/" B);
	/* Another runtime's container of that id is not this one. */
	finds_nothing(f, "/machine.slice/libpod-" A ".scope");
	look(f, "/docker/" A, &got);
	assert_int_equal(got.init_pid, 4711);
}

static void test_docker_elsewhere(void **state)
{
	struct fixture_root *f = *state;

	fixture_put(f, "etc/docker/daemon.json",
		    "{\"log-level\":\"warn\",\"data-root\":\"/srv/docker\"}");
	fixture_put(f, "srv/docker" CONFIG_A, DOCKER_JSON);
	finds(f, "/docker/" A, docker_web);
}

/* An absolute link stays below the root, as for the daemon that lives there. */
static void test_docker_behind_a_link(void **state)
{
	struct fixture_root *f = *state;

	fixture_put(f, "data/docker" CONFIG_A, DOCKER_JSON);
	fixture_link(f, "var/lib/docker", "/data/docker");
	finds(f, "/docker/" A, docker_web);
}

static void test_docker_rootless(void **state)
{
	struct fixture_root *f = *state;

	fixture_put(f, "etc/passwd",
		    "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000:,,,:/home/ann:/bin/sh\n");
	fixture_put(f, "home/ann/.local/share/docker" CONFIG_A, DOCKER_JSON);
	finds(f, USER "/docker-" A ".scope", docker_web);
	finds_nothing(f, "/user.slice/user-1001.slice/user@1001.service/user.slice/docker-" A
			 ".scope");
	finds_nothing(f, "/docker/" A);
}

/* dockershim, cri-dockerd: docker's own name, and the kubelet's labels. */
static void test_docker_in_kubernetes(void **state)
{
	struct fixture_root *f = *state;

	fixture_put(f, "var/lib/docker" CONFIG_A,
		    "{\"Config\":{\"Image\":\"nginx@sha256:" B "\",\"Labels\":{"
		    "\"annotation.io.kubernetes.container.hash\":\"b2f3\","
		    "\"io.kubernetes.container.name\":\"web\",\"io.kubernetes.docker.type\":"
		    "\"container\","
		    "\"io.kubernetes.pod.name\":\"web-0\",\"io.kubernetes.pod.namespace\":\"shop\","
		    "\"io.kubernetes.pod.uid\":\"" UID "\"}},\"Name\":\"/k8s_web_web-0_shop_" UID
		    "_0\"}");
	finds(f, "/kubepods/burstable/pod" UID "/" A,
	      (struct expected){WORKLOAD_DOCKER, "k8s_web_web-0_shop_" UID "_0", "nginx@sha256:" B,
				"shop", "web-0", "web"});
}

/* --- containerd ------------------------------------------------------------------------------- */

#define CRI_JSON(type, more)                                                                       \
	"{\"ociVersion\":\"1.1.0\",\"process\":{\"user\":{\"uid\":0,\"gid\":0},\"args\":["         \
	"\"nginx\"]},"                                                                             \
	"\"root\":{\"path\":\"rootfs\"},\"mounts\":[{\"destination\":\"/"                          \
	"proc\",\"type\":\"proc\"}],"                                                              \
	"\"annotations\":{\"io.kubernetes.cri.container-type\":\"" type "\"," more                 \
	"\"io.kubernetes.cri.sandbox-id\":\"" B "\",\"io.kubernetes.cri.sandbox-name\":\"web-0\"," \
	"\"io.kubernetes.cri.sandbox-namespace\":\"shop\",\"io.kubernetes.cri.sandbox-uid\":"      \
	"\"" UID "\"},\"linux\":{\"cgroupsPath\":\"kubepods-burstable-pod" UID_                    \
	".slice:cri-containerd:" A "\",\"namespaces\":[{\"type\":\"pid\"}]}}"
#define CRI_CONTAINER                                                                              \
	CRI_JSON("container",                                                                      \
		 "\"io.kubernetes.cri.container-name\":\"web\","                                   \
		 "\"io.kubernetes.cri.image-name\":\"docker.io/library/nginx:1.27\",")

static const struct expected cri_web = {
	WORKLOAD_CONTAINERD, "web", "docker.io/library/nginx:1.27", "shop", "web-0", "web"};

static void test_containerd_cri(void **state)
{
	struct fixture_root *f = *state;

	fixture_put(f, "run/containerd/" TASKS "/k8s.io/" A "/config.json", CRI_CONTAINER);
	fixture_put(f, "run/containerd/" TASKS "/k8s.io/" B "/config.json",
		    CRI_JSON("sandbox", ""));
	finds(f, SLICE "/cri-containerd-" A ".scope", cri_web);
	finds(f, "/kubepods/burstable/pod" UID "/" A, cri_web);
	finds(f, "/kubepods-burstable-pod" UID_ ".slice:cri-containerd:" A, cri_web);
	/* The pause container has no name. */
	finds(f, SLICE "/cri-containerd-" B ".scope",
	      (struct expected){WORKLOAD_CONTAINERD, NULL, NULL, "shop", "web-0", NULL});
}

static void test_containerd_elsewhere(void **state)
{
	static const char *const roots[] = {"run/k3s/containerd", "run/k0s/containerd",
					    "var/snap/microk8s/common/run/containerd",
					    "run/mine/containerd"};
	struct fixture_root *f = *state;
	char path[512];

	fixture_put(f, "etc/containerd/config.toml",
		    "version = 2\n#state = \"/run/commented\"\n  "
		    "state='/run/mine/containerd'\n[grpc]\n");
	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		snprintf(path, sizeof(path), "%s/" TASKS "/k8s.io/" A "/config.json", roots[i]);
		finds_nothing(f, "/k8s.io/" A);
		fixture_put(f, path, CRI_CONTAINER);
		finds(f, SLICE "/cri-containerd-" A ".scope", cri_web);
		unlink(fixture_place(f, path));
	}
}

#define NERDCTL_JSON                                                                               \
	"{\"ociVersion\":\"1.1.0\",\"annotations\":{\"nerdctl/extraHosts\":\"[]\","                \
	"\"nerdctl/hostname\":\"0a1b2c3d4e5f\",\"nerdctl/name\":\"cache\","                        \
	"\"nerdctl/namespace\":\"default\",\"nerdctl/platform\":\"linux/amd64\"}}"

static void test_nerdctl(void **state)
{
	static const struct expected cache = {WORKLOAD_CONTAINERD, "cache"};
	struct fixture_root *f = *state;

	fixture_put(f, "run/containerd/" TASKS "/default/" A "/config.json", NERDCTL_JSON);
	finds(f, "/system.slice/nerdctl-" A ".scope", cache);
	finds(f, "/default/" A, cache);

	/* Its record of names, where the annotations are not to be had. */
	fixture_put(f, "var/lib/nerdctl/1935db59/names/default/other", A);
	fixture_put(f, "var/lib/nerdctl/1935db59/names/default/queue", B);
	finds(f, "/default/" B, (struct expected){WORKLOAD_CONTAINERD, "queue"});
	fixture_put(f, "etc/passwd", "ann:x:1000:1000::/home/ann:/bin/sh");
	fixture_put(f, "home/ann/.local/share/nerdctl/1935db59/names/default/mine", B);
	finds(f, USER "/nerdctl-" B ".scope", (struct expected){WORKLOAD_CONTAINERD, "mine"});
}

/* --- CRI-O ------------------------------------------------------------------------------------ */

#define CRIO_JSON(name)                                                                            \
	"{\"ociVersion\":\"1.1.0\",\"hostname\":\"web-0\",\"annotations\":{"                       \
	"\"io.container.manager\":\"cri-o\",\"io.kubernetes.container.name\":\"" name "\","        \
	"\"io.kubernetes.cri-o.ContainerID\":\"" A "\",\"io.kubernetes.cri-o.ImageName\":"         \
	"\"quay.io/nginx/nginx:1.27\",\"io.kubernetes.cri-o.Image\":\"" B "\","                    \
	"\"io.kubernetes.cri-o.Name\":\"k8s_" name "_web-0_shop_" UID "_0\","                      \
	"\"io.kubernetes.pod.name\":\"web-0\",\"io.kubernetes.pod.namespace\":\"shop\","           \
	"\"io.kubernetes.pod.uid\":\"" UID "\"}}"

static void test_crio(void **state)
{
	static const struct expected web = {WORKLOAD_CRIO, "web",   "quay.io/nginx/nginx:1.27",
					    "shop",	   "web-0", "web"};
	struct fixture_root *f = *state;

	fixture_put(f, "run/containers/storage/overlay-containers/" A "/userdata/config.json",
		    CRIO_JSON("web"));
	fixture_put(f, STORAGE "/overlay-containers/" B "/userdata/config.json", CRIO_JSON("POD"));
	finds(f, SLICE "/crio-" A ".scope", web);
	finds(f, SLICE "/crio-" A ".scope/container", web);
	finds(f, "/kubepods/burstable/pod" UID "/crio-" A, web);
	finds(f, "/kubepods/burstable/pod" UID "/" A, web);
	finds(f, SLICE "/crio-" B ".scope",
	      (struct expected){WORKLOAD_CRIO, NULL, "quay.io/nginx/nginx:1.27", "shop", "web-0"});
}

/* --- podman ----------------------------------------------------------------------------------- */

/* What podman 4.3.1 wrote here. */
#define PODMAN_JSON(id, name)                                                                      \
	"{\"id\":\"" id "\",\"names\":[\"" name "\"],\"image\":\"ca3cd1c9830e\",\"layer\":"        \
	"\"db7d86533f53\",\"metadata\":\"{\\\"image-name\\\":\\\"localhost/box:1\\\","             \
	"\\\"image-id\\\":\\\"ca3cd1c9830e\\\",\\\"name\\\":\\\"" name "\\\","                     \
	"\\\"created-at\\\":1795646303}\",\"created\":\"2026-11-25T22:38:23.973304126Z\","         \
	"\"flags\":{\"MountLabel\":\"\",\"ProcessLabel\":\"\"}}"

static void test_podman(void **state)
{
	static const struct expected webby = {WORKLOAD_PODMAN, "webby", "localhost/box:1"};
	struct fixture_root *f = *state;

	fixture_put(f, STORAGE "/vfs-containers/containers.json",
		    "[" PODMAN_JSON(B, "before") "," PODMAN_JSON(A, "webby") "]");
	finds(f, "/libpod_parent/libpod-" A, webby);
	finds(f, "/machine.slice/libpod-" A ".scope/container", webby);
	finds(f, "/system.slice/web.service/libpod-payload-" A, webby);
	finds(f, "/libpod_parent/libpod-" B,
	      (struct expected){WORKLOAD_PODMAN, "before", "localhost/box:1"});
}

static void test_podman_rm(void **state)
{
	struct fixture_root *f = *state;

	fixture_put(f, STORAGE "/overlay-containers/containers.json", "[]");
	fixture_put(f, STORAGE "/overlay-containers/volatile-containers.json",
		    "[" PODMAN_JSON(A, "brief") "]");
	fixture_put(f, STORAGE "/overlay-containers/" A "/userdata/config.json",
		    "{\"annotations\":{\"io.container.manager\":\"libpod\","
		    "\"io.kubernetes.cri-o.TTY\":\"false\"}}");
	finds(f, "/libpod_parent/libpod-" A,
	      (struct expected){WORKLOAD_PODMAN, "brief", "localhost/box:1"});
	finds(f, "/mine/" A, (struct expected){WORKLOAD_PODMAN, "brief", "localhost/box:1"});
}

static void test_podman_rootless(void **state)
{
	static const struct expected mine = {WORKLOAD_PODMAN, "mine", "localhost/box:1"};
	struct fixture_root *f = *state;

	fixture_put(f, "etc/passwd",
		    "bad\n:::\nann:x:1000:1000::/home/ann\nbob:x:1001:1001::home:/bin/sh");
	fixture_put(f,
		    "home/ann/.local/share/containers/storage/overlay-containers/containers.json",
		    "[" PODMAN_JSON(A, "mine") "]");
	fixture_put(f, STORAGE "/overlay-containers/containers.json",
		    "[" PODMAN_JSON(B, "theirs") "]");
	finds(f, USER "/libpod-" A ".scope/container", mine);
	finds_nothing(f, "/machine.slice/libpod-" A ".scope");
	/* root's in a user's slice, as `sudo podman` leaves them */
	finds(f, USER "/libpod-" B ".scope",
	      (struct expected){WORKLOAD_PODMAN, "theirs", "localhost/box:1"});
}

static void test_podman_elsewhere(void **state)
{
	struct fixture_root *f = *state;

	fixture_put(f, "etc/containers/storage.conf",
		    "[storage]\ndriver = \"overlay\"\ngraphroot = \"/srv/storage\"\n");
	fixture_put(f, "srv/storage/overlay-containers/containers.json",
		    "[" PODMAN_JSON(A, "far") "]");
	finds(f, "/libpod_parent/libpod-" A,
	      (struct expected){WORKLOAD_PODMAN, "far", "localhost/box:1"});
}

/* --- the kubelet, and containers within containers -------------------------------------------- */

static void test_kubelet(void **state)
{
	struct fixture_root *f = *state;
	struct runtime_names got;

	fixture_put(f, "var/log/pods/shop_web-0_" UID "/web/0.log", "");
	/* The pod alone; the container's name may still come. */
	assert_true(look(f, "/kubepods/burstable/pod" UID, &got));
	same("pod", got.pod, "web-0");
	same("namespace", got.pod_namespace, "shop");
	fixture_link(f, "var/log/containers/web-0_shop_web-" A ".log",
		     "/var/log/pods/shop_web-0_" UID "/web/0.log");
	fixture_link(f, "var/log/containers/nonsense-" B ".log", "/nowhere");
	finds(f, SLICE "/crio-" A ".scope",
	      (struct expected){WORKLOAD_UNKNOWN, "web", NULL, "shop", "web-0", "web"});
	finds(f, SLICE "/crio-" B ".scope",
	      (struct expected){WORKLOAD_UNKNOWN, NULL, NULL, "shop", "web-0", NULL});
}

/* kind: the node is a container of docker's, and has containerd within. */
static void test_nested(void **state)
{
	struct fixture_root *f = *state;

	fixture_put(f, "var/lib/docker/containers/" B "/config.v2.json",
		    "{\"State\":{\"Pid\":99},\"Config\":{\"Image\":\"kindest/node:v1.31.0\"},"
		    "\"Name\":\"/kind-control-plane\"}");
	fixture_put(f, "proc/99/root/run/containerd/" TASKS "/k8s.io/" A "/config.json",
		    CRI_CONTAINER);
	finds(f,
	      "/docker/" B "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
	      "kubelet-kubepods-burstable-pod" UID_ ".slice/cri-containerd-" A ".scope",
	      cri_web);
	finds(f, "/docker/" B "/kubelet/kubepods/burstable/pod" UID "/" A, cri_web);
	finds(f, "/docker/" B "/init.scope",
	      (struct expected){WORKLOAD_DOCKER, "kind-control-plane", "kindest/node:v1.31.0"});
}

static void test_nested_in_others(void **state)
{
	struct fixture_root *f = *state;

	/* docker in docker within containerd and podman */
	fixture_put(f, "run/containerd/" TASKS "/default/" B "/config.json", NERDCTL_JSON);
	fixture_put(f, "run/containerd/" TASKS "/default/" B "/init.pid", "77");
	fixture_put(f, "proc/77/root/var/lib/docker" CONFIG_A, DOCKER_JSON);
	finds(f, "/default/" B "/docker/" A, docker_web);
	fixture_remove(f, "run/containerd");
	finds_nothing(f, "/default/" B "/docker/" A);
	fixture_put(f, STORAGE "/vfs-containers/containers.json", "[" PODMAN_JSON(B, "outer") "]");
	fixture_put(f, "run/containers/storage/vfs-containers/" B "/userdata/pidfile", "77");
	finds(f, "/libpod_parent/libpod-" B "/docker/" A, docker_web);
}

/* --- hostile ---------------------------------------------------------------------------------- */

static void test_not_json(void **state)
{
	static const char *const texts[] = {"",
					    "{",
					    "null",
					    "[]",
					    "{\"Name\":1}",
					    "{\"Name\":{}}",
					    "\"Name\"",
					    "{\"Name\":\"/x\"",
					    "{\"Name\":\"/x\"}}",
					    "{\"Name\":\"/\\u0000x\"}",
					    "{\"Name\":\"/\xff\"}",
					    "[[\"Name\"]]",
					    "\xef\xbb\xbf{\"Name\":\"/x\"}"};
	struct fixture_root *f = *state;
	struct runtime_names got;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		fixture_put(f, "var/lib/docker" CONFIG_A, texts[i]);
		fixture_put(f, "etc/docker/daemon.json", texts[i]);
		look(f, "/docker/" A, &got);
		/* A number is taken as its digits. */
		same(texts[i], got.container, i == 4 ? "1" : "");
	}
}

static void test_not_files(void **state)
{
	struct fixture_root *f = *state;
	char outside[96];

	/* a FIFO that nobody writes to, a folder, links in circles, out of the root, to a device */
	assert_int_equal(mkfifo(fixture_place(f, "var/lib/docker" CONFIG_A), 0644), 0);
	finds_nothing(f, "/docker/" A);
	unlink(fixture_place(f, "var/lib/docker" CONFIG_A));
	mkdir(fixture_place(f, "var/lib/docker" CONFIG_A), 0755);
	finds_nothing(f, "/docker/" A);
	rmdir(fixture_place(f, "var/lib/docker" CONFIG_A));
	fixture_link(f, "var/lib/docker" CONFIG_A, "config.v2.json");
	finds_nothing(f, "/docker/" A);
	unlink(fixture_place(f, "var/lib/docker" CONFIG_A));
	fixture_put(f, "outside", DOCKER_JSON);
	snprintf(outside, sizeof(outside), "%s/outside", f->dir);
	fixture_link(f, "var/lib/docker" CONFIG_A, outside);
	finds_nothing(f, "/docker/" A);
	unlink(fixture_place(f, "var/lib/docker" CONFIG_A));
	fixture_link(f, "var/lib/docker" CONFIG_A, "/dev/zero");
	finds_nothing(f, "/docker/" A);
	fixture_put(f, "run/containerd/" TASKS, "not a folder");
	fixture_link(f, "var/log/containers", "/proc/self/root/var/log");
	finds_nothing(f, "/kubepods/pod" UID "/" A);
}

static void test_deep_and_long(void **state)
{
	struct fixture_root *f = *state;
	struct runtime_names got;
	char *text = malloc(STATEFILE_MAX + 64);

	assert_non_null(text);
	/* Half a million arrays, open for good. */
	memset(text, '[', 500000);
	text[500000] = '\0';
	fixture_put(f, STORAGE "/overlay-containers/containers.json", text);
	finds_nothing(f, "/libpod_parent/libpod-" A);
	/* As many that are closed again, before the record. */
	text[0] = '[';
	memset(text + 1, '[', 100000);
	memset(text + 100001, ']', 100000);
	strcpy(text + 200001, "," PODMAN_JSON(A, "deep") "]");
	fixture_put(f, STORAGE "/overlay-containers/containers.json", text);
	finds(f, "/libpod_parent/libpod-" A,
	      (struct expected){WORKLOAD_PODMAN, "deep", "localhost/box:1"});
	/* Longer than is read. */
	memset(text, ' ', STATEFILE_MAX);
	strcpy(text + STATEFILE_MAX, "[]");
	fixture_put(f, STORAGE "/overlay-containers/containers.json", text);
	finds_nothing(f, "/libpod_parent/libpod-" A);
	/* A name that doesn't fit is none: a part of it could be another's. */
	memset(text, 'n', 1000);
	memcpy(text, "{\"Name\":\"/", 10);
	strcpy(text + 1000, "\",\"Config\":{\"Image\":\"i\"}}");
	fixture_put(f, "var/lib/docker" CONFIG_A, text);
	assert_false(look(f, "/docker/" A, &got));
	same("container", got.container, "");
	same("image", got.image, "i");
	free(text);
}

/* --- the reader itself ------------------------------------------------------------------------ */

static void note(void *ctx, const char *const *key, unsigned int depth, const char *value)
{
	char *to = ctx;

	for (unsigned int i = 0; i < depth; i++)
		sprintf(to + strlen(to), "%s.", key[i]);
	sprintf(to + strlen(to), "=%s ", value);
}

static void note_end(void *ctx, unsigned int depth)
{
	sprintf((char *)ctx + strlen(ctx), "end%u ", depth);
}

static void test_json(void **state)
{
	static const struct {
		const char *text, *want;
		int err;
	} cases[] = {
		{"\"x\"", "=x ", 0},
		{"{\"a\":\"x\",\"b\":-1.5e3,\"c\":true,\"d\":null}", "a.=x b.=-1.5e3 end0 ", 0},
		{"[\"x\",[\"y\"],{\"k\":\"z\"}]", "[].=x [].[].=y [].k.=z end1 ", 0},
		{"{\"a\":{\"b\":{\"c\":{\"d\":\"x\",\"e\":{\"f\":\"y\"}}}},\"g\":\"z\"}",
		 "a.b.c.d.=x end3 end2 end1 g.=z end0 ", 0},
		{"{\"\":\"x\",\"a\":\"\"}", "a.= end0 ", 0},
		{"{\"a\":\"x\"", "a.=x ", -EINVAL},
		{"", "", -EINVAL},
		{"{} {}", "end0 ", -EINVAL},
	};
	char got[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct statefile_json sink = {.ctx = got, .value = note, .end = note_end};

		got[0] = '\0';
		assert_int_equal(statefile_json_text(cases[i].text, &sink), cases[i].err);
		assert_string_equal(got, cases[i].want);
	}
}

static void test_setting(void **state)
{
	struct fixture_root *f = *state;
	char value[16];

	fixture_put(f, "a.conf",
		    "x = 1\n\n[t]\n\tab = \"no\n a='/one' # comment\na = \"/two\"\n"
		    "long = \"0123456789abcdef\"");
	assert_int_equal(statefile_setting(f->fd, "a.conf", "a", value, sizeof(value)), 0);
	assert_string_equal(value, "/one");
	assert_int_equal(statefile_setting(f->fd, "a.conf", "ab", value, sizeof(value)), -ENOENT);
	assert_int_equal(statefile_setting(f->fd, "a.conf", "x", value, sizeof(value)), -ENOENT);
	assert_int_equal(statefile_setting(f->fd, "a.conf", "long", value, sizeof(value)), -ENOENT);
	assert_int_equal(statefile_setting(f->fd, "b.conf", "a", value, sizeof(value)), -ENOENT);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_docker),
		TEST(test_docker_elsewhere),
		TEST(test_docker_behind_a_link),
		TEST(test_docker_rootless),
		TEST(test_docker_in_kubernetes),
		TEST(test_containerd_cri),
		TEST(test_containerd_elsewhere),
		TEST(test_nerdctl),
		TEST(test_crio),
		TEST(test_podman),
		TEST(test_podman_rm),
		TEST(test_podman_rootless),
		TEST(test_podman_elsewhere),
		TEST(test_kubelet),
		TEST(test_nested),
		TEST(test_nested_in_others),
		TEST(test_not_json),
		TEST(test_not_files),
		TEST(test_deep_and_long),
		TEST(test_json),
		TEST(test_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
