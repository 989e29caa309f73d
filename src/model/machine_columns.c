// SPDX-License-Identifier: GPL-2.0
#include "model/machine_columns.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Room that the last column, the command, is to have. */
#define COMMAND_ROOM 14

/* clang-format off */
static const struct machine_column_info infos[COLUMN_COUNT] = {
	[COLUMN_PID] = {"pid", "PID", "process id", COLUMN_IS_NUMBER, 7, 0, true},
	[COLUMN_PPID] = {"ppid", "PPID", "its parent's", COLUMN_IS_NUMBER, 7, 30, true},
	[COLUMN_USER] = {"user", "USER", "effective user", COLUMN_IS_TEXT, 8, 4, true},
	[COLUMN_STATE] = {"state", "S", "R running, S sleeping, D disk, Z ended, T stopped", COLUMN_IS_TEXT, 1, 22, true},
	[COLUMN_THREADS] = {"threads", "THR", "threads", COLUMN_IS_NUMBER, 4, 20, false},
	[COLUMN_RSS] = {"rss", "RSS", "resident memory", COLUMN_IS_BYTES, 6, 0, false},
	[COLUMN_PRIVATE] = {"private", "PRIV", "resident, less files and shared memory", COLUMN_IS_BYTES, 6, 6, false},
	[COLUMN_SHARED] = {"shared", "SHR", "resident: files and shared memory", COLUMN_IS_BYTES, 6, 30, false},
	[COLUMN_PSS] = {"pss", "PSS", "resident, shared pages divided (key p)", COLUMN_IS_BYTES, 6, 30, false},
	[COLUMN_SWAP] = {"swap", "SWAP", "swapped out", COLUMN_IS_BYTES, 6, 16, false},
	[COLUMN_HEAP] = {"heap", "HEAP", "what malloc holds", COLUMN_IS_BYTES, 6, 1, false},
	[COLUMN_IN_USE] = {"in-use", "IN-USE", "of it: in use by the program", COLUMN_IS_BYTES, 7, 1, false},
	[COLUMN_FREE] = {"free", "FREE", "free in malloc, but resident: fragmentation", COLUMN_IS_BYTES, 6, 2, false},
	[COLUMN_FREE_PERCENT] = {"free-percent", "FREE%", "the same, of what malloc holds", COLUMN_IS_PERCENT, 5, 3, false},
	[COLUMN_OTHER] = {"other", "OTHER", "private memory that malloc does not hold", COLUMN_IS_BYTES, 6, 7, false},
	[COLUMN_GROWTH] = {"growth", "GROW/m", "growth of RSS a minute", COLUMN_IS_BYTES, 7, 2, false},
	[COLUMN_BRK_RATE] = {"brk", "BRK/s", "brk calls a second", COLUMN_IS_RATE, 5, 10, false},
	[COLUMN_MMAP_RATE] = {"mmap", "MMAP/s", "mmap calls a second", COLUMN_IS_RATE, 6, 9, false},
	[COLUMN_MUNMAP_RATE] = {"munmap", "UNMAP/s", "munmap calls a second", COLUMN_IS_RATE, 7, 10, false},
	[COLUMN_CALLSITE] = {"callsite", "MAPPED MOST BY", "the callsite whose mappings grew most", COLUMN_IS_TEXT, 24, 12, true},
	[COLUMN_WATCHED] = {"watched", "W", "W: has probes; !: may not be read", COLUMN_IS_TEXT, 1, 5, false},
	[COLUMN_ALLOCATOR] = {"allocator", "ALLOCATOR", "whose malloc it is", COLUMN_IS_TEXT, 10, 18, true},
	[COLUMN_ARENAS] = {"arenas", "AREN", "arenas of glibc's malloc", COLUMN_IS_NUMBER, 4, 24, false},
	[COLUMN_UNIT] = {"unit", "UNIT", "container or unit", COLUMN_IS_TEXT, 18, 14, true},
	[COLUMN_COMMAND] = {"command", "COMMAND", "command line, or [name]", COLUMN_IS_TEXT, 0, 0, true},
};
/* clang-format on */

