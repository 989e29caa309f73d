// SPDX-License-Identifier: GPL-2.0
#include "probe/fns.h"

#include <stdlib.h>
#include <string.h>

#define ALL  (FNS_C | FNS_PREFIXED)
#define C    FNS_C
#define CXX  FNS_CXX
#define JE   FNS_JEMALLOC
#define TC   FNS_TCMALLOC
#define MI   FNS_MIMALLOC
#define TBB  FNS_TBB
#define RUST FNS_RUST

/* An allocator is a row here, and rows in names[] for the functions that only it has. */
static const struct {
	unsigned int family;
	const char *library;	 /* as reports have it; NULL: a C library */
	const char *prefixes[3]; /* of its own names for malloc and its kin */
	const char *marks[4];	 /* symbols that give it away; NULL-terminated as prefixes[] is */
} allocators[] = {
    /* _rjem_ is what the crate tikv-jemallocator builds it with. */
    {FNS_JEMALLOC, "jemalloc", {"je_", "_rjem_"}, {"mallctl", "malloc_conf"}},
    {FNS_TCMALLOC,
     "tcmalloc",
     {"tc_"},
     {"MallocExtension_GetStats", "TCMallocInternalMalloc", "_ZTI22TCMallocImplementation"}},
    {FNS_MIMALLOC, "mimalloc", {"mi_"}, {"mi_malloc"}},
    {FNS_TBB, "tbbmalloc", {"scalable_"}, {"__TBB_malloc_proxy"}},
    {FNS_RPMALLOC, "rpmalloc", {"rp"}, {"rpmalloc_initialize"}},
    {FNS_GLIBC, NULL, {NULL}, {"_int_malloc", "ptmalloc_init"}},
    /* What is hidden in a library is a local symbol of what is linked with it. */
    {FNS_MUSL, NULL, {NULL}, {"__malloc_donate", "__malloc_replaced"}},
    {FNS_RUST_SYSTEM, NULL, {NULL}, {"__rdl_alloc"}},
};

/*
 * In the order of strcmp, each with the families that have it.  operator new(size, align) has its
 * size first, as malloc does.
 */
