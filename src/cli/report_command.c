/*
 * postern report: what rules would have refused, or did. Reads the journal a page at a time and groups it
 * here, so that the keeper, which logins wait for, does little for it.
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "cli/columns.h"
#include "cli/control.h"
#include "cli/json.h"
#include "cli/report_lines.h"
#include "cli/say.h"
#include "config/duration.h"

enum { REPORT_SINCE_DAYS_MAX = 366, REPORT_SINCE_S = 7 * 86400 };

/* What is asked for. */
struct report_question {
    enum journal_outcome outcome;
    enum report_by by;
    int64_t since_s;
    int64_t until_s;
};

/* What came: the lines, and what was only counted. */
struct report_answer {
    struct report_lines lines;
    uint64_t logins; /* on listeners of the mode that is asked about */
    uint64_t dropped;
};

/* --- Reading ---------------------------------------------------------------------------------- */

/* Reads a page behind what command says and moves that on. False: said, why; *ret_is_last: no more. */
static bool report_read_page(struct report_lines *lines, struct keeper_link *link,
                             struct message *command, bool *ret_is_last)
{
    uint64_t received = 0;
    struct message message;
    if (!keeper_link_send(link, command))
        return false;
    while (keeper_link_receive(link, &message)) {
        if (message.type == MESSAGE_done && message.done.count == received) {
            *ret_is_last = received == 0;
            return true;
        }
        if (message.type != MESSAGE_journal_row) {
            say("the journal did not come whole: try again");
            return false;
        }
        if (!report_lines_add(lines, &message.journal_row)) {
            say("no memory for the report");
            return false;
        }
        command->journal_read.at_s = message.journal_row.at_s;
        command->journal_read.line = message.journal_row.line;
        received++;
    }
    return false;
}

static bool report_read_lines(const struct report_question *question, struct keeper_link *link,
                              struct report_lines *lines)
{
    struct message command = {.type = MESSAGE_journal_read,
                              .journal_read = {.outcome = (uint8_t)question->outcome,
                                               .at_s = question->since_s,
                                               .until_s = question->until_s}};
    bool is_last = false;
    while (!is_last)
        if (!report_read_page(lines, link, &command, &is_last))
            return false;
    return true;
}

static bool report_read_sums(const struct report_question *question, struct keeper_link *link,
                             struct report_answer *answer)
{
    struct message message;
    struct message command = {
        .type = MESSAGE_journal_sum,
        .journal_sum = {.since_s = question->since_s, .until_s = question->until_s}};
    if (!keeper_link_send(link, &command) || !keeper_link_receive(link, &message))
        return false;
    if (message.type != MESSAGE_journal_sums) {
        say("the journal did not say how many logins there were: try again");
        return false;
    }
    answer->logins = question->outcome == JOURNAL_WOULD_REFUSE ? message.journal_sums.logins_observed
                                                               : message.journal_sums.logins;
    answer->dropped = message.journal_sums.dropped;
    return true;
}

/* The answer, folded as it is asked for. False, said. */
static bool report_ask(const struct report_question *question, struct keeper_link *link,
                       struct report_answer *ret_answer)
{
    struct report_lines lines;
    if (!report_lines_init(&lines)) {
        say("no memory for the report");
        return false;
    }
    bool is_read = report_read_lines(question, link, &lines) &&
                   report_read_sums(question, link, ret_answer);
    if (is_read && !report_lines_fold(&lines, question->by, &ret_answer->lines)) {
        say("no memory for the report");
        is_read = false;
    }
    report_lines_fini(&lines);
    return is_read;
}

/* --- Printing --------------------------------------------------------------------------------- */

static void print_line_json(const struct report_line *line, enum report_by by)
{
    struct json json;
    json_begin(&json);
    if (by != REPORT_BY_USER)
        json_text(&json, "rule", line->rule);
    if (by != REPORT_BY_RULE)
        json_text_or_null(&json, "login", line->login);
    if (by != REPORT_BY_BOTH)
        json_number(&json, by == REPORT_BY_RULE ? "users" : "rules", (int64_t)line->others);
    json_number(&json, "count", (int64_t)line->count);
    json_time(&json, "first", line->first_s);
    json_time(&json, "last", line->last_s);
    json_text(&json, "network", span_of(line->network));
    json_end(&json);
}

static int report_print_json(const struct report_question *question,
                             const struct report_answer *answer)
{
    struct json json;
    for (size_t i = 0; i < answer->lines.count; i++)
        print_line_json(answer->lines.at[i], question->by);
    json_begin(&json);
    json_time(&json, "since", question->since_s);
    json_time(&json, "until", question->until_s);
    json_number(&json, "logins", (int64_t)answer->logins);
    json_number(&json, "dropped", (int64_t)answer->dropped);
    json_end(&json);
    return EXIT_SUCCESS;
}

static void add_number(struct columns *columns, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    columns_add(columns, span_of(text));
}

