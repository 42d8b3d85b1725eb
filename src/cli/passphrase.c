/*
 * Asks at /dev/tty, so that the passphrase comes from a person whatever standard input is. See
 * passphrase.h. The terminal gets its echo back also when a signal ends the command.
 */
#include "cli/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "cli/say.h"
#include "pki/authority.h"

static const int passphrase_signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};

enum { PASSPHRASE_SIGNALS = sizeof passphrase_signals / sizeof passphrase_signals[0] };

static volatile sig_atomic_t caught_signal;

static void catch_signal(int number)
{
    caught_signal = number;
}

/* How signals were before hold_signals(). */
struct held_signals {
    struct sigaction actions[PASSPHRASE_SIGNALS];
    sigset_t mask;
};

/*
 * Signals break off the wait for input instead of the process, so that the echo can be put back
 * first. They are blocked outside that wait: one that comes just before it is not lost.
 */
static void hold_signals(struct held_signals *before)
{
    struct sigaction action = {.sa_handler = catch_signal};
    sigset_t held;
    caught_signal = 0;
    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&held);
    for (size_t i = 0; i < PASSPHRASE_SIGNALS; i++)
        (void)sigaddset(&held, passphrase_signals[i]);
    (void)sigprocmask(SIG_BLOCK, &held, &before->mask);
    for (size_t i = 0; i < PASSPHRASE_SIGNALS; i++)
        (void)sigaction(passphrase_signals[i], &action, &before->actions[i]);
}

static void release_signals(const struct held_signals *before)
{
    (void)sigprocmask(SIG_SETMASK, &before->mask, NULL);
    for (size_t i = 0; i < PASSPHRASE_SIGNALS; i++)
        (void)sigaction(passphrase_signals[i], &before->actions[i], NULL);
    if (caught_signal != 0)
        (void)raise(caught_signal);
}

static bool write_text(int terminal, const char *text)
{
    return write(terminal, text, strlen(text)) == (ssize_t)strlen(text);
}

/* One line without its end. False at a signal, at the end of input, and for one that is too long. */
static bool read_line(int terminal, const sigset_t *mask, struct secret *ret_line)
{
    struct pollfd wait = {.fd = terminal, .events = POLLIN};
    if (ppoll(&wait, 1, NULL, mask) != 1)
        return false;
    char line[AUTHORITY_PASSPHRASE_MAX + 2] UNINITIALIZED;
    ssize_t got = read(terminal, line, sizeof line);
    bool is_read = got > 0 && line[got - 1] == '\n' &&
                   secret_set(ret_line, span_make(line, (size_t)got - 1)) == 0;
    explicit_bzero(line, sizeof line);
    return is_read;
}

static bool ask_without_echo(int terminal, const char *prompt, struct secret *ret_line)
{
    struct held_signals signals;
    struct termios before;
    if (tcgetattr(terminal, &before) != 0)
        return false;
    struct termios silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    hold_signals(&signals);
    /* TCSAFLUSH: what was typed ahead was shown. */
    bool is_read = tcsetattr(terminal, TCSAFLUSH, &silent) == 0 && write_text(terminal, prompt) &&
                   read_line(terminal, &signals.mask, ret_line);
    (void)tcsetattr(terminal, TCSAFLUSH, &before);
    (void)write_text(terminal, "\n");
    release_signals(&signals);
    return is_read;
}

static bool ask_again(int terminal, const struct secret *first)
{
    struct secret second = {NULL, 0};
    bool is_same = ask_without_echo(terminal, "The same passphrase again: ", &second) &&
                   secret_equal(secret_span(first), secret_span(&second));
    secret_fini(&second);
    if (!is_same)
        say("the two passphrases differ");
    return is_same;
}

static bool ask_at_terminal(bool is_new, struct secret *ret_passphrase)
{
    auto_close int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0) {
        say("there is no terminal to ask for the passphrase at: use --passphrase-file");
        return false;
    }
    const char *prompt =
        is_new ? "New passphrase for the authority: " : "Passphrase of the authority: ";
    if (!ask_without_echo(terminal, prompt, ret_passphrase)) {
        say("no passphrase was read (one line of at most %d octets)", AUTHORITY_PASSPHRASE_MAX);
        return false;
    }
    return !is_new || ask_again(terminal, ret_passphrase);
}

bool passphrase_obtain(const char *file, bool is_new, struct secret *ret_passphrase)
{
    struct secret passphrase = {NULL, 0};
    auto_strbuf struct strbuf error = STRBUF(AUTHORITY_ERROR_MAX);
    bool is_read = file == NULL ? ask_at_terminal(is_new, &passphrase)
                                : authority_read_passphrase(file, &passphrase, &error);
    if (!is_read) {
        if (file != NULL)
            say("%s", strbuf_text(&error));
        secret_fini(&passphrase);
        return false;
    }
    *ret_passphrase = passphrase;
    return true;
}
