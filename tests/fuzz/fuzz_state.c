// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_state: the bytes within a recording's rows: changes of words, what a process's words say,
 * changes of sites.  What is decoded can be encoded, and decodes to the same again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/report.h"
#include "store/changes.h"
#include "store/dictionary.h"
#include "store/state.h"
#include "store/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
	if (!truth)
		__builtin_trap();
}

static const char *text(const void *arg, uint64_t number)
{
	(void)arg;
	return number && number < 100 ? "text" : NULL;
}

static int stack(void *arg, uint64_t number, struct state_stack *out)
{
	static const struct report_frame frame = {.function = "f"};

	(void)arg;
	if (!number || number > 100)
		return -1;
	*out = (struct state_stack){&frame, number % 2, false, NULL};
	return 0;
}

static void again(const struct report_process *p, const struct state_library *library)
{
	struct dictionary *d = dictionary__new();
	struct arena *a = arena__new();
	struct words words = {0};
	struct report_process q = {0};

	must(d && a);
	state_encode(p, d, &words);
	must(!words.failed && !dictionary__error(d));
	must(!state_decode(&words, library, a, &q));
	must(q.pid == p->pid && q.nadvice == p->nadvice && q.npinned == p->npinned &&
	     q.nlines == p->nlines && q.allocator.narenas == p->allocator.narenas &&
	     q.hidden_bytes == p->hidden_bytes);
	words__free(&words);
	arena__free(a);
	dictionary__free(d);
}

static int ascending(void *arg, uint64_t number, const uint64_t change[CHANGES_FIELDS])
{
	uint64_t *last = arg;

	(void)change;
	must(number > *last);
	*last = number;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct state_library library = {text, stack, NULL};
	struct words words = {0}, empty = {0}, same = {0};
	struct arena *a = arena__new();
	struct report_process p = {0};
	struct bytes bytes = {0};
	size_t half = size / 2;
	uint64_t last = 0;

	must(a != NULL);
	changes_decode(data, size, ascending, &last);
	if (!words__apply(&words, data, half) && !words__apply(&words, data + half, size - half)) {
		must(words.n <= size);
		words__changes(&empty, &words, &bytes);
		must(!words__apply(&same, bytes.data, bytes.len));
		must(same.n == words.n &&
		     (!words.n || !memcmp(same.w, words.w, words.n * sizeof(*words.w))));
		if (!state_decode(&words, &library, a, &p))
			again(&p, &library);
	}
	bytes__free(&bytes);
	words__free(&words);
	words__free(&same);
	arena__free(a);
	return 0;
}
