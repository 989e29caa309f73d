// SPDX-License-Identifier: GPL-2.0
#include "tui/term.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "tui/cells.h"

struct term {
	SCREEN *screen;
	int attributes[STYLES];
	bool gone;
};

/* What a handler of signals needs, which can be given nothing: the state before us. */
static struct termios before;
static volatile sig_atomic_t taken;

/* Leave the alternate screen, show the cursor, no mouse reports, normal attributes and keypad. */
static const char leave[] =
    "\033[?1000l\033[?1002l\033[?1006l\033[0m\033[?1l\033>\033[?25h\033[?1049l\r";

/* curses' own functions may not be called here. */
static void crashed(int signal)
{
	if (taken) {
		ssize_t n = write(STDOUT_FILENO, leave, sizeof(leave) - 1);

		(void)n;
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	}
	/* The handler was for once: now it ends us as it would have. */
	raise(signal);
}

static void catch_crashes(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT};
	struct sigaction sa = {.sa_handler = crashed, .sa_flags = (int)SA_RESETHAND};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &sa, NULL);
}

struct look {
	short color, background;
	int attributes;
};

/* NO_COLOR (no-color.org) is obeyed: then only attributes tell. */
static void choose_looks(struct term *t)
{
	static const struct look looks[STYLES] = {
	    [STYLE_NORMAL] = {-1, -1, A_NORMAL},
	    [STYLE_DIM] = {-1, -1, A_DIM},
	    [STYLE_BOLD] = {-1, -1, A_BOLD},
	    [STYLE_TITLE] = {COLOR_BLACK, COLOR_GREEN, A_NORMAL},
	    [STYLE_SORTED] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL},
	    [STYLE_SELECTED] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL},
	    [STYLE_TAGGED] = {COLOR_YELLOW, -1, A_BOLD},
	    [STYLE_KEY] = {-1, -1, A_NORMAL},
	    [STYLE_LABEL] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL},
	    [STYLE_GOOD] = {COLOR_GREEN, -1, A_NORMAL},
	    [STYLE_WARN] = {COLOR_YELLOW, -1, A_NORMAL},
	    [STYLE_BAD] = {COLOR_RED, -1, A_BOLD},
	    [STYLE_BAR_1] = {COLOR_GREEN, -1, A_NORMAL},
	    [STYLE_BAR_2] = {COLOR_BLUE, -1, A_BOLD},
	    [STYLE_BAR_3] = {COLOR_YELLOW, -1, A_NORMAL},
	};
	static const int plain[STYLES] = {
	    [STYLE_DIM] = A_DIM,	  [STYLE_BOLD] = A_BOLD,
	    [STYLE_TITLE] = A_REVERSE,	  [STYLE_SORTED] = A_REVERSE | A_BOLD | A_UNDERLINE,
	    [STYLE_SELECTED] = A_REVERSE, [STYLE_TAGGED] = A_BOLD | A_UNDERLINE,
	    [STYLE_LABEL] = A_REVERSE,	  [STYLE_BAD] = A_BOLD,
	    [STYLE_WARN] = A_BOLD,	  [STYLE_BAR_1] = A_BOLD,
	};
	const char *no_color = getenv("NO_COLOR");
	bool colors = !(no_color && *no_color) && has_colors();

	memcpy(t->attributes, plain, sizeof(plain));
	if (!colors)
		return;
	start_color();
	use_default_colors();
	for (short i = 0; i < STYLES; i++) {
		init_pair((short)(i + 1), looks[i].color, looks[i].background);
		t->attributes[i] = looks[i].attributes | COLOR_PAIR(i + 1);
	}
}

int term__open(struct term **out)
{
	struct term *t;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return -ENOTTY;
	if (tcgetattr(STDIN_FILENO, &before))
		return -errno;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->screen = newterm(NULL, stdout, stdin);
	if (!t->screen) {
		free(t);
		return -EINVAL;
	}
	taken = 1;
	catch_crashes();
	set_escdelay(25);
	cbreak();
	noecho();
	nonl();
	intrflush(stdscr, FALSE);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	mousemask(BUTTON1_CLICKED | BUTTON1_PRESSED | BUTTON1_DOUBLE_CLICKED | BUTTON4_PRESSED |
		      BUTTON5_PRESSED,
		  NULL);
	/* No waiting for a second click: the first is told at once. */
	mouseinterval(0);
	choose_looks(t);
	*out = t;
	return 0;
}

