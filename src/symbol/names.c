// SPDX-License-Identifier: GPL-2.0
#include "symbol/names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strpool.h"
#include "heapwatch/unwind.h"
#include "symbol/demangle.h"
#include "symbol/elffile.h"
#include "symbol/pycodes.h"
#include "symbol/remote.h"
#include "symbol/codefile.h"

#define MAX_ANSWERS 65536u
#define SLOTS	    (2 * MAX_ANSWERS)

struct key {
	uint64_t inode;
	uint32_t dev_major, dev_minor;
};

/* While its descriptor is open the inode cannot be used again: the key stays the file's own. */
struct file {
	struct key key;
	uint32_t id; /* of this content: answers for an earlier one are not found */
	uint64_t used;
	struct elffile *elf;
};

struct answer {
	uint64_t offset;
	uint32_t file; /* its id, or 0: empty */
	uint32_t line;
	const char *function, *source;
};

struct names {
	struct strpool *strings;
	struct pycodes *codes;
	struct remote remote;
	struct file *files; /* by key */
	size_t nfiles, room;
	unsigned int max_open;
	uint32_t last_id;
	uint64_t clock;
	struct answer *answers; /* open addressing, SLOTS of them */
	size_t nanswers;
};

struct names *names__new(unsigned int files)
{
	struct names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->max_open = files ? files : 1;
	remote_init(&n->remote);
	n->strings = strpool__new();
	n->answers = calloc(SLOTS, sizeof(*n->answers));
	n->codes = n->strings ? pycodes__new(n->strings) : NULL;
	if (!n->codes || !n->answers) {
		names__free(n);
		return NULL;
	}
	return n;
}

void names__free(struct names *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->nfiles; i++)
		elffile__free(n->files[i].elf);
	free(n->files);
	free(n->answers);
	pycodes__free(n->codes);
	strpool__free(n->strings);
	free(n);
}

static bool is_vdso(const struct module *m)
{
	return !m->inode && !strcmp(m->path, "[vdso]");
}

static bool key_of(const struct module *m, struct key *key)
{
	*key = (struct key){m->inode, m->dev_major, m->dev_minor};
	if (is_vdso(m)) {
		/* The kernel has one for each ABI: where 32 bits suffice, it is the 32-bit one. */
		key->inode = (m->end - m->start) << 1 | !(m->start >> 32);
		key->dev_major = key->dev_minor = UINT32_MAX;
	}
	return key->inode;
}

static int compare(const struct key *a, const struct key *b)
{
	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	if (a->dev_major != b->dev_major)
		return a->dev_major < b->dev_major ? -1 : 1;
	return a->dev_minor < b->dev_minor ? -1 : a->dev_minor > b->dev_minor;
}

