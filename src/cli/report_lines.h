/*
 * The journal's lines as a report shows them: one line for each rule and user, or of these for each rule,
 * or for each user. Takes what memory its lines need; the journal, and so the lines, is bounded.
 */
#ifndef POSTERN_CLI_REPORT_LINES_H
#define POSTERN_CLI_REPORT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/hash.h"
#include "channel/message.h"

enum report_by { REPORT_BY_BOTH, REPORT_BY_RULE, REPORT_BY_USER };

enum { REPORT_NETWORK_SIZE = 65 };

struct report_line {
    struct hash_link by_texts;
    uint64_t count;
    uint64_t others; /* by rule: users that are known; by user: rules; else 1 */
    int64_t first_s;
    int64_t last_s;
    char network[REPORT_NETWORK_SIZE]; /* the last */
    struct span rule;                  /* empty in a report by user */
    struct span login;                 /* empty in a report by rule, and for who is not known */
    uint8_t texts[];
};

struct report_lines {
    struct hash_key key;
    struct hash_table by_texts;
    struct report_line **at; /* after report_lines_fold() the most frequent first */
    size_t count;
};

/* False when memory is out. */
bool report_lines_init(struct report_lines *lines) MUST_USE;
void report_lines_fini(struct report_lines *lines);

/* Adds a line of the journal; they come in the order of time. False when memory is out. */
bool report_lines_add(struct report_lines *lines, const struct message_journal_row *row) MUST_USE;

/* Makes *ret_folded, which is not initialised yet, of all lines. False when memory is out. */
bool report_lines_fold(const struct report_lines *lines, enum report_by by,
                       struct report_lines *ret_folded) MUST_USE;

#endif
