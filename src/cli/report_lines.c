/* Gathers what a report shows; see report_lines.h. Called by report_command.c. */
#include "cli/report_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool report_lines_init(struct report_lines *lines)
{
    *lines = (struct report_lines){.at = NULL};
    return hash_key_draw(&lines->key) == 0 && hash_table_init(&lines->by_texts) == 0;
}

void report_lines_fini(struct report_lines *lines)
{
    hash_table_fini(&lines->by_texts);
    for (size_t i = 0; i < lines->count; i++)
        free(lines->at[i]);
    free(lines->at);
    *lines = (struct report_lines){.at = NULL};
}

/* --- Gathering -------------------------------------------------------------------------------- */

static struct span copy_text(uint8_t *to, struct span text)
{
    if (text.len > 0)
        memcpy(to, text.at, text.len);
    return span_make(to, text.len);
}

static struct report_line *line_new(struct report_lines *lines, struct span rule, struct span login,
                                    uint64_t hash)
{
    struct report_line *line = calloc(1, sizeof *line + rule.len + login.len);
    void *grown = reallocarray(lines->at, lines->count + 1, sizeof(struct report_line *));
    if (grown != NULL)
        lines->at = grown;
    if (line == NULL || grown == NULL) {
        free(line);
        return NULL;
    }
    line->first_s = INT64_MAX;
    line->last_s = INT64_MIN;
    line->rule = copy_text(line->texts, rule);
    line->login = copy_text(line->texts + rule.len, login);
    lines->at[lines->count++] = line;
    hash_table_insert(&lines->by_texts, &line->by_texts, hash);
    return line;
}

/* The line of these two, made when it is new; NULL: no memory. */
static struct report_line *line_of(struct report_lines *lines, struct span rule, struct span login)
{
    uint64_t hash = hash_span(&lines->key, rule) * 31 + hash_span(&lines->key, login);
    struct hash_link *link = hash_table_first(&lines->by_texts, hash);
    for (; link != NULL; link = hash_table_next(link)) {
        struct report_line *line = hash_holder(link, struct report_line, by_texts);
        if (span_equal(line->rule, rule) && span_equal(line->login, login))
            return line;
    }
    return line_new(lines, rule, login, hash);
}

/* More of the same; the network is that of the latest. */
static void line_take(struct report_line *line, const struct report_line *more)
{
    line->count += more->count;
    if (more->first_s < line->first_s)
        line->first_s = more->first_s;
    if (more->last_s < line->last_s)
        return;
    line->last_s = more->last_s;
    memcpy(line->network, more->network, sizeof line->network);
}

bool report_lines_add(struct report_lines *lines, const struct message_journal_row *row)
{
    struct report_line more = {.count = row->count, .first_s = row->at_s, .last_s = row->at_s};
    struct report_line *line = line_of(lines, row->rule, row->login);
    if (line == NULL)
        return false;
    (void)snprintf(more.network, sizeof more.network, "%.*s", (int)row->network.len,
                   row->network.len == 0 ? "" : (const char *)row->network.at);
    line_take(line, &more);
    line->others = 1;
    return true;
}

/* --- Folding ---------------------------------------------------------------------------------- */

static int compare_spans(struct span a, struct span b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.at, b.at, common);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_lines(const void *a, const void *b)
{
    const struct report_line *left = *(const struct report_line *const *)a;
    const struct report_line *right = *(const struct report_line *const *)b;
    int order = (left->count < right->count) - (left->count > right->count);
    if (order == 0)
        order = compare_spans(left->rule, right->rule);
    return order != 0 ? order : compare_spans(left->login, right->login);
}

static bool fold_line(struct report_lines *folded, const struct report_line *line, enum report_by by)
{
    struct report_line *into = line_of(folded, by == REPORT_BY_USER ? SPAN_NONE : line->rule,
                                       by == REPORT_BY_RULE ? SPAN_NONE : line->login);
    if (into == NULL)
        return false;
    line_take(into, line);
    into->others += by != REPORT_BY_RULE || line->login.len > 0;
    return true;
}

bool report_lines_fold(const struct report_lines *lines, enum report_by by,
                       struct report_lines *ret_folded)
{
    if (!report_lines_init(ret_folded))
        return false;
    for (size_t i = 0; i < lines->count; i++)
        if (!fold_line(ret_folded, lines->at[i], by)) {
            report_lines_fini(ret_folded);
            return false;
        }
    if (ret_folded->count > 0)
        qsort(ret_folded->at, ret_folded->count, sizeof(struct report_line *), compare_lines);
    return true;
}
