// SPDX-License-Identifier: GPL-2.0-only
#include "names.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../caps.h"
#include "lru.h"
#include "runtime.h"
#include "statefile.h"
#include "workload.h"

#define CGROUPS_MAX 4096
/* Jobs that may be open at a time. What finds no place is asked for again. */
#define JOBS_MAX 1024

#define MSEC	    1000000ull
#define RETRY_FIRST (100 * MSEC)
#define RETRY_LAST  (30000 * MSEC)
/* Answers after which a name that is lacking is late: the last 0.7 seconds after the first. */
#define TRIES_SOON 4

/* Of the time, waiting may take one part in this many; what is not used adds up to the credit. */
#define WAIT_SHARE  10
#define WAIT_CREDIT (500 * MSEC)

/* A question to the helper, and then its answer. */
struct job {
	struct job *next;
	uint64_t key, serial;
	struct workload workload;
	struct runtime_names found;
	bool complete; /* nothing more is to be expected */
};

struct list {
	struct job *first, **last;
};

/* What both threads see; everything but `root` under the lock. */
struct helper {
	pthread_mutex_t lock;
	pthread_cond_t asked, answered;
	struct list todo, done;
	bool stop;
	int root;
};

/* A cgroup. Values of the table: one block each. */
struct cgroup {
	struct workload workload;
	struct runtime_names found;
	uint64_t id, serial;
	bool open;	    /* a job is under way */
	bool complete;	    /* there is nothing to ask (any more) */
	unsigned int tries; /* jobs that ended */
	uint64_t due_ns;    /* not to be asked again before */
	uint64_t waited_ns; /* for its names, in all */
	char path[];
};

