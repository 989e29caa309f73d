// SPDX-License-Identifier: GPL-2.0
#include "app/images.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "model/modules.h"
#include "symbol/names.h"

#define PAGE ((uint64_t)4096)

/* Distinct files at most: a machine's libraries and programs. */
#define IMAGES_MAX 16384

struct image {
	uint64_t dev, inode;
	uint64_t offset; /* in the file, of its first code */
	char *path;
};

struct images {
	struct image *all;
	size_t n, room;
};

struct images *images__new(void)
{
	return calloc(1, sizeof(struct images));
}

void images__free(struct images *i)
{
	if (!i)
		return;
	for (size_t k = 0; k < i->n; k++)
		free(i->all[k].path);
	free(i->all);
	free(i);
}

static const struct image *find(const struct images *i, uint64_t dev, uint64_t inode)
{
	for (size_t k = i->n; k-- > 0;)
		if (i->all[k].inode == inode && i->all[k].dev == dev)
			return &i->all[k];
	return NULL;
}

static int add(struct images *i, uint64_t dev, uint64_t inode, uint64_t offset, const char *path)
{
	struct image *all;

	if (find(i, dev, inode) || i->n == IMAGES_MAX)
		return 0;
	if (i->n == i->room) {
		size_t room = i->room ? 2 * i->room : 64;

		all = reallocarray(i->all, room, sizeof(*all));
		if (!all)
			return -ENOMEM;
		i->all = all;
		i->room = room;
	}
	i->all[i->n] = (struct image){dev, inode, offset, strdup(path)};
	if (!i->all[i->n].path)
		return -ENOMEM;
	i->n++;
	return 0;
}

int images__see(struct images *i, const struct modules *m)
{
	int err = 0;

	for (size_t k = 0; k < modules__count(m) && !err; k++) {
		const struct module *one = modules__at(m, k);

		if (one->exec && one->inode)
			err = add(i, modules_dev(one), one->inode, one->offset, one->path);
	}
	return err;
}

/* Where its first executable segment lies: false where it is no such file. */
static bool code_offset(int fd, uint64_t *offset)
{
	Elf *elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	bool found = false;
	GElf_Phdr ph;
	size_t n = 0;

	if (elf && elf_getphdrnum(elf, &n))
		n = 0;
	for (size_t k = 0; k < n && !found; k++) {
		if (!gelf_getphdr(elf, (int)k, &ph))
			break;
		found = ph.p_type == PT_LOAD && (ph.p_flags & PF_X);
		*offset = ph.p_offset / PAGE * PAGE;
	}
	elf_end(elf);
	return found;
}

/* The device of the mount that a file was opened through: of an overlay that of the overlay itself.
 * 0: not known. */
static uint64_t mount_device(int fd)
{
	unsigned int id, wanted = 0, major_no, minor_no;
	char path[64], line[4096];
	uint64_t dev = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "mnt_id: %u", &wanted) == 1)
			break;
	if (f)
		fclose(f);
	f = wanted ? fopen("/proc/self/mountinfo", "re") : NULL;
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%u %*u %u:%u ", &id, &major_no, &minor_no) == 3 && id == wanted) {
			dev = (uint64_t)major_no << 32 | minor_no;
			break;
		}
	if (f)
		fclose(f);
	return dev;
}

/*
 * Is it the file of the record?  On an overlay, as containers' are, stat(2) names another device
 * than the record, and old kernels' maps (6.1's; 6.12's do not) name that of the file below.
 */
static bool is_recorded(int fd, const struct hw_module *map)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_ino != map->inode)
		return false;
	return (major(st.st_dev) == map->dev_major && minor(st.st_dev) == map->dev_minor) ||
	       mount_device(fd) == ((uint64_t)map->dev_major << 32 | map->dev_minor);
}

/* The file at this path, if it is the one of the record. */
static int learn(struct images *i, const struct hw_module *map, const char *path,
		 struct names *names)
{
	/* A maps file has one line for a file, whatever its name. */
	int fd = strchr(path, '\n') ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	uint64_t offset;

	if (fd < 0)
		return 0;
	if (!is_recorded(fd, map) || !code_offset(fd, &offset)) {
		close(fd);
		return 0;
	}
	err = add(i, (uint64_t)map->dev_major << 32 | map->dev_minor, map->inode, offset, path);
	if (err)
		close(fd);
	else
		err = names__take(names, map->dev_major, map->dev_minor, map->inode, fd, path);
	return err;
}

/* A file that maps named by another device. */
static int learn_again(struct images *i, const struct hw_module *map, struct names *names)
{
	size_t n = i->n;
	int err = 0;

	for (size_t k = 0; k < n && i->n == n && !err; k++)
		if (i->all[k].inode == map->inode)
			err = learn(i, map, i->all[k].path, names);
	return err;
}

/* As a line of a maps file, which is what modules are made of. */
static int place(const struct image *image, const struct hw_module *map, struct modules *m)
{
	uint64_t start = map->addr / PAGE * PAGE, end = (map->addr + map->len + PAGE - 1) / PAGE;
	uint64_t offset = map->offset == HW_MODULE_FIRST ? image->offset : map->offset;
	char *line;
	int len = asprintf(&line,
			   "%" PRIx64 "-%" PRIx64 " r-xp %08" PRIx64 " %02x:%02x %" PRIu64
			   "                    %s\n",
			   start, end * PAGE, offset, map->dev_major, map->dev_minor,
			   (uint64_t)map->inode, image->path);

	if (len < 0)
		return -ENOMEM;
	len = modules__parse(m, line, (size_t)len);
	free(line);
	return len < 0 ? len : 0;
}

int images__imagine(struct images *i, const struct hw_module *maps, size_t n, const char *exe,
		    struct names *names, struct modules *m)
{
	int err = 0;

	for (size_t k = 0; k < n && !err; k++) {
		uint64_t dev = (uint64_t)maps[k].dev_major << 32 | maps[k].dev_minor;
		const struct image *image = find(i, dev, maps[k].inode);

		if (!image) {
			err = maps[k].offset == HW_MODULE_FIRST ? learn(i, &maps[k], exe, names)
								: learn_again(i, &maps[k], names);
			image = err ? NULL : find(i, dev, maps[k].inode);
		}
		if (image)
			err = place(image, &maps[k], m);
	}
	return err;
}