static void add_line(struct columns *columns, const struct report_line *line, enum report_by by)
{
    columns_add(columns, by == REPORT_BY_USER ? line->login : line->rule);
    if (by == REPORT_BY_BOTH)
        columns_add(columns, line->login);
    else
        add_number(columns, line->others);
    add_number(columns, line->count);
    columns_add_time(columns, line->first_s);
    columns_add_time(columns, line->last_s);
    columns_add(columns, span_of(line->network));
}

static int report_print_table(const struct report_answer *answer, enum report_by by)
{
    static const char *const titles[][7] = {
        [REPORT_BY_BOTH] = {"RULE", "USER", "COUNT", "FIRST", "LAST", "NETWORK", NULL},
        [REPORT_BY_RULE] = {"RULE", "USERS", "COUNT", "FIRST", "LAST", "NETWORK", NULL},
        [REPORT_BY_USER] = {"USER", "RULES", "COUNT", "FIRST", "LAST", "NETWORK", NULL},
    };
    struct columns columns;
    columns_init(&columns, titles[by]);
    for (size_t i = 0; i < answer->lines.count; i++)
        add_line(&columns, answer->lines.at[i], by);
    int status = columns_print_or(&columns, "");
    columns_fini(&columns);
    return status;
}

/* So that an empty report tells an open door from one that nobody looked at. */
static void report_print_sums(const struct report_question *question,
                              const struct report_answer *answer)
{
    bool would = question->outcome == JOURNAL_WOULD_REFUSE;
    char since[CLOCK_TEXT_SIZE];
    clock_format(question->since_s, -1, since);
    if (answer->lines.count == 0)
        (void)printf("no rule %s anybody ", would ? "would have refused" : "refused");
    (void)printf("since %s: %llu logins %s\n", since, (unsigned long long)answer->logins,
                 would ? "were seen where rules observe" : "succeeded where rules are enforced");
    if (would && answer->logins == 0 && answer->lines.count == 0)
        (void)puts("either no listener has mode = observe, or nobody has used it");
    if (answer->dropped > 0)
        (void)printf("%llu more found no room in the journal and are missing here\n",
                     (unsigned long long)answer->dropped);
}

static int report_print(const struct report_question *question, const struct report_answer *answer)
{
    int status = answer->lines.count == 0 ? EXIT_SUCCESS : report_print_table(answer, question->by);
    if (status == EXIT_SUCCESS)
        report_print_sums(question, answer);
    return status;
}

/* --- The command ------------------------------------------------------------------------------ */

/* The time that lies so long before now. False, said, for what is no duration. */
static bool read_ago(const struct arguments *arguments, const char *option, int64_t now_s,
                     int64_t *ret_at_s)
{
    const char *text = arguments_value(arguments, option);
    uint64_t ms;
    if (text == NULL)
        return true;
    if (!duration_read(span_of(text), &ms) || ms > UINT64_C(86400000) * REPORT_SINCE_DAYS_MAX) {
        say("report: --%s %s is no duration up to 366d: write 30min, 12h or 7d", option, text);
        return false;
    }
    *ret_at_s = now_s - (int64_t)(ms / 1000);
    return true;
}

static bool read_by(const struct arguments *arguments, enum report_by *ret_by)
{
    const char *by = arguments_value(arguments, "by");
    *ret_by = REPORT_BY_BOTH;
    if (by == NULL)
        return true;
    *ret_by = strcmp(by, "rule") == 0 ? REPORT_BY_RULE : REPORT_BY_USER;
    if (*ret_by == REPORT_BY_RULE || strcmp(by, "user") == 0)
        return true;
    say("report: --by %s: write --by rule or --by user", by);
    return false;
}

static bool report_read_question(const struct arguments *arguments,
                                 struct report_question *ret_question)
{
    bool would_refuse = arguments_value(arguments, "would-refuse") != NULL;
    int64_t now_s = clock_wall_s();
    if (would_refuse == (arguments_value(arguments, "refused") != NULL)) {
        say("report: say which: --would-refuse or --refused");
        return false;
    }
    *ret_question = (struct report_question){
        .outcome = would_refuse ? JOURNAL_WOULD_REFUSE : JOURNAL_REFUSED,
        .since_s = now_s - REPORT_SINCE_S,
        .until_s = now_s + 1};
    if (!read_by(arguments, &ret_question->by) ||
        !read_ago(arguments, "since", now_s, &ret_question->since_s) ||
        !read_ago(arguments, "until", now_s, &ret_question->until_s))
        return false;
    if (ret_question->since_s < ret_question->until_s)
        return true;
    say("report: --since must be longer ago than --until");
    return false;
}

int control_report(const struct arguments *arguments, struct keeper_link *link)
{
    struct report_question question;
    struct report_answer answer;
    if (!report_read_question(arguments, &question))
        return EX_USAGE;
    if (!report_ask(&question, link, &answer))
        return EXIT_FAILURE;
    int status = arguments_value(arguments, "json") == NULL ? report_print(&question, &answer)
                                                            : report_print_json(&question, &answer);
    report_lines_fini(&answer.lines);
    return status;
}