struct names {
	struct lru *cgroups;
	struct helper *helper;
	pthread_t thread;
	bool has_thread;
	unsigned int job_cnt;
	uint64_t serial;
	uint64_t credit_ns, credit_at_ns; /* what may be waited yet, as of when */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void list_init(struct list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void list_add(struct list *l, struct job *job)
{
	job->next = NULL;
	*l->last = job;
	l->last = &job->next;
}

static struct job *list_take(struct list *l)
{
	struct job *job = l->first;

	if (job) {
		l->first = job->next;
		if (!l->first)
			l->last = &l->first;
	}
	return job;
}

static void list_free(struct list *l)
{
	struct job *job;

	while ((job = list_take(l)))
		free(job);
}

static void *run(void *arg)
{
	struct helper *h = arg;
	struct job *job;

	caps_keep_reading(CAPS_NAMES);
	pthread_mutex_lock(&h->lock);
	while (!h->stop) {
		job = list_take(&h->todo);
		if (!job) {
			pthread_cond_wait(&h->asked, &h->lock);
			continue;
		}
		pthread_mutex_unlock(&h->lock);
		job->complete = runtime_lookup(h->root, &job->workload, &job->found);
		pthread_mutex_lock(&h->lock);
		list_add(&h->done, job);
		pthread_cond_signal(&h->answered);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static struct helper *helper_new(const char *root)
{
	struct helper *h = calloc(1, sizeof(*h));
	pthread_condattr_t attr;

	if (!h)
		return NULL;
	h->root = statefile_root(*root ? root : "/");
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->asked, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->answered, &attr);
	pthread_condattr_destroy(&attr);
	list_init(&h->todo);
	list_init(&h->done);
	return h;
}

static void helper_free(struct helper *h)
{
	if (!h)
		return;
	list_free(&h->todo);
	list_free(&h->done);
	pthread_cond_destroy(&h->answered);
	pthread_cond_destroy(&h->asked);
	pthread_mutex_destroy(&h->lock);
	if (h->root >= 0)
		close(h->root);
	free(h);
}

/* Signals stay with the thread that polls: they are to end that. */
static bool start_thread(struct names *ns)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&ns->thread, NULL, run, ns->helper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return !err;
}

struct names *names_new(const char *root)
{
	struct names *ns = calloc(1, sizeof(*ns));

	if (!ns)
		return NULL;
	ns->cgroups = lru_new(CGROUPS_MAX);
	ns->helper = helper_new(root);
	if (!ns->cgroups || !ns->helper) {
		names_free(ns);
		return NULL;
	}
	ns->credit_ns = WAIT_CREDIT;
	ns->credit_at_ns = now_ns();
	ns->has_thread = ns->helper->root >= 0 && start_thread(ns);
	return ns;
}

void names_free(struct names *ns)
{
	struct timespec until;

	if (!ns)
		return;
	lru_free(ns->cgroups);
	if (ns->has_thread) {
		pthread_mutex_lock(&ns->helper->lock);
		ns->helper->stop = true;
		pthread_cond_signal(&ns->helper->asked);
		pthread_mutex_unlock(&ns->helper->lock);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		/* A disk may hang for good. What its reader uses is then left to it. */
		if (pthread_timedjoin_np(ns->thread, NULL, &until)) {
			pthread_detach(ns->thread);
			ns->helper = NULL;
		}
	}
	helper_free(ns->helper);
	free(ns);
}

/* --- the table -------------------------------------------------------------------------------- */

/* The id, or for a path without one its FNV-1a hash; a clash costs a repeated look-up. */
static uint64_t key_of(uint64_t cgroup_id, const char *path)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	if (cgroup_id)
		return cgroup_id;
	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 0x100000001b3ull;
	return hash | 1ull << 63;
}

static void take_answer(struct names *ns, const struct job *job)
{
	struct lru_entry *e = lru_get(ns->cgroups, job->key);
	struct cgroup *cg = e ? e->value : NULL;
	uint64_t wait;

	ns->job_cnt--;
	if (!cg || cg->serial != job->serial)
		return; /* pushed out meanwhile */
	/* State files that are gone take no name away. */
	if (job->complete || job->found.container[0] || job->found.pod[0])
		cg->found = job->found;
	cg->open = false;
	cg->complete = job->complete;
	wait = RETRY_FIRST << (cg->tries < 16 ? cg->tries : 16);
	cg->due_ns = now_ns() + (wait < RETRY_LAST ? wait : RETRY_LAST);
	cg->tries++;
}

static void take_answers(struct names *ns)
{
	struct list done;
	struct job *job;

	pthread_mutex_lock(&ns->helper->lock);
	done.first = ns->helper->done.first;
	list_init(&ns->helper->done);
	pthread_mutex_unlock(&ns->helper->lock);
	while ((job = done.first)) {
		done.first = job->next;
		take_answer(ns, job);
		free(job);
	}
}

static void ask(struct names *ns, struct cgroup *cg, uint64_t key)
{
	struct job *job;

	if (!ns->has_thread || ns->job_cnt == JOBS_MAX)
		return;
	job = malloc(sizeof(*job));
	if (!job)
		return;
	job->key = key;
	job->serial = cg->serial;
	job->workload = cg->workload;
	cg->open = true;
	ns->job_cnt++;
	pthread_mutex_lock(&ns->helper->lock);
	list_add(&ns->helper->todo, job);
	pthread_cond_signal(&ns->helper->asked);
	pthread_mutex_unlock(&ns->helper->lock);
}

static struct cgroup *add(struct names *ns, uint64_t key, uint64_t id, const char *path)
{
	struct cgroup *cg = calloc(1, sizeof(*cg) + strlen(path) + 1);

	if (!cg)
		return NULL;
	cg->id = id;
	cg->serial = ++ns->serial;
	strcpy(cg->path, path);
	workload_parse(path, &cg->workload);
	cg->complete = !runtime_can_tell(&cg->workload);
	lru_set_value(lru_put(ns->cgroups, key), cg);
	return cg;
}

/* The cgroup, looked up again if it is time to. NULL without memory. */
static struct cgroup *find(struct names *ns, uint64_t id, const char *path)
{
	uint64_t key = key_of(id, path);
	struct lru_entry *e = lru_get(ns->cgroups, key);
	struct cgroup *cg = e ? e->value : NULL;

