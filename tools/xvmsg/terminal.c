/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright the xen-virtio-msg authors */

#include "tools/xvmsg/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define OWN_SCREEN "\033[?1049h"
#define FORMER_SCREEN "\033[?1049l"
#define HIDE_CURSOR "\033[?25l"
#define SHOW_CURSOR "\033[?25h"
#define TO_TOP "\033[H"
#define ERASE_LINE "\033[K"
#define ERASE_BELOW "\033[J"

#define ROWS_DEFAULT 24
#define COLUMNS_DEFAULT 80

void terminal_open(struct terminal *terminal, FILE *out)
{
    struct termios ours;

    terminal->out = out;
    terminal->keys = tcgetattr(STDIN_FILENO, &terminal->before) == 0 ? STDIN_FILENO : -1;
    if (terminal->keys >= 0) {
        ours = terminal->before;
        ours.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        ours.c_cc[VMIN] = 1;
        ours.c_cc[VTIME] = 0;
        tcsetattr(terminal->keys, TCSANOW, &ours);
    }
    setvbuf(stderr, terminal->held, _IOFBF, sizeof(terminal->held));
    fputs(OWN_SCREEN HIDE_CURSOR, out);
    fflush(out);
}

void terminal_close(struct terminal *terminal)
{
    fputs(TERMINAL_PLAIN SHOW_CURSOR FORMER_SCREEN, terminal->out);
    fflush(terminal->out);
    if (terminal->keys >= 0)
        tcsetattr(terminal->keys, TCSAFLUSH, &terminal->before);
    fflush(stderr);
    setvbuf(stderr, NULL, _IONBF, 0);
}

void terminal_size(const struct terminal *terminal, unsigned *rows, unsigned *columns)
{
    struct winsize size = {0};

    ioctl(fileno(terminal->out), TIOCGWINSZ, &size);
    *rows = size.ws_row ? size.ws_row : ROWS_DEFAULT;
    *columns = size.ws_col ? size.ws_col : COLUMNS_DEFAULT;
}

void terminal_begin(const struct terminal *terminal)
{
    fputs(TO_TOP, terminal->out);
}

void terminal_line(const struct terminal *terminal, const char *look, const char *text,
                   unsigned columns)
{
    /* In reverse, the whole line is. */
    fprintf(terminal->out, "%s%-*.*s" TERMINAL_PLAIN ERASE_LINE "\r\n", look, (int)columns,
            (int)columns, text);
}

void terminal_end(const struct terminal *terminal)
{
    fputs(ERASE_BELOW, terminal->out);
    fflush(terminal->out);
}
