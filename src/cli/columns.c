/* See columns.h. */
#include "cli/columns.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/invariant.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "cli/say.h"

enum {
    COLUMNS_CELL_MAX = 2048,
    CLOCK_DATE_LEN = 10,   /* 2026-11-24 */
    CLOCK_MINUTE_LEN = 16, /* 2026-11-24T04:38 */
};

void columns_init(struct columns *columns, const char *const *titles)
{
    *columns = (struct columns){.count = 0};
    while (titles[columns->count] != NULL)
        columns->count++;
    invariant(columns->count > 0 && columns->count <= COLUMNS_MAX);
    for (size_t i = 0; i < columns->count; i++)
        columns_add(columns, span_of(titles[i]));
}

void columns_fini(struct columns *columns)
{
    for (size_t i = 0; i < columns->cell_count; i++)
        free(columns->cells[i]);
    free(columns->cells);
    *columns = (struct columns){.count = 0};
}

/* The text as it may be shown, on the heap; how many characters it has. NULL without memory. */
static char *cell_new(struct span text, size_t *ret_width)
{
    struct strbuf cell = STRBUF(COLUMNS_CELL_MAX);
    size_t width = 0;
    if (text.len == 0)
        text = SPAN("-");
    while (text.len > 0) {
        size_t length = utf8_length(text);
        struct span character = span_first(text, length == 0 ? 1 : length);
        bool is_clean = length > 0 && utf8_is_clean(character);
        if (is_clean)
            strbuf_append_span(&cell, character);
        for (size_t i = 0; i < character.len && !is_clean; i++)
            strbuf_format(&cell, "\\x%02x", character.at[i]);
        width += is_clean ? 1 : 4 * character.len;
        text = span_from(text, character.len);
    }
    *ret_width = width;
    return cell.at;
}

static bool columns_make_room(struct columns *columns)
{
    if (columns->cell_count < columns->room)
        return true;
    size_t room = columns->room == 0 ? 64 : columns->room * 2;
    char **cells = realloc(columns->cells, room * sizeof(char *));
    if (cells == NULL)
        return false;
    columns->cells = cells;
    columns->room = room;
    return true;
}

void columns_add(struct columns *columns, struct span text)
{
    size_t width = 0;
    char *cell = columns_make_room(columns) ? cell_new(text, &width) : NULL;
    if (cell == NULL) {
        columns->failed = true;
        return;
    }
    size_t column = columns->cell_count % columns->count;
    if (width > columns->widths[column])
        columns->widths[column] = width;
    columns->cells[columns->cell_count++] = cell;
}

static void columns_add_clock(struct columns *columns, int64_t wall_s, size_t len)
{
    char text[CLOCK_TEXT_SIZE] = "";
    if (wall_s != 0)
        clock_format(wall_s, -1, text);
    if (strlen(text) > len && text[len == CLOCK_DATE_LEN ? len : CLOCK_DATE_LEN] == 'T') {
        text[CLOCK_DATE_LEN] = ' ';
        text[len] = '\0';
    }
    columns_add(columns, span_of(text));
}

void columns_add_time(struct columns *columns, int64_t wall_s)
{
    columns_add_clock(columns, wall_s, CLOCK_MINUTE_LEN);
}

void columns_add_date(struct columns *columns, int64_t wall_s)
{
    columns_add_clock(columns, wall_s, CLOCK_DATE_LEN);
}

static size_t characters(const char *cell)
{
    size_t count = 0;
    for (; *cell != '\0'; cell++)
        count += ((uint8_t)*cell & 0xc0) != 0x80;
    return count;
}

static void columns_print(const struct columns *columns)
{
    for (size_t i = 0; i < columns->cell_count; i++) {
        size_t column = i % columns->count;
        bool is_last = column + 1 == columns->count;
        const char *cell = columns->cells[i];
        (void)fputs(cell, stdout);
        for (size_t pad = characters(cell); pad < columns->widths[column] + 2 && !is_last; pad++)
            (void)putchar(' ');
        if (is_last)
            (void)putchar('\n');
    }
}

int columns_print_or(const struct columns *columns, const char *when_empty)
{
    if (columns->failed) {
        say("no memory for the list");
        return EXIT_FAILURE;
    }
    if (columns->cell_count == columns->count) /* the titles alone */
        (void)puts(when_empty);
    else
        columns_print(columns);
    return EXIT_SUCCESS;
}