static const struct fn_name {
	const char *symbol;
	enum hw_fn fn;
	unsigned int families;
} names[] = {
    {"_ZdaPv", HW_FN_FREE, CXX},
    {"_ZdaPvRKSt9nothrow_t", HW_FN_FREE, CXX},
    {"_ZdaPvSt11align_val_t", HW_FN_FREE, CXX},
    {"_ZdaPvSt11align_val_tRKSt9nothrow_t", HW_FN_FREE, CXX},
    {"_ZdaPvm", HW_FN_FREE, CXX},
    {"_ZdaPvmSt11align_val_t", HW_FN_FREE, CXX},
    {"_ZdlPv", HW_FN_FREE, CXX},
    {"_ZdlPvRKSt9nothrow_t", HW_FN_FREE, CXX},
    {"_ZdlPvSt11align_val_t", HW_FN_FREE, CXX},
    {"_ZdlPvSt11align_val_tRKSt9nothrow_t", HW_FN_FREE, CXX},
    {"_ZdlPvm", HW_FN_FREE, CXX},
    {"_ZdlPvmSt11align_val_t", HW_FN_FREE, CXX},
    {"_Znam", HW_FN_MALLOC, CXX},
    {"_Znam12__hot_cold_t", HW_FN_MALLOC, CXX},
    {"_ZnamRKSt9nothrow_t", HW_FN_MALLOC, CXX},
    {"_ZnamRKSt9nothrow_t12__hot_cold_t", HW_FN_MALLOC, CXX},
    {"_ZnamSt11align_val_t", HW_FN_MALLOC, CXX},
    {"_ZnamSt11align_val_t12__hot_cold_t", HW_FN_MALLOC, CXX},
    {"_ZnamSt11align_val_tRKSt9nothrow_t", HW_FN_MALLOC, CXX},
    {"_ZnamSt11align_val_tRKSt9nothrow_t12__hot_cold_t", HW_FN_MALLOC, CXX},
    {"_Znwm", HW_FN_MALLOC, CXX},
    {"_Znwm12__hot_cold_t", HW_FN_MALLOC, CXX},
    {"_ZnwmRKSt9nothrow_t", HW_FN_MALLOC, CXX},
    {"_ZnwmRKSt9nothrow_t12__hot_cold_t", HW_FN_MALLOC, CXX},
    {"_ZnwmSt11align_val_t", HW_FN_MALLOC, CXX},
    {"_ZnwmSt11align_val_t12__hot_cold_t", HW_FN_MALLOC, CXX},
    {"_ZnwmSt11align_val_tRKSt9nothrow_t", HW_FN_MALLOC, CXX},
    {"_ZnwmSt11align_val_tRKSt9nothrow_t12__hot_cold_t", HW_FN_MALLOC, CXX},
    {"__rust_alloc", HW_FN_MALLOC, RUST},	 /* f(size, align) */
    {"__rust_alloc_zeroed", HW_FN_MALLOC, RUST}, /* f(size, align) */
    {"__rust_dealloc", HW_FN_FREE, RUST},	 /* f(p, size, align) */
    {"__rust_realloc", HW_FN_RUST_REALLOC, RUST},
    {"aligned_alloc", HW_FN_MEMALIGN, ALL},
    {"aligned_free", HW_FN_FREE, TBB},
    {"aligned_malloc", HW_FN_MALLOC, TBB},   /* f(size, align) */
    {"aligned_realloc", HW_FN_REALLOC, TBB}, /* f(old, size, align) */
    {"aligned_recalloc", HW_FN_REALLOCARRAY, MI},
    {"calloc", HW_FN_CALLOC, ALL},
    {"calloc_aligned", HW_FN_CALLOC, MI},    /* f(n, size, align) */
    {"calloc_aligned_at", HW_FN_CALLOC, MI}, /* f(n, size, align, offset) */
    {"cfree", HW_FN_FREE, ALL},
    {"dallocx", HW_FN_FREE, C | JE}, /* f(p, flags) */
    {"delete", HW_FN_FREE, TC},
    {"delete_aligned", HW_FN_FREE, TC},
    {"delete_aligned_nothrow", HW_FN_FREE, TC},
    {"delete_nothrow", HW_FN_FREE, TC},
    {"delete_sized", HW_FN_FREE, TC},
    {"delete_sized_aligned", HW_FN_FREE, TC},
    {"deletearray", HW_FN_FREE, TC},
    {"deletearray_aligned", HW_FN_FREE, TC},
    {"deletearray_aligned_nothrow", HW_FN_FREE, TC},
    {"deletearray_nothrow", HW_FN_FREE, TC},
    {"deletearray_sized", HW_FN_FREE, TC},
    {"deletearray_sized_aligned", HW_FN_FREE, TC},
    {"expand", HW_FN_REALLOC, MI}, /* in place: the old block, or NULL */
    {"free", HW_FN_FREE, ALL},
    {"free_aligned", HW_FN_FREE, MI},
    {"free_aligned_sized", HW_FN_FREE, ALL},
    {"free_size", HW_FN_FREE, MI},
    {"free_size_aligned", HW_FN_FREE, MI},
    {"free_sized", HW_FN_FREE, ALL},
    {"heap_alloc_new", HW_FN_MEMALIGN, MI}, /* f(heap, size), as the next */
    {"heap_alloc_new_n", HW_FN_HEAP_CALLOC, MI},
    {"heap_calloc", HW_FN_HEAP_CALLOC, MI},
    {"heap_calloc_aligned", HW_FN_HEAP_CALLOC, MI},
    {"heap_calloc_aligned_at", HW_FN_HEAP_CALLOC, MI},
    {"heap_destroy", HW_FN_HEAP_DESTROY, MI}, /* heap_delete keeps the blocks, in another heap */
    {"heap_malloc", HW_FN_MEMALIGN, MI},
    {"heap_malloc_aligned", HW_FN_MEMALIGN, MI},
    {"heap_malloc_aligned_at", HW_FN_MEMALIGN, MI},
    {"heap_malloc_small", HW_FN_MEMALIGN, MI},
    {"heap_mallocn", HW_FN_HEAP_CALLOC, MI},
    {"heap_realloc", HW_FN_HEAP_REALLOC, MI},
    {"heap_realloc_aligned", HW_FN_HEAP_REALLOC, MI},
    {"heap_realloc_aligned_at", HW_FN_HEAP_REALLOC, MI},
    {"heap_reallocf", HW_FN_HEAP_REALLOC, MI},
    {"heap_reallocn", HW_FN_HEAP_REALLOCARRAY, MI},
    {"heap_recalloc", HW_FN_HEAP_REALLOCARRAY, MI},
    {"heap_recalloc_aligned", HW_FN_HEAP_REALLOCARRAY, MI},
    {"heap_recalloc_aligned_at", HW_FN_HEAP_REALLOCARRAY, MI},
    {"heap_rezalloc", HW_FN_HEAP_REALLOC, MI},
    {"heap_rezalloc_aligned", HW_FN_HEAP_REALLOC, MI},
    {"heap_rezalloc_aligned_at", HW_FN_HEAP_REALLOC, MI},
    {"heap_strdup", HW_FN_STRING, MI}, /* has malloc inlined, as the next */
    {"heap_strndup", HW_FN_STRING, MI},
    {"heap_zalloc", HW_FN_MEMALIGN, MI},
    {"heap_zalloc_aligned", HW_FN_MEMALIGN, MI},
    {"heap_zalloc_aligned_at", HW_FN_MEMALIGN, MI},
    {"malloc", HW_FN_MALLOC, ALL},
    {"malloc_aligned", HW_FN_MALLOC, MI},    /* f(size, align) */
    {"malloc_aligned_at", HW_FN_MALLOC, MI}, /* f(size, align, offset) */
    {"malloc_skip_new_handler", HW_FN_MALLOC, TC},
    {"malloc_small", HW_FN_MALLOC, MI},
    {"mallocn", HW_FN_CALLOC, MI},
    {"mallocx", HW_FN_MALLOC, C | JE}, /* f(size, flags) */
    {"memalign", HW_FN_MEMALIGN, ALL},
    {"new", HW_FN_MALLOC, TC | MI},
    {"new_aligned", HW_FN_MALLOC, TC | MI},
    {"new_aligned_nothrow", HW_FN_MALLOC, TC | MI},
    {"new_n", HW_FN_CALLOC, MI},
    {"new_nothrow", HW_FN_MALLOC, TC | MI},
    {"new_realloc", HW_FN_REALLOC, MI},
    {"new_reallocn", HW_FN_REALLOCARRAY, MI},
    {"newarray", HW_FN_MALLOC, TC},
    {"newarray_aligned", HW_FN_MALLOC, TC},
    {"newarray_aligned_nothrow", HW_FN_MALLOC, TC},
    {"newarray_nothrow", HW_FN_MALLOC, TC},
    {"posix_memalign", HW_FN_POSIX_MEMALIGN, ALL},
    {"pvalloc", HW_FN_MALLOC, ALL},	/* rounds the size up to pages, which is not counted */
    {"rallocx", HW_FN_REALLOC, C | JE}, /* f(old, size, flags) */
    {"realloc", HW_FN_REALLOC, ALL},
    {"realloc_aligned", HW_FN_REALLOC, MI},    /* f(old, size, align) */
    {"realloc_aligned_at", HW_FN_REALLOC, MI}, /* f(old, size, align, offset) */
    {"reallocarray", HW_FN_REALLOCARRAY, ALL},
    {"reallocf", HW_FN_REALLOC, C | MI},
    {"reallocn", HW_FN_REALLOCARRAY, MI},
    {"recalloc", HW_FN_REALLOCARRAY, MI},
    {"recalloc_aligned", HW_FN_REALLOCARRAY, MI},
    {"recalloc_aligned_at", HW_FN_REALLOCARRAY, MI},
    {"rezalloc", HW_FN_REALLOC, MI},
    {"rezalloc_aligned", HW_FN_REALLOC, MI},
    {"rezalloc_aligned_at", HW_FN_REALLOC, MI},
    {"sdallocx", HW_FN_FREE, C | JE}, /* f(p, size, flags) */
    {"strdup", HW_FN_STRING, MI},     /* else it calls malloc */
    {"strndup", HW_FN_STRING, MI},
    {"valloc", HW_FN_MALLOC, ALL},
    {"vfree", HW_FN_FREE, C},
    {"xallocx", HW_FN_XALLOCX, C | JE},
    {"zalloc", HW_FN_MALLOC, MI},
    {"zalloc_aligned", HW_FN_MALLOC, MI},
    {"zalloc_aligned_at", HW_FN_MALLOC, MI},
    {"zalloc_small", HW_FN_MALLOC, MI},
};

