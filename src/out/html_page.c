// SPDX-License-Identifier: GPL-2.0
#include "out/html_page.h"

/* The build runs at the top of the tree. */
#define DIR "src/out/html/"
#define BEGIN(symbol)           \
	".section .rodata\n"    \
	".global " #symbol "\n" \
	".type " #symbol ", %object\n" #symbol ":\n"
#define TAKE(name) ".incbin \"" DIR name "\"\n"
#define END	   ".byte 0\n.previous\n"

__asm__(BEGIN(html_page) TAKE("page.html") END);
__asm__(BEGIN(html_page_css) TAKE("page.css") END);
__asm__(BEGIN(html_page_js) TAKE("data.js") TAKE("chart.js") TAKE("flame.js") TAKE("page.js") END);
