/* Writes and reads the text between two supervisors; see handover.h. Called by upgrade.c. */
#include "supervisor/handover.h"

#include <errno.h>
#include <limits.h>

#include "base/cleanup.h"

static const char handover_title[] = "postern-handover 1";

void handover_print_begin(struct strbuf *text, uint64_t generation)
{
    strbuf_format(text, "%s\ngeneration ", handover_title);
    strbuf_append_u64(text, generation);
    strbuf_append(text, "\n");
}

void handover_print_log(struct strbuf *text, int input, int output, int error)
{
    strbuf_format(text, "log %d %d %d\n", input, output, error);
}

void handover_print_control(struct strbuf *text, int fd)
{
    strbuf_format(text, "control %d\n", fd);
}

void handover_print_socket(struct strbuf *text, int fd, int place)
{
    if (place == INHERITED_SHARED)
        strbuf_format(text, "socket %d shared\n", fd);
    else
        strbuf_format(text, "socket %d %d\n", fd, place);
}

void handover_print_role(struct strbuf *text, const struct handover_role *role)
{
    strbuf_append(text, "role ");
    strbuf_append_span(text, role->name);
    if (role->number == HANDOVER_NUMBER_NONE)
        strbuf_append(text, " -");
    else
        strbuf_format(text, " %d", role->number);
    strbuf_format(text, " %d %d %u ", (int)role->pid, role->fd, role->world);
    strbuf_append_u64(text, role->until_ms);
    strbuf_append(text, "\n");
}

/* --- Reading ------------------------------------------------------------------------------ */

/* The next word of a line, as a number up to max. */
static bool read_number(struct span *line, uint64_t max, uint64_t *ret_value)
{
    return span_to_u64(span_cut(line, ' '), max, ret_value);
}

static bool read_int(struct span *line, int *ret_value)
{
    uint64_t value;
    if (!read_number(line, INT_MAX, &value))
        return false;
    *ret_value = (int)value;
    return true;
}

/* The next word: that one, which means none, or a number. */
static bool read_optional(struct span *line, const char *none, int none_value, int *ret_value)
{
    struct span word = span_cut(line, ' ');
    if (!span_equal(word, span_of(none)))
        return read_int(&word, ret_value);
    *ret_value = none_value;
    return true;
}

static bool read_generation(struct handover *handover, struct span *line)
{
    return read_number(line, UINT64_MAX, &handover->generation);
}

static bool read_log(struct handover *handover, struct span *line)
{
    return read_int(line, &handover->log_input) && read_int(line, &handover->log_output) &&
           read_int(line, &handover->log_error);
}

static bool read_control(struct handover *handover, struct span *line)
{
    return read_int(line, &handover->control);
}

static bool read_socket(struct handover *handover, struct span *line)
{
    struct handover_socket one;
    if (!read_int(line, &one.fd) || !read_optional(line, "shared", INHERITED_SHARED, &one.place))
        return false;
    struct handover_socket *grown =
        reallocarray(handover->sockets, handover->socket_count + 1, sizeof *grown);
    if (grown == NULL)
        return false;
    handover->sockets = grown;
    grown[handover->socket_count++] = one;
    return true;
}

static bool read_role(struct handover *handover, struct span *line)
{
    struct handover_role role = {.name = span_cut(line, ' ')};
    uint64_t world;
    if (handover->role_count == HANDOVER_ROLES_MAX ||
        !read_optional(line, "-", HANDOVER_NUMBER_NONE, &role.number) || !read_int(line, &role.pid) ||
        !read_int(line, &role.fd) || !read_number(line, UINT_MAX, &world) ||
        !read_number(line, UINT64_MAX, &role.until_ms))
        return false;
    role.world = (unsigned)world;
    struct handover_role *grown =
        reallocarray(handover->roles, handover->role_count + 1, sizeof *grown);
    if (grown == NULL)
        return false;
    handover->roles = grown;
    grown[handover->role_count++] = role;
    return true;
}

static const struct {
    const char *word;
    bool (*read)(struct handover *handover, struct span *line);
} line_kinds[] = {
    {"generation", read_generation}, {"log", read_log},   {"control", read_control},
    {"socket", read_socket},         {"role", read_role},
};

/* One line; nothing may follow its last word. */
static bool read_line(struct handover *handover, struct span line)
{
    struct span word = span_cut(&line, ' ');
    for (size_t i = 0; i < sizeof line_kinds / sizeof *line_kinds; i++)
        if (span_equal(word, span_of(line_kinds[i].word)))
            return line_kinds[i].read(handover, &line) && line.len == 0;
    return false;
}

bool handover_parse(struct handover *handover, struct strbuf *problem)
{
    struct span rest = strbuf_span(&handover->text);
    handover->log_input = handover->log_output = handover->log_error = handover->control = -1;
    bool is_good = span_equal(span_cut(&rest, '\n'), span_of(handover_title));
    while (is_good && rest.at != NULL && rest.len > 0)
        is_good = read_line(handover, span_cut(&rest, '\n'));
    is_good = is_good && handover->generation > 0 && handover->log_input >= 0 && handover->control >= 0;
    if (!is_good)
        strbuf_append(problem, "this release can't take over from the one that runs; restart Postern");
    return is_good;
}

bool handover_read(struct handover *handover, int fd, struct strbuf *problem)
{
    char part[4096];
    ssize_t got;
    *handover = (struct handover){.text = STRBUF(HANDOVER_OCTETS_MAX)};
    while ((got = pread(fd, part, sizeof part, (off_t)handover->text.len)) > 0 &&
           !strbuf_failed(&handover->text))
        strbuf_append_span(&handover->text, span_make(part, (size_t)got));
    return handover_parse(handover, problem);
}

void handover_fini(struct handover *handover)
{
    strbuf_fini(&handover->text);
    free(handover->sockets);
    free(handover->roles);
    *handover = (struct handover){.text = STRBUF(HANDOVER_OCTETS_MAX)};
}
