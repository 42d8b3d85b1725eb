/*
 * Reads what an IMAP client sends before login (RFC 9051 section 2.2.1 and 4.3): commands with
 * quoted strings and literals, and the bare lines that answer a SASL challenge. Pure and resumable:
 * bytes go in, in pieces of any size, events come out; the same bytes give the same events however
 * they are cut. This is the one place that knows line ends: a line ends with CRLF; LF alone ends it
 * too and is IMAP_EVENT_BAD, as is a NUL or a CR that no LF follows.
 *
 * The reader holds at most IMAP_COMMAND_MAX octets. Commands of a session may hold passwords: the
 * memory is wiped by reset and fini.
 */
#ifndef POSTERN_PROTOCOL_IMAP_READER_H
#define POSTERN_PROTOCOL_IMAP_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

enum {
    IMAP_LINE_MAX = 8192,     /* one line of a command, without literals: Dovecot's login limit */
    IMAP_LITERAL_MAX = 4096,  /* one literal before login: a name or password; ID values are 1024 */
    IMAP_LITERALS_MAX = 64,   /* literals of one command: ID has at most 30 pairs (RFC 2971) */
    IMAP_COMMAND_MAX = 32768, /* all of one command */
    IMAP_SASL_LINE_MAX = 16384, /* an answer to a challenge: OAuth tokens of several KB occur */
};

enum imap_event {
    IMAP_EVENT_MORE,    /* all input is used up; nothing is complete */
    IMAP_EVENT_LITERAL, /* a synchronising literal was announced: answer "+ OK", then go on */
    IMAP_EVENT_COMMAND, /* imap_reader_text() is a whole command without its last line end */
    IMAP_EVENT_LINE,    /* imap_reader_text() is an answer to a challenge */
    IMAP_EVENT_BAD,     /* the command is malformed but its end was found: answer BAD, go on */
    IMAP_EVENT_FATAL,   /* its end can't be found (too long, literal too big): answer BYE, close */
};

struct imap_reader {
    struct strbuf text;      /* the command so far, literals in place, line ends as CRLF */
    uint64_t literal_left;   /* octets of the current literal still to come */
    size_t line_start;       /* where the current line begins in text */
    uint16_t literals;       /* seen in this command */
    uint8_t state;           /* private to imap_reader.c */
    bool is_bad;             /* this command will be IMAP_EVENT_BAD */
    const char *problem;     /* after BAD and FATAL: what it was, a fixed English phrase */
};

void imap_reader_init(struct imap_reader *reader);
void imap_reader_fini(struct imap_reader *reader);

/* From now on one line is an answer to a challenge (IMAP_EVENT_LINE), then commands again. */
void imap_reader_expect_line(struct imap_reader *reader);

/*
 * Takes octets off the front of *input until an event is complete. After COMMAND, LINE, BAD the
 * text stays valid until the next call. A refused literal (synchronising, over IMAP_LITERAL_MAX) is
 * BAD at once: its octets will not be sent. A non-synchronising one over the maximum is FATAL.
 */
enum imap_event imap_reader_feed(struct imap_reader *reader, struct span *input) MUST_USE;

/* The text of the last COMMAND or LINE. */
struct span imap_reader_text(const struct imap_reader *reader);

/* True when no octet of an unfinished command or line is held. */
bool imap_reader_is_empty(const struct imap_reader *reader);

#endif