	if (!cg || strcmp(cg->path, path))
		cg = add(ns, key, id, path);
	if (cg && !cg->complete && !cg->open && (!cg->tries || now_ns() >= cg->due_ns))
		ask(ns, cg, key);
	return cg;
}

void names_learn(struct names *ns, uint64_t cgroup_id, const char *path)
{
	find(ns, cgroup_id, path);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static void earn_credit(struct names *ns, uint64_t now)
{
	ns->credit_ns += (now - ns->credit_at_ns) / WAIT_SHARE;
	if (ns->credit_ns > WAIT_CREDIT)
		ns->credit_ns = WAIT_CREDIT;
	ns->credit_at_ns = now;
}

/* Until an answer is there, to whichever question, or the time has come. */
static void sleep_until(struct helper *h, uint64_t ns)
{
	struct timespec until = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
	int err = 0;

	pthread_mutex_lock(&h->lock);
	while (!h->done.first && !err)
		err = pthread_cond_timedwait(&h->answered, &h->lock, &until);
	pthread_mutex_unlock(&h->lock);
}

/* For the first answer; the ones after it are retries, and not waited for. */
static void wait_for(struct names *ns, struct cgroup *cg)
{
	uint64_t start = now_ns(), now = start, left = NAMES_WAIT_MS * MSEC - cg->waited_ns;

	earn_credit(ns, start);
	if (left > ns->credit_ns)
		left = ns->credit_ns;
	while (cg->open && now < start + left) {
		sleep_until(ns->helper, start + left);
		/* No entry is added by it, so this cgroup stays. */
		take_answers(ns);
		now = now_ns();
	}
	cg->waited_ns += now - start;
	if (cg->waited_ns > NAMES_WAIT_MS * MSEC)
		cg->waited_ns = NAMES_WAIT_MS * MSEC;
	ns->credit_ns -= now - start < ns->credit_ns ? now - start : ns->credit_ns;
	ns->credit_at_ns = now;
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

static const char *first_of(const char *a, const char *b)
{
	return *a ? a : or_null(b);
}

static void fill_in(const struct cgroup *cg, struct owner_names *out)
{
	const struct workload *w = &cg->workload;
	const struct runtime_names *found = &cg->found;

	out->container_id = or_null(w->id);
	out->container_name = first_of(w->name, found->container);
	out->runtime = workload_runtime_name(w->runtime ? w->runtime : found->runtime);
	out->image = or_null(found->image);
	out->pod_uid = first_of(w->pod_uid, found->pod_uid);
	out->pod = or_null(found->pod);
	out->pod_namespace = or_null(found->pod_namespace);
	out->pod_container = or_null(found->pod_container);
	out->unit = or_null(w->unit);
	if (cg->complete)
		out->state = NAMES_COMPLETE;
	else if (!cg->tries)
		out->state = NAMES_ASKED;
	else
		out->state = cg->tries < TRIES_SOON ? NAMES_SOON : NAMES_LATE;
}

void names_get(struct names *ns, uint64_t cgroup_id, const char *path, struct owner_names *out)
{
	struct cgroup *cg;

	cg = find(ns, cgroup_id, path);
	if (!cg)
		return;
	if (ns->job_cnt)
		take_answers(ns);
	if (cg->open && !cg->tries)
		wait_for(ns, cg);
	fill_in(cg, out);
}

void names_peek(struct names *ns, uint64_t cgroup_id, const char *path, struct owner_names *out)
{
	struct cgroup *cg = find(ns, cgroup_id, path);

	if (!cg)
		return;
	if (ns->job_cnt)
		take_answers(ns);
	/* Without a helper there is nobody to wait for. */
	if (!ns->has_thread)
		cg->complete = true;
	fill_in(cg, out);
}

/* --- what users call it ----------------------------------------------------------------------- */

bool names_is_pod(const struct owner_names *n, const char *wanted)
{
	const char *slash = strchr(wanted, '/');
	size_t len = slash ? (size_t)(slash - wanted) : 0;

	if (!n->pod || strcmp(n->pod, slash ? slash + 1 : wanted))
		return false;
	return !slash || (n->pod_namespace && strlen(n->pod_namespace) == len &&
			  !memcmp(n->pod_namespace, wanted, len));
}

bool names_is_unit(const struct owner_names *n, const char *wanted)
{
	size_t len = strlen(wanted);

	return n->unit && len && !strncmp(n->unit, wanted, len) &&
	       (!n->unit[len] || !strcmp(n->unit + len, ".service"));
}