/*
 * From 1.87 on Rust mangles these: _RNvC, the crate's hash, then 7___rustc, and the name behind its
 * length (and a '_' where it starts with one).  The name, or the symbol itself.
 */
static const char *rust_name(const char *symbol)
{
	static const char crate[] = "7___rustc";
	const char *at;
	char *end;
	long len;

	if (symbol[0] != '_' || strncmp(symbol, "_RNvC", 5))
		return symbol;
	at = strstr(symbol, crate);
	if (!at)
		return symbol;
	len = strtol(at + sizeof(crate) - 1, &end, 10);
	if (*end != '_' || len <= 0 || strlen(end + 1) != (size_t)len)
		return symbol;
	return end + 1;
}

static int compare(const void *symbol, const void *name)
{
	return strcmp(symbol, ((const struct fn_name *)name)->symbol);
}

/* The symbol's rest behind a prefix of one of these families. */
static bool find(const char *prefix, const char *rest, unsigned int families, struct fns_fn *out)
{
	const struct fn_name *n =
	    bsearch(rest, names, sizeof(names) / sizeof(names[0]), sizeof(names[0]), compare);

	if (!n || !(n->families & families))
		return false;
	*out = (struct fns_fn){prefix, n->symbol, n->fn, n->families & families};
	return true;
}