void term__close(struct term *t)
{
	if (!t)
		return;
	/* On a terminal that is gone this would only fail, or block. */
	if (!t->gone)
		endwin();
	taken = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	delscreen(t->screen);
	free(t);
}

void term__resize(struct term *t, int *width, int *height)
{
	struct winsize size;

	(void)t;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
	getmaxyx(stdscr, *height, *width);
}

static void draw_line(struct term *t, const struct cells *c, int y)
{
	char run[4096];
	size_t used = 0;
	int width = cells__width(c), style = -1;

	move(y, 0);
	for (int x = 0; x <= width; x++) {
		const struct cell *cell = x < width ? cells__at(c, y, x) : NULL;
		size_t n = cell ? strlen(cell->text) : 0;

		/* Characters of one style go out together. */
		if (!cell || cell->style != style || used + n >= sizeof(run)) {
			run[used] = 0;
			if (used) {
				attrset((chtype)t->attributes[style]);
				addstr(run);
			}
			used = 0;
			style = cell ? cell->style : 0;
		}
		if (cell)
			memcpy(run + used, cell->text, n);
		used += n;
	}
}

void term__draw(struct term *t, const struct cells *c, int cursor_y, int cursor_x)
{
	int width, height;

	getmaxyx(stdscr, height, width);
	(void)width;
	erase();
	for (int y = 0; y < cells__height(c) && y < height; y++)
		draw_line(t, c, y);
	curs_set(cursor_x >= 0);
	if (cursor_x >= 0)
		move(cursor_y, cursor_x);
	refresh();
}

void term__redraw(struct term *t)
{
	(void)t;
	clearok(stdscr, TRUE);
}

static struct term_event mouse(void)
{
	struct term_event e = {.key = TERM_NONE};
	MEVENT m;

	if (getmouse(&m) != OK)
		return e;
	e.x = m.x;
	e.y = m.y;
	if (m.bstate & BUTTON4_PRESSED)
		e.key = TERM_UP;
	else if (m.bstate & BUTTON5_PRESSED)
		e.key = TERM_DOWN;
	else if (m.bstate & BUTTON1_DOUBLE_CLICKED)
		e.key = TERM_DOUBLE_CLICK;
	else if (m.bstate & (BUTTON1_CLICKED | BUTTON1_PRESSED))
		e.key = TERM_CLICK;
	return e;
}

static bool hung_up(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

struct term_event term__event(struct term *t)
{
	static const struct {
		int code;
		enum term_key key;
	} keys[] = {
	    {KEY_UP, TERM_UP},
	    {KEY_DOWN, TERM_DOWN},
	    {KEY_LEFT, TERM_LEFT},
	    {KEY_RIGHT, TERM_RIGHT},
	    {KEY_PPAGE, TERM_PAGE_UP},
	    {KEY_NPAGE, TERM_PAGE_DOWN},
	    {KEY_HOME, TERM_HOME},
	    {KEY_END, TERM_END},
	    {KEY_ENTER, TERM_ENTER},
	    {'\r', TERM_ENTER},
	    {'\n', TERM_ENTER},
	    {27, TERM_ESCAPE},
	    {KEY_BACKSPACE, TERM_BACKSPACE},
	    {127, TERM_BACKSPACE},
	    {8, TERM_BACKSPACE},
	    {'\t', TERM_TAB},
	    {KEY_BTAB, TERM_BACKTAB},
	};
	int c = getch();

	if (c == ERR) {
		t->gone |= hung_up();
		return (struct term_event){.key = t->gone ? TERM_GONE : TERM_NONE};
	}
	if (c == KEY_MOUSE)
		return mouse();
	if (c >= KEY_F(1) && c <= KEY_F(10))
		return (struct term_event){.key = (enum term_key)(TERM_F1 + (c - KEY_F(1)))};
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (keys[i].code == c)
			return (struct term_event){.key = keys[i].key};
	if (c == 12) {
		term__redraw(t);
		return (struct term_event){.key = TERM_CHAR, .character = 12};
	}
	if (c < 32 || c > 126)
		return (struct term_event){.key = TERM_CHAR, .character = 0};
	return (struct term_event){.key = TERM_CHAR, .character = (char)c};
}