/* Where the file is, or where it belongs. */
static size_t place_of(const struct names *n, const struct key *key)
{
	size_t low = 0, high = n->nfiles;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare(&n->files[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct file *find_file(const struct names *n, const struct key *key)
{
	size_t at = place_of(n, key);

	return at < n->nfiles && !compare(&n->files[at].key, key) ? &n->files[at] : NULL;
}

/* Takes over fd. */
static int keep(struct names *n, const struct key *key, int fd, const char *path)
{
	struct elffile *elf = elffile__new(fd, path, &n->remote);
	size_t at = place_of(n, key);
	struct file *file = find_file(n, key);

	if (!elf)
		return -ENOMEM;
	if (!file && n->nfiles == n->room) {
		size_t room = n->room ? 2 * n->room : 16;
		struct file *files = realloc(n->files, room * sizeof(*files));

		if (!files) {
			elffile__free(elf);
			return -ENOMEM;
		}
		n->files = files;
		n->room = room;
	}
	if (file) {
		elffile__free(file->elf);
	} else {
		file = &n->files[at];
		memmove(file + 1, file, (n->nfiles++ - at) * sizeof(*file));
	}
	*file = (struct file){.key = *key, .id = ++n->last_id, .elf = elf};
	return 0;
}

int names__prepare(struct names *n, pid_t pid, const struct modules *modules)
{
	int err = 0;

	for (size_t i = 0; !err && i < modules__count(modules); i++) {
		const struct module *m = modules__at(modules, i);
		const struct file *known;
		struct key key;
		int fd;

		if (!m->exec || !key_of(m, &key))
			continue;
		known = find_file(n, &key);
		if (known && !elffile__changed(known->elf))
			continue;
		fd = is_vdso(m) ? codefile_vdso(pid, m) : codefile_open(pid, m);
		/* Who cannot be read keeps its path and offsets. */
		if (fd >= 0)
			err = keep(n, &key, fd, m->path);
	}
	return err;
}

int names__take(struct names *n, uint32_t dev_major, uint32_t dev_minor, uint64_t inode, int fd,
		const char *path)
{
	const struct key key = {inode, dev_major, dev_minor};

	if (!find_file(n, &key))
		return keep(n, &key, fd, path);
	close(fd);
	return 0;
}

static void make_room(struct names *n)
{
	struct file *oldest = NULL;
	size_t open = 0;

	for (size_t i = 0; i < n->nfiles; i++) {
		if (!elffile__is_open(n->files[i].elf))
			continue;
		open++;
		if (!oldest || n->files[i].used < oldest->used)
			oldest = &n->files[i];
	}
	if (open >= n->max_open)
		elffile__close(oldest->elf);
}

static const char *keep_clean(struct names *n, char *s)
{
	const char *kept = NULL;

	if (s) {
		demangle__clean(s);
		kept = strpool__add(n->strings, s);
	}
	free(s);
	return kept;
}

static void look_up(struct names *n, struct file *file, uint64_t offset, struct answer *a)
{
	struct elffile_symbol symbol;

	if (!elffile__is_open(file->elf) && !elffile__is_broken(file->elf))
		make_room(n);
	file->used = ++n->clock;
	elffile__find(file->elf, offset, &symbol);
	*a = (struct answer){.offset = offset, .file = file->id, .line = symbol.line};
	if (symbol.function)
		a->function = keep_clean(n, demangle(symbol.function));
	if (symbol.file)
		a->source = keep_clean(n, strdup(symbol.file));
}

static struct answer *slot_of(struct names *n, uint32_t file, uint64_t offset)
{
	uint64_t hash = (offset ^ (uint64_t)file << 40) * 0x9e3779b97f4a7c15ull;
	size_t i = (hash >> 32) & (SLOTS - 1);

	while (n->answers[i].file && (n->answers[i].file != file || n->answers[i].offset != offset))
		i = (i + 1) & (SLOTS - 1);
	return &n->answers[i];
}

static const struct answer *answer(struct names *n, struct file *file, uint64_t offset)
{
	struct answer *a = slot_of(n, file->id, offset);

	if (a->file)
		return a;
	if (n->nanswers == MAX_ANSWERS) {
		memset(n->answers, 0, SLOTS * sizeof(*n->answers));
		n->nanswers = 0;
		a = slot_of(n, file->id, offset);
	}
	look_up(n, file, offset, a);
	n->nanswers++;
	return a;
}

static const char *module_name(const struct module *m)
{
	bool anonymous = !m->inode && (!m->path[0] || !strncmp(m->path, "[anon", 5));

	if (anonymous && m->exec)
		return "[jit]";
	return m->path[0] ? m->path : NULL;
}

int names__learn(struct names *n, const struct hw_code *code)
{
	return pycodes__add(n->codes, code);
}

static void find_python(struct names *n, uint64_t word, struct name *out)
{
	struct pycode code;

	pycodes__find(n->codes, word, &code);
	*out = (struct name){.function = code.function,
			     .file = code.file,
			     .line = code.file ? code.line : 0,
			     .module = strpool__add(n->strings, "[python]"),
			     .offset = code.offset};
}

void names__find(struct names *n, const struct modules *modules, uint64_t pc, int is_return,
		 struct name *out)
{
	/* The call may be the last instruction of its module, as of its function. */
	uint64_t at = is_return && pc ? pc - 1 : pc;
	const struct module *m;
	const char *name;
	struct file *file;
	struct key key;

	if (pc & HW_PC_PYTHON) {
		find_python(n, pc, out);
		return;
	}
	*out = (struct name){0};
	if (pc == HW_PC_JIT) {
		out->module = strpool__add(n->strings, "[jit]");
		return;
	}
	m = modules__find(modules, at);
	name = m ? module_name(m) : NULL;
	if (!name)
		return;
	out->module = strpool__add(n->strings, name);
	out->offset = pc - m->start + m->offset;
	file = key_of(m, &key) ? find_file(n, &key) : NULL;
	if (file) {
		const struct answer *a = answer(n, file, at - m->start + m->offset);

		out->function = a->function;
		out->file = a->source;
		out->line = a->source ? a->line : 0;
	}
}