/* C++ functions other than new and delete: most symbols of a large file, and none is an
 * allocator's. */
static bool is_other_cxx(const char *symbol)
{
	return symbol[0] == '_' && symbol[1] == 'Z' && symbol[2] != 'n' && symbol[2] != 'd';
}

const char *fns_name(size_t i)
{
	return i < sizeof(names) / sizeof(names[0]) ? names[i].symbol : NULL;
}

bool fns_find(const char *symbol, struct fns_fn *out)
{
	size_t i, j;

	if (is_other_cxx(symbol))
		return false;
	if (find("", rust_name(symbol), FNS_C | FNS_CXX | FNS_RUST, out))
		return true;
	for (i = 0; i < sizeof(allocators) / sizeof(allocators[0]); i++) {
		for (j = 0; allocators[i].prefixes[j]; j++) {
			const char *prefix = allocators[i].prefixes[j];
			size_t len = strlen(prefix);

			if (*symbol == *prefix && !strncmp(symbol, prefix, len) &&
			    find(prefix, symbol + len, allocators[i].family, out))
				return true;
		}
	}
	return false;
}

unsigned int fns_maker_of(const char *symbol)
{
	const char *name = rust_name(symbol);
	size_t i, j;

	for (i = 0; i < sizeof(allocators) / sizeof(allocators[0]); i++) {
		for (j = 0; allocators[i].marks[j]; j++) {
			const char *mark = allocators[i].marks[j];

			/* The second letter first: it tells most of them apart. */
			if (*name && name[1] == mark[1] && !strcmp(name, mark))
				return allocators[i].family;
		}
	}
	return 0;
}

const char *fns_library(unsigned int makers)
{
	size_t i;

	for (i = 0; i < sizeof(allocators) / sizeof(allocators[0]); i++) {
		if (makers & allocators[i].family && allocators[i].library)
			return allocators[i].library;
	}
	return NULL;
}

unsigned int fns_arguments(enum hw_fn fn)
{
	switch (fn) {
	case HW_FN_MALLOC:
	case HW_FN_FREE:
	case HW_FN_STRING:
	case HW_FN_HEAP_DESTROY:
		return 1;
	case HW_FN_CALLOC:
	case HW_FN_REALLOC:
	case HW_FN_MEMALIGN:
		return 2;
	case HW_FN_REALLOCARRAY:
	case HW_FN_POSIX_MEMALIGN:
	case HW_FN_HEAP_CALLOC:
	case HW_FN_HEAP_REALLOC:
	case HW_FN_XALLOCX:
		return 3;
	default:
		return 4;
	}
}

bool fns_better(const struct fns_fn *a, const struct fns_fn *b)
{
	if ((a->name[0] == '_') != (b->name[0] == '_'))
		return b->name[0] == '_';
	if (!a->prefix[0] != !b->prefix[0])
		return !a->prefix[0];
	return strlen(a->name) < strlen(b->name);
}

bool fns_is_loader(const char *base)
{
	return !strncmp(base, "ld-linux", 8) || !strncmp(base, "ld.so", 5) ||
	       !strncmp(base, "ld64.so", 7);
}