/* The order on the screen. */
static const enum machine_column order[] = {
    COLUMN_PID,		 COLUMN_USER,	   COLUMN_STATE,    COLUMN_THREADS,  COLUMN_RSS,
    COLUMN_PRIVATE,	 COLUMN_SWAP,	   COLUMN_HEAP,	    COLUMN_IN_USE,   COLUMN_FREE,
    COLUMN_FREE_PERCENT, COLUMN_OTHER,	   COLUMN_GROWTH,   COLUMN_BRK_RATE, COLUMN_MMAP_RATE,
    COLUMN_MUNMAP_RATE,	 COLUMN_ALLOCATOR, COLUMN_CALLSITE, COLUMN_UNIT,     COLUMN_WATCHED,
    COLUMN_COMMAND,
};

const struct machine_column_info *machine_column_info(enum machine_column c)
{
	return &infos[c];
}

enum machine_column machine_column_find(const char *name)
{
	enum machine_column c = COLUMN_PID;

	while (c < COLUMN_COUNT && strcmp(infos[c].name, name))
		c++;
	return c;
}

static struct machine_value number(double v)
{
	return (struct machine_value){.quality = MACHINE_EXACT, .number = v};
}

static struct machine_value number_if(enum machine_quality q, double v)
{
	return (struct machine_value){.quality = q, .number = q == MACHINE_UNKNOWN ? 0 : v};
}

static struct machine_value text(const char *v)
{
	return (struct machine_value){.quality = *v ? MACHINE_EXACT : MACHINE_UNKNOWN, .text = v};
}

static enum machine_quality known(bool is)
{
	return is ? MACHINE_EXACT : MACHINE_UNKNOWN;
}

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

static struct machine_value heap_value(enum machine_column c, const struct machine_process *p)
{
	const struct machine_heap *h = &p->heap;
	double held = (double)(h->system + h->mmapped);

	switch (c) {
	case COLUMN_HEAP:
		return number_if(h->held, held);
	case COLUMN_IN_USE:
		return number_if(h->held ? h->quality : MACHINE_UNKNOWN, (double)h->in_use);
	case COLUMN_FREE:
		return number_if(h->resident, (double)h->free_resident);
	case COLUMN_FREE_PERCENT:
		return number_if(h->resident, percent((double)h->free_resident, held));
	case COLUMN_OTHER:
		return number_if(h->held ? MACHINE_ESTIMATED : MACHINE_UNKNOWN,
				 (double)p->mapped_otherwise);
	default:
		return number_if(h->held, h->arenas);
	}
}

static const char *state_text(char state)
{
	static const char states[] = "R\0S\0D\0Z\0T\0t\0I\0X\0P\0W\0K";

	for (const char *s = states; s < states + sizeof(states); s += 2)
		if (*s == state)
			return s;
	return "";
}

struct machine_value machine_column_value(enum machine_column c, const struct machine_process *p)
{
	switch (c) {
	case COLUMN_PID:
		return number(p->pid);
	case COLUMN_PPID:
		return number(p->ppid);
	case COLUMN_USER:
		return text(p->user);
	case COLUMN_STATE:
		return text(state_text(p->state));
	case COLUMN_THREADS:
		return number(p->threads);
	case COLUMN_RSS:
		return number((double)p->rss);
	case COLUMN_PRIVATE:
		return number(p->rss > p->shared ? (double)(p->rss - p->shared) : 0);
	case COLUMN_SHARED:
		return number((double)p->shared);
	case COLUMN_PSS:
		return number_if(known(p->has_pss), (double)p->pss);
	case COLUMN_SWAP:
		return number((double)p->swap);
	case COLUMN_GROWTH:
		return number_if(known(p->has_growth), (double)p->growth);
	case COLUMN_BRK_RATE:
		return number_if(known(p->has_events), p->events.brk_rate);
	case COLUMN_MMAP_RATE:
		return number_if(known(p->has_events), p->events.mmap_rate);
	case COLUMN_MUNMAP_RATE:
		return number_if(known(p->has_events), p->events.munmap_rate);
	case COLUMN_CALLSITE:
		return text(p->callsite);
	case COLUMN_WATCHED:
		return text(p->flags & MACHINE_WATCHED	    ? "W"
			    : p->flags & MACHINE_UNREADABLE ? "!"
							    : "");
	case COLUMN_ALLOCATOR:
		return text(p->allocator);
	case COLUMN_UNIT:
		return text(p->unit);
	case COLUMN_COMMAND:
	case COLUMN_COUNT:
		return text(p->cmdline[0] ? p->cmdline : p->comm);
	default:
		return heap_value(c, p);
	}
}

