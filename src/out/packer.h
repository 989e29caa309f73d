/* SPDX-License-Identifier: GPL-2.0 */
/* packer.h: text on its way into a file, deflated (RFC 1950) and in base64. */
#ifndef OUT_PACKER_H
#define OUT_PACKER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct packer;

/* NULL: no memory. */
struct packer *packer__new(FILE *f);
/* What was not ended is lost. */
void packer__free(struct packer *p);

/* Errors are told at the end. */
void packer__put(struct packer *p, const char *text);
void packer__number(struct packer *p, int64_t n);
/* As a string of JSON, made fit to be shown. */
void packer__string(struct packer *p, const char *text);
/* 0 or -EIO. */
int packer__end(struct packer *p);

#endif
