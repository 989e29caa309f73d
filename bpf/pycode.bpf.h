/* SPDX-License-Identifier: GPL-2.0 */
/* pycode.bpf.h: objects of a CPython interpreter's, read from its memory; its code objects, written
 * once each (struct hw_code), and what stands for them in stacks. */
#ifndef HW_PYCODE_BPF_H
#define HW_PYCODE_BPF_H

#include "walk.bpf.h"

/* Code objects that were written already.  LRU: one that was forgotten is only written again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64); /* id */
	__type(value, __u8);
} hw_codes __weak SEC(".maps");

/* Fields that are the same in all versions: ob_type, tp_name, the length of a str and of bytes,
 * the state of a str (Include/object.h, cpython/unicodeobject.h, cpython/bytesobject.h). */
#define HW_PY_TYPE	 8
#define HW_PY_TYPE_NAME	 24
#define HW_PY_LENGTH	 16
#define HW_PY_STR_STATE	 2 /* words behind the length */
#define HW_PY_BYTES_DATA 32

#define HW_PY_KIND(state) ((state) >> 2 & 7)
#define HW_PY_COMPACT	  (1 << 5)
#define HW_PY_ASCII	  (1 << 6)

static __always_inline __u64 hw_thread_pointer(void)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();

#ifdef __TARGET_ARCH_x86
	return task->thread.fsbase;
#else
	return task->thread.uw.tp_value;
#endif
}

/* Read an object's head into the thread's slot. */
static __always_inline bool hw_py_read(struct hw_thread *t, __u64 addr, __u16 size)
{
	return addr && !bpf_probe_read_user(t->object, size & 255, (void *)addr);
}

static __always_inline __u64 hw_py_word(const struct hw_thread *t, __u16 offset)
{
	return t->object[offset >> 3 & (HW_PYTHON_WORDS - 1)];
}

static __always_inline __u64 hw_py_pointer(struct hw_thread *t, __u64 addr)
{
	if (bpf_probe_read_user(&t->word, sizeof(t->word), (void *)addr))
		return 0;
	return t->word;
}

/*
 * Copy a str: at most room bytes of it, its end where `end`, else its head.  Returns false where
 * it had to be cut.
 */
static __always_inline bool hw_py_str(struct hw_thread *t, const struct hw_python *py, __u64 str,
				      char *to, const __u32 room, bool end, __u16 *size,
				      __u8 *kind_out)
{
	__u64 bytes, from = str, state, kind;
	bool whole = true;

	*size = 0;
	*kind_out = 1;
	if (bpf_probe_read_user(t->text, 24, (void *)(str + HW_PY_LENGTH)))
		return true;
	state = t->text[HW_PY_STR_STATE];
	kind = HW_PY_KIND(state);
	if (!(state & HW_PY_COMPACT) || (kind != 1 && kind != 2 && kind != 4))
		return true;
	bytes = t->text[0] * kind;
	from += state & HW_PY_ASCII ? py->ascii_size : py->compact_size;
	if (bytes > room) {
		if (end)
			from += bytes - room;
		bytes = room;
		whole = false;
	}
	barrier_var(bytes);
	if (bytes > room || bpf_probe_read_user(to, bytes, (void *)from))
		return true;
	*size = bytes;
	*kind_out = kind;
	return whole;
}

static __always_inline void hw_code_head(struct hw_thread *t, const struct hw_python *py,
					 struct hw_code *e, __u64 id)
{
	__u64 first = hw_py_word(t, py->code_first_line);

	e->code = id;
	e->first_line = py->code_first_line & 4 ? first >> 32 : first;
	e->table_size = 0;
	e->minor = py->minor;
	e->cut = 0;
	if (!hw_py_str(t, py, hw_py_word(t, py->code_shown), e->name, HW_CODE_NAME, false,
		       &e->name_size, &e->name_kind))
		e->cut |= HW_CODE_NAME_CUT;
	if (!hw_py_str(t, py, hw_py_word(t, py->code_file), e->file, HW_CODE_FILE, true,
		       &e->file_size, &e->file_kind))
		e->cut |= HW_CODE_FILE_CUT;
}

/* The record's size has to be a number that the verifier knows. */
#define HW_CODE_SMALL  1024
#define HW_CODE_MEDIUM 4096
#define HW_CODE_LARGE  16384
#define HW_CODE_HUGE   61440

static __always_inline bool hw_code_emit(struct hw_ctx *c, __u64 id, __u64 size, const __u32 total)
{
	const __u32 room = total - sizeof(struct hw_code);
	const struct hw_python *py = &c->space->python;
	__u64 table = hw_py_word(c->t, py->code_table);
	struct hw_code *e;
	void *ring;
	bool whole;

	e = hw_reserve(c->p, c->t->walk.tgid, HW_CODE, total, &ring);
	if (!e)
		return false;
	hw_code_head(c->t, py, e, id);
	if (size > room) {
		size = room;
		e->cut |= HW_CODE_TABLE_CUT;
	}
	barrier_var(size);
	if (size <= room &&
	    !bpf_probe_read_user(e->table, size, (void *)(table + HW_PY_BYTES_DATA)))
		e->table_size = size;
	/* A page of them that is not in memory now may be so another time: not done yet. */
	whole = e->name_size && e->file_size && e->table_size == size;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	return whole;
}

