// SPDX-License-Identifier: GPL-2.0
#include "probe/fns.h"

#include <stdlib.h>
#include <string.h>

/* In the order of strcmp.  operator new(size, align) has its size first, as malloc does. */
static const struct fn_name names[] = {
    {"_ZdaPv", HW_FN_FREE},
    {"_ZdaPvRKSt9nothrow_t", HW_FN_FREE},
    {"_ZdaPvSt11align_val_t", HW_FN_FREE},
    {"_ZdaPvSt11align_val_tRKSt9nothrow_t", HW_FN_FREE},
    {"_ZdaPvm", HW_FN_FREE},
    {"_ZdaPvmSt11align_val_t", HW_FN_FREE},
    {"_ZdlPv", HW_FN_FREE},
    {"_ZdlPvRKSt9nothrow_t", HW_FN_FREE},
    {"_ZdlPvSt11align_val_t", HW_FN_FREE},
    {"_ZdlPvSt11align_val_tRKSt9nothrow_t", HW_FN_FREE},
    {"_ZdlPvm", HW_FN_FREE},
    {"_ZdlPvmSt11align_val_t", HW_FN_FREE},
    {"_Znam", HW_FN_MALLOC},
    {"_Znam12__hot_cold_t", HW_FN_MALLOC},
    {"_ZnamRKSt9nothrow_t", HW_FN_MALLOC},
    {"_ZnamRKSt9nothrow_t12__hot_cold_t", HW_FN_MALLOC},
    {"_ZnamSt11align_val_t", HW_FN_MALLOC},
    {"_ZnamSt11align_val_t12__hot_cold_t", HW_FN_MALLOC},
    {"_ZnamSt11align_val_tRKSt9nothrow_t", HW_FN_MALLOC},
    {"_ZnamSt11align_val_tRKSt9nothrow_t12__hot_cold_t", HW_FN_MALLOC},
    {"_Znwm", HW_FN_MALLOC},
    {"_Znwm12__hot_cold_t", HW_FN_MALLOC},
    {"_ZnwmRKSt9nothrow_t", HW_FN_MALLOC},
    {"_ZnwmRKSt9nothrow_t12__hot_cold_t", HW_FN_MALLOC},
    {"_ZnwmSt11align_val_t", HW_FN_MALLOC},
    {"_ZnwmSt11align_val_t12__hot_cold_t", HW_FN_MALLOC},
    {"_ZnwmSt11align_val_tRKSt9nothrow_t", HW_FN_MALLOC},
    {"_ZnwmSt11align_val_tRKSt9nothrow_t12__hot_cold_t", HW_FN_MALLOC},
    {"aligned_alloc", HW_FN_MEMALIGN},
    {"calloc", HW_FN_CALLOC},
    {"cfree", HW_FN_FREE},
    {"dallocx", HW_FN_FREE}, /* f(p, flags) */
    {"free", HW_FN_FREE},
    {"free_aligned_sized", HW_FN_FREE},
    {"free_sized", HW_FN_FREE},
    {"malloc", HW_FN_MALLOC},
    {"mallocx", HW_FN_MALLOC}, /* f(size, flags) */
    {"memalign", HW_FN_MEMALIGN},
    {"posix_memalign", HW_FN_POSIX_MEMALIGN},
    {"pvalloc", HW_FN_MALLOC},	/* rounds the size up to pages, which is not counted */
    {"rallocx", HW_FN_REALLOC}, /* f(old, size, flags) */
    {"realloc", HW_FN_REALLOC},
    {"reallocarray", HW_FN_REALLOCARRAY},
    {"sdallocx", HW_FN_FREE},
    {"valloc", HW_FN_MALLOC},
};

static int compare(const void *symbol, const void *name)
{
	return strcmp(symbol, ((const struct fn_name *)name)->symbol);
}

const struct fn_name *fns_find(const char *symbol)
{
	return bsearch(symbol, names, sizeof(names) / sizeof(names[0]), sizeof(names[0]), compare);
}

unsigned int fns_maker_of(const char *symbol)
{
	/* Names with static linking in mind: what is hidden in a library is a local symbol there.
	 */
	static const struct {
		const char *symbol;
		enum fns_maker maker;
	} makers[] = {
	    {"mallctl", FNS_JEMALLOC},	     {"je_mallctl", FNS_JEMALLOC},
	    {"malloc_conf", FNS_JEMALLOC},   {"tc_malloc", FNS_TCMALLOC},
	    {"mi_malloc", FNS_MIMALLOC},     {"__malloc_donate", FNS_MUSL},
	    {"__malloc_replaced", FNS_MUSL}, {"_int_malloc", FNS_GLIBC},
	    {"ptmalloc_init", FNS_GLIBC},
	};
	static const char tcmalloc[] = "MallocExtension_";
	size_t i;

	if (!strncmp(symbol, tcmalloc, sizeof(tcmalloc) - 1))
		return FNS_TCMALLOC;
	for (i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		if (!strcmp(symbol, makers[i].symbol))
			return makers[i].maker;
	}
	return 0;
}

const char *fns_library(unsigned int makers)
{
	if (makers & FNS_JEMALLOC)
		return "jemalloc";
	if (makers & FNS_TCMALLOC)
		return "tcmalloc";
	return makers & FNS_MIMALLOC ? "mimalloc" : NULL;
}

bool fns_better(const char *a, const char *b)
{
	if ((a[0] == '_') != (b[0] == '_'))
		return b[0] == '_';
	return strlen(a) < strlen(b);
}

bool fns_is_loader(const char *base)
{
	return !strncmp(base, "ld-linux", 8) || !strncmp(base, "ld.so", 5) ||
	       !strncmp(base, "ld64.so", 7);
}