int machine_column_compare(enum machine_column c, const struct machine_process *a,
			   const struct machine_process *b)
{
	struct machine_value x = machine_column_value(c, a), y = machine_column_value(c, b);
	int way = 0;

	if (!x.quality || !y.quality)
		way = !x.quality - !y.quality;
	else if (x.text)
		way = strcasecmp(x.text, y.text);
	else
		way = (x.number > y.number) - (x.number < y.number);
	if (!infos[c].up && x.quality && y.quality)
		way = -way;
	return way ? way : (a->pid > b->pid) - (a->pid < b->pid);
}

char *machine_bytes_text(char buf[MACHINE_CELL], double bytes)
{
	static const char units[] = "BKMGTPE";
	double v = fabs(bytes);
	const char *sign = bytes < 0 ? "-" : "";
	int unit = 0;

	while (v >= 999.5 && units[unit + 1]) {
		v /= 1024;
		unit++;
	}
	if (!unit)
		snprintf(buf, MACHINE_CELL, v < 1 ? "0" : "%s%.0fB", sign, v);
	else
		snprintf(buf, MACHINE_CELL, "%s%.*f%c", sign,
			 v < 9.995   ? 2
			 : v < 99.95 ? 1
				     : 0,
			 v, units[unit]);
	return buf;
}

static void rate_text(char *buf, double v)
{
	if (v < 0.05)
		snprintf(buf, MACHINE_CELL, "0");
	else if (v < 9.95)
		snprintf(buf, MACHINE_CELL, "%.1f", v);
	else if (v < 9999.5)
		snprintf(buf, MACHINE_CELL, "%.0f", v);
	else
		snprintf(buf, MACHINE_CELL, v < 999500 ? "%.0fk" : "%.1fm",
			 v < 999500 ? v / 1e3 : v / 1e6);
}

const char *machine_column_text(enum machine_column c, const struct machine_process *p,
				char buf[MACHINE_CELL])
{
	struct machine_value v = machine_column_value(c, p);
	char *at = buf;

	if (v.text)
		return v.text;
	if (v.quality == MACHINE_UNKNOWN)
		return p->flags & MACHINE_KERNEL_THREAD ? "" : "-";
	/* OTHER is never anything else: it need not say so in each row. */
	if (v.quality == MACHINE_ESTIMATED && c != COLUMN_OTHER && c != COLUMN_HEAP)
		*at++ = '~';
	switch (infos[c].kind) {
	case COLUMN_IS_BYTES:
		if (c == COLUMN_GROWTH && v.number >= 1)
			*at++ = '+';
		{
			char number[MACHINE_CELL];

			snprintf(at, MACHINE_CELL - 1, "%.16s",
				 machine_bytes_text(number, v.number));
		}
		break;
	case COLUMN_IS_RATE:
		rate_text(buf, v.number);
		break;
	case COLUMN_IS_PERCENT:
		snprintf(at, MACHINE_CELL - 1,
			 v.number >= 0.05 && v.number < 9.95 ? "%.1f" : "%.0f", v.number);
		break;
	default:
		snprintf(buf, MACHINE_CELL, "%.0f", v.number);
	}
	return buf;
}

int machine_columns_parse(const char *list, struct machine_columns *out, char bad[32])
{
	out->n = 0;
	for (;;) {
		size_t len = strcspn(list, ",");
		enum machine_column c;

		snprintf(bad, 32, "%.*s", (int)(len < 31 ? len : 31), list);
		c = machine_column_find(bad);
		if (c == COLUMN_COUNT)
			return -EINVAL;
		for (size_t i = 0; i < out->n; i++)
			if (out->v[i] == c)
				return -EINVAL;
		out->v[out->n++] = c;
		if (!list[len])
			return 0;
		list += len + 1;
	}
}

static bool needs_events(enum machine_column c)
{
	return c == COLUMN_BRK_RATE || c == COLUMN_MMAP_RATE || c == COLUMN_MUNMAP_RATE ||
	       c == COLUMN_CALLSITE;
}

/* The width that all columns up to this rank take, a blank behind each. */
static int width_of(int rank, bool events)
{
	int width = COMMAND_ROOM;

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		if (infos[order[i]].rank <= rank && (events || !needs_events(order[i])))
			width += infos[order[i]].width ? infos[order[i]].width + 1 : 0;
	return width;
}

void machine_columns_fit(int width, bool events, struct machine_columns *out)
{
	int rank = 29;

	while (rank > 0 && width_of(rank, events) > width)
		rank--;
	out->n = 0;
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		if (infos[order[i]].rank <= rank && (events || !needs_events(order[i])))
			out->v[out->n++] = order[i];
}