/* Is what was read last of type "code"?  Its name may be in a page of the file that is not in
 * memory, as after a fork: then its address has to tell. */
static __always_inline bool hw_py_is_code(struct hw_ctx *c)
{
	struct hw_thread *t = c->t;
	__u64 type = hw_py_word(t, HW_PY_TYPE), name;

	if (type == c->space->python.code_type)
		return true;
	name = hw_py_pointer(t, type + HW_PY_TYPE_NAME);

	return name && (hw_py_pointer(t, name) & 0xffffffffffull) == 0x65646f63;
}

/* Write the code object that was read last.  False: it is none. */
static __noinline bool hw_py_write(struct hw_ctx *c, __u64 id)
{
	__u64 size;
	__u8 one = 1;
	bool written;

	if (!hw_py_is_code(c))
		return false;
	size = hw_py_pointer(c->t, hw_py_word(c->t, c->space->python.code_table) + HW_PY_LENGTH);
	if (size <= HW_CODE_SMALL - sizeof(struct hw_code))
		written = hw_code_emit(c, id, size, HW_CODE_SMALL);
	else if (size <= HW_CODE_MEDIUM - sizeof(struct hw_code))
		written = hw_code_emit(c, id, size, HW_CODE_MEDIUM);
	else if (size <= HW_CODE_LARGE - sizeof(struct hw_code))
		written = hw_code_emit(c, id, size, HW_CODE_LARGE);
	else
		written = hw_code_emit(c, id, size, HW_CODE_HUGE);
	/* One that is not whole, or found no room, which is counted, is written again when it is
	 * seen again. */
	if (written)
		bpf_map_update_elem(&hw_codes, &id, &one, BPF_ANY);
	return true;
}

/* The length of a str and its first 32 characters, as far as they never change. */
static __always_inline __u64 hw_py_mix_str(struct hw_thread *t, __u64 hash, __u64 str)
{
	t->text[4] = 0;
	if (bpf_probe_read_user(t->text, sizeof(t->text), (void *)(str + HW_PY_LENGTH)))
		return hash;
	hash = hw_mix(hash, t->text[0]);
	if (!(t->text[HW_PY_STR_STATE] & HW_PY_ASCII))
		return hash;
	hash = hw_mix(hash, t->text[4]);
	hash = hw_mix(hash, t->text[5]);
	hash = hw_mix(hash, t->text[6]);
	return hw_mix(hash, t->text[7]);
}

/*
 * The id of a code object.  Its memory can be freed and become another one: the id is of what it
 * points to as well.  From 3.12 on co_version (word 11 with co_nfreevars) tells any two apart;
 * before, the loop `exec("def f%d()...")` can make two whose words are all the same: so the
 * characters of its name are part of it, and of the file's where the name is one that many have:
 * "<module>", "<lambda>".
 */
static __always_inline __u64 hw_py_id(struct hw_ctx *c, __u64 code)
{
	const struct hw_python *py = &c->space->python;
	struct hw_thread *t = c->t;
	__u64 name = hw_py_word(t, py->code_name), file = hw_py_word(t, py->code_file);
	__u64 id = hw_mix(t->walk.seed, code);

	id = hw_mix(id, hw_py_word(t, HW_PY_TYPE));
	id = hw_mix(id, hw_py_word(t, py->code_first_line));
	id = hw_mix(id, hw_py_word(t, py->code_table));
	id = hw_mix(id, name);
	id = hw_mix(id, file);
	if (py->minor >= 12) {
		id = hw_mix(id, t->object[11]);
	} else {
		id = hw_py_mix_str(t, id, name);
		if ((t->text[4] & 0xff) == '<')
			id = hw_py_mix_str(t, id, file);
	}
	return id & HW_PC_CODE_MASK;
}

static __always_inline bool hw_py_push(struct hw_ctx *c, __u64 code, __u64 unit)
{
	__u64 id;

	if (!hw_py_read(c->t, code, c->space->python.code_size))
		return false;
	id = hw_py_id(c, code);
	if (!bpf_map_lookup_elem(&hw_codes, &id) && !hw_py_write(c, id))
		return false;
	if (unit > HW_PC_UNIT_MAX)
		unit = HW_PC_UNIT_MAX;
	hw_push(c->t, HW_PC_PYTHON | unit << HW_PC_UNIT_SHIFT | id);
	return true;
}

#endif
