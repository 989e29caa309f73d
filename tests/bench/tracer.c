// SPDX-License-Identifier: GPL-2.0
/*
 * tracer.so: what a program asks of malloc, call by call, for trials of the estimator (replay.h).
 * TRACER_OUT=FILE LD_PRELOAD=tracer.so COMMAND writes FILE, records of struct trace_record, of the
 * process that was started; what it forks is not traced.  A site is a hash of the stack's
 * innermost return addresses: without address randomisation the same in each run.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/signature.h"
#include "trace.h"

#define FRAMES	  8
#define OURS	  2 /* of the frames: record and the function called */
#define BUFFERED  65536
#define FILES	  512
#define ADDRESSES (1u << 24) /* that a trace may name, and as many again */
/* Frees, between two looks at which files are mapped. */
#define LOOK_EACH 20000

static void *(*real_malloc)(size_t);
static void (*real_free)(void *);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);
static int (*real_posix_memalign)(void **, size_t, size_t);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct trace_record buffer[BUFFERED];
static size_t buffered;
static int fd = -1;
static pid_t traced;
static __thread int inside;

/* dlsym and backtrace allocate before there is a malloc. */
static char early[65536];
static size_t early_used;

static void *take_early(size_t n)
{
	void *p = early + early_used;

	early_used += (n + 15) & ~(size_t)15;
	return early_used <= sizeof(early) ? p : NULL;
}

static int is_early(const void *p)
{
	return (uintptr_t)p - (uintptr_t)early < sizeof(early);
}

/* What it runs is not to write over what it wrote; what it becomes is. */
static void start(void)
{
	const char *out = getenv("TRACER_OUT"), *first = getenv("TRACER_PID");
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	if (!out || (first && strcmp(first, pid) != 0))
		return;
	setenv("TRACER_PID", pid, 1);
	fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	traced = getpid();
}

static void find_real(void)
{
	void *first[2];

	inside++;
	real_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
	real_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	real_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	real_aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
	real_posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
	real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	backtrace(first, 2);
	start();
	inside--;
}

static void flush(void)
{
	const char *p = (const char *)buffer;
	size_t left = buffered * sizeof(*buffer);

	while (left) {
		ssize_t n = write(fd, p, left);

		if (n <= 0)
			_exit(112);
		p += n;
		left -= (size_t)n;
	}
	buffered = 0;
}

/* ---- signatures ---- */

static struct signature_range files[FILES];
static size_t nfiles;
static unsigned int looked;

/* Lines begin "START-END "; those of files have a slash. */
static void read_files(void)
{
	static char maps[1 << 18];
	int f = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	ssize_t n, len = 0;

	while (f >= 0 && (n = read(f, maps + len, sizeof(maps) - 1 - (size_t)len)) > 0)
		len += n;
	if (f >= 0)
		close(f);
	maps[len] = 0;
	nfiles = 0;
	for (char *line = maps, *end; (end = strchr(line, '\n')); line = end + 1) {
		char *dash;

		*end = 0;
		if (!strchr(line, '/') || nfiles == FILES)
			continue;
		files[nfiles].start = strtoul(line, &dash, 16);
		files[nfiles++].end = strtoul(dash + 1, NULL, 16);
	}
}

static uint32_t signature(void *p)
{
	uint64_t words[SIGNATURE_WORDS];
	size_t n = malloc_usable_size(p) / sizeof(*words);

	if (n > SIGNATURE_WORDS)
		n = SIGNATURE_WORDS;
	if (looked++ % LOOK_EACH == 0)
		read_files();
	memcpy(words, p, n * sizeof(*words));
	return signature_of(files, nfiles, words, n);
}

static void put(const struct trace_record *c)
{
	buffer[buffered++] = *c;
	if (buffered == BUFFERED)
		flush();
}

#include "tracer_contents.h"

static __attribute__((noinline)) void record(const void *p, size_t size, int allocated)
{
	int saved = errno;
	void *pc[FRAMES];
	uint64_t hash = 1469598103934665603u;

	if (inside || fd < 0)
		return;
	inside++;
	if (allocated) {
		int n = backtrace(pc, FRAMES);

		for (int i = OURS; i < n; i++)
			hash = (hash ^ (uintptr_t)pc[i]) * 1099511628211u;
	}
	pthread_mutex_lock(&lock);
	if (getpid() == traced) {
		buffer[buffered++] =
		    (struct trace_record){.addr = (uintptr_t)p,
					  .size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX,
					  .site = allocated ? (uint32_t)(hash >> 33) | 1 : 0};
		if (buffered == BUFFERED)
			flush();
		track((uintptr_t)p, allocated);
	}
	pthread_mutex_unlock(&lock);
	inside--;
	errno = saved;
}

/* Of all that was written, what lives. */
static void tell_survivors(void)
{
	uint64_t *live = real_calloc(ADDRESSES, sizeof(*live));
	FILE *f = fopen(getenv("TRACER_OUT"), "rb");
	struct trace_record c;

	while (live && f && fread(&c, sizeof(c), 1, f) == 1) {
		if (c.site == TRACE_CONTENT)
			continue;
		size_t i = (c.addr >> 4) * 0x9e3779b97f4a7c15ull % ADDRESSES;

		while (live[i] && (live[i] & ~1ull) != c.addr)
			i = (i + 1) % ADDRESSES;
		live[i] = c.addr | (c.site != 0);
	}
	put(&(struct trace_record){0});
	for (size_t i = 0; live && i < ADDRESSES; i++) {
		uint64_t addr = live[i] & ~1ull;

		if (live[i] & 1)
			put(&(struct trace_record){.addr = addr,
						   .size = signature((void *)(uintptr_t)addr)});
	}
	flush();
}

static __attribute__((destructor)) void finish(void)
{
	pthread_mutex_lock(&lock);
	if (fd >= 0 && getpid() == traced) {
		inside++;
		flush();
		tell_survivors();
		fd = -1;
		inside--;
	}
	pthread_mutex_unlock(&lock);
}

void *malloc(size_t n)
{
	void *p;

	if (!real_malloc) {
		if (inside)
			return take_early(n);
		find_real();
	}
	p = real_malloc(n);
	if (p)
		record(p, n, 1);
	return p;
}

void free(void *p)
{
	if (!p || is_early(p))
		return;
	record(p, inside || fd < 0 ? 0 : signature(p), 0);
	real_free(p);
}

void *calloc(size_t n, size_t size)
{
	void *p;

	if (!real_malloc) {
		if (inside)
			return take_early(n * size);
		find_real();
	}
	p = real_calloc(n, size);
	if (p)
		record(p, n * size, 1);
	return p;
}

void *realloc(void *old, size_t n)
{
	void *p;

	if (!real_malloc)
		find_real();
	if (is_early(old)) {
		p = malloc(n);
		if (p)
			memcpy(p, old, n);
		return p;
	}
	/* Nobody else can be given it between the two: what is traced has one thread that counts.
	 */
	if (old)
		record(old, inside || fd < 0 ? 0 : signature(old), 0);
	p = real_realloc(old, n);
	if (p)
		record(p, n, 1);
	return p;
}

void *aligned_alloc(size_t align, size_t n)
{
	void *p;

	if (!real_malloc)
		find_real();
	p = real_aligned_alloc(align, n);
	if (p)
		record(p, n, 1);
	return p;
}

int posix_memalign(void **out, size_t align, size_t n)
{
	int err;

	if (!real_malloc)
		find_real();
	err = real_posix_memalign(out, align, n);
	if (!err)
		record(*out, n, 1);
	return err;
}
