// SPDX-License-Identifier: GPL-2.0
#include "unwind/row_pages.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "heapwatch/unwind.h"

#define PAGE ((size_t)sizeof(struct hw_row_page))

/* An array, where a file alone does not need a larger one: 8 MiB, of 35 libraries as large as
 * glibc. */
#define ARRAY_PAGES 2048u

#define LIMIT_MIN ((32u << 20) / sizeof(struct hw_row_page))
#define LIMIT_MAX ((256u << 20) / sizeof(struct hw_row_page))

struct array {
	int map, fd; /* the array of arrays, its own */
	uint32_t number, size, used;
	pthread_t putter;
	bool putting;
	int err; /* of putting; the putter's until it has ended */
};

struct row_pages {
	int map;
	uint32_t limit, n;
	uint32_t made; /* pages of all arrays */
	uint32_t used;
	struct array array[HW_ROW_ARRAYS];
};

struct row_pages *row_pages__new(int map, uint32_t limit)
{
	struct row_pages *p = calloc(1, sizeof(*p));

	if (p) {
		p->map = map;
		p->limit = limit;
	}
	return p;
}

uint32_t row_pages_limit(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t share = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 64 / PAGE : 0;

	return share < LIMIT_MIN ? LIMIT_MIN : share > LIMIT_MAX ? LIMIT_MAX : (uint32_t)share;
}

static void wait_put(struct array *a)
{
	if (a->putting)
		pthread_join(a->putter, NULL);
	a->putting = false;
}

void row_pages__free(struct row_pages *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->n; i++) {
		wait_put(&p->array[i]);
		close(p->array[i].fd);
	}
	free(p);
}

/* It is there at once, but the call returns after a grace period of the kernel's: 8 to 16 ms. */
static void *put(void *arg)
{
	struct array *a = arg;

	if (bpf_map_update_elem(a->map, &a->number, &a->fd, BPF_ANY))
		a->err = -errno;
	return NULL;
}

static bool is_there(const struct array *a)
{
	uint32_t id;

	return !bpf_map_lookup_elem(a->map, &a->number, &id);
}

/* Wait until the kernel's side can find it. */
static int put_array(struct array *a)
{
	const struct timespec pause = {.tv_nsec = 20000};
	int tries = 0;

	if (pthread_create(&a->putter, NULL, put, a)) {
		put(a);
		return a->err;
	}
	a->putting = true;
	while (!is_there(a) && tries++ < 500)
		nanosleep(&pause, NULL);
	if (is_there(a))
		return 0;
	wait_put(a);
	return a->err;
}

/* One more array, for n pages at least. */
static int add(struct row_pages *p, uint32_t n)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = HW_ROW_ARRAY_FLAGS);
	struct array *a = &p->array[p->n];
	uint32_t size = n > ARRAY_PAGES ? n : ARRAY_PAGES;
	int err;

	if (p->n == HW_ROW_ARRAYS || n > p->limit - p->made)
		return -ENOSPC;
	if (size > p->limit - p->made)
		size = p->limit - p->made;
	*a = (struct array){.map = p->map, .number = p->n, .size = size};
	a->fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "hw_row_array", sizeof(uint32_t), (uint32_t)PAGE,
			       size, &opts);
	if (a->fd < 0)
		return -errno;
	err = put_array(a);
	if (err) {
		close(a->fd);
		return err;
	}
	p->n++;
	p->made += size;
	return 0;
}

int row_pages__take(struct row_pages *p, uint32_t n, uint32_t *page)
{
	uint32_t i = 0;
	int err;

	while (i < p->n && n > p->array[i].size - p->array[i].used)
		i++;
	if (i == p->n) {
		err = add(p, n);
		if (err)
			return err;
	}
	*page = i << HW_ROW_ARRAY_SHIFT | p->array[i].used;
	p->array[i].used += n;
	p->used += n;
	return 0;
}

int row_pages__write(struct row_pages *p, uint32_t page, const struct hw_row *rows, size_t n)
{
	/* The kernel's own pages may be larger than these. */
	size_t len = (n + HW_PAGE_ROWS - 1) / HW_PAGE_ROWS * PAGE,
	       at = (page & HW_ROW_PAGE_MASK) * PAGE, ahead = at % (size_t)sysconf(_SC_PAGESIZE);
	char *mapped = mmap(NULL, ahead + len, PROT_READ | PROT_WRITE, MAP_SHARED,
			    p->array[page >> HW_ROW_ARRAY_SHIFT].fd, (off_t)(at - ahead));
	struct hw_row *to = (void *)(mapped + ahead);

	if (mapped == MAP_FAILED)
		return -errno;
	memcpy(to, rows, n * sizeof(*rows));
	/* Behind the last row nothing is found. */
	for (size_t i = n; i < len / sizeof(*rows); i++)
		to[i] = (struct hw_row){.pc = UINT32_MAX, .kind = HW_ROW_NONE};
	munmap(mapped, ahead + len);
	return 0;
}

uint32_t row_pages__used(const struct row_pages *p)
{
	return p->used;
}
