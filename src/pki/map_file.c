/*
 * Parses map files and looks certificates up in them; see map_file.h. Read by client_ca.c when a
 * configuration is taken in, asked by certificate_mapping.c for a certificate that verified.
 *
 * Rows are sorted by their values (map_value.h); a certificate's are written in the same form and searched
 * for, so that there is one comparison.
 */
#include "pki/map_file.h"

#include <stdlib.h>

#include "pki/map_value.h"

/* Offsets into the texts, which move while they grow. */
struct map_row {
    uint32_t value_at;
    uint32_t value_len;
    uint32_t login_at;
    uint32_t login_len;
    uint32_t line;
};

struct map_file {
    struct strbuf texts;
    struct map_row *rows; /* sorted by value */
    size_t count;
    size_t room;
    bool has[MAP_KIND_COUNT]; /* rows of that kind */
};

static struct span map_value(const struct map_file *map, const struct map_row *row)
{
    return span_make(strbuf_text(&map->texts) + row->value_at, row->value_len);
}

static struct span map_login(const struct map_file *map, const struct map_row *row)
{
    return span_make(strbuf_text(&map->texts) + row->login_at, row->login_len);
}

static int span_compare(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.at, b.at, len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Rows of one value stay in the order of their lines. */
static int rows_compare(const void *a, const void *b, void *map)
{
    const struct map_row *one = a;
    const struct map_row *other = b;
    int order = span_compare(map_value(map, one), map_value(map, other));
    return order != 0 ? order : (one->line > other->line) - (one->line < other->line);
}

/* --- Reading ---------------------------------------------------------------------------------------- */

static const char *map_grow(struct map_file *map)
{
    if (map->count < map->room)
        return NULL;
    size_t room = map->room == 0 ? 64 : 2 * map->room;
    struct map_row *rows = reallocarray(map->rows, room, sizeof *rows);
    if (rows == NULL)
        return "out of memory";
    map->rows = rows;
    map->room = room;
    return NULL;
}

/* Takes one row in; what is wrong with it, or NULL. */
static const char *map_take_row(struct map_file *map, struct span line, uint32_t number,
                                const struct name_space *space)
{
    struct span rest = line;
    struct span login = map_take_word(&rest);
    enum map_kind kind = map_kind_find(map_take_word(&rest));
    if (!name_is_login(login))
        return "begins with no login; write USER@DOMAIN, a kind (key, serial, subject) and what it is";
    if (!name_space_holds(space, login))
        return "names a user whom this authority may not name; take it out, or write its domain in domains";
    if (kind == MAP_KIND_COUNT)
        return "has no kind behind the login; write key, serial or subject";
    if (map->count == MAP_FILE_ROWS_MAX)
        return "is more than a map file may have; use a pattern, or several authorities";
    struct map_row row = {.line = number,
                          .login_at = (uint32_t)map->texts.len,
                          .login_len = (uint32_t)login.len,
                          .value_at = (uint32_t)(map->texts.len + login.len)};
    strbuf_append_span(&map->texts, login);
    if (!map_value_of_row(kind, rest, &map->texts))
        return "can't be read; write \"key 64 hexadecimal digits\", \"serial digits issuer\" or \"subject name\"";
    if (strbuf_failed(&map->texts))
        return "does not fit into memory";
    row.value_len = (uint32_t)map->texts.len - row.value_at;
    map->has[kind] = true;
    map->rows[map->count++] = row;
    return NULL;
}

static bool line_is_plain(struct span line)
{
    for (size_t i = 0; i < line.len; i++)
        if ((line.at[i] < 0x20 && line.at[i] != '\t') || line.at[i] >= 0x7f)
            return false;
    return true;
}

static const char *map_take_line(struct map_file *map, struct span line, uint32_t number,
                                 const struct name_space *space)
{
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (line.len > MAP_FILE_LINE_MAX)
        return "is too long a line";
    struct span row = map_trim(line);
    if (row.len == 0 || row.at[0] == '#')
        return NULL;
    if (!line_is_plain(row))
        return "holds an octet that is no printable ASCII; names have it escaped, as RFC 2253 writes them";
    const char *problem = map_grow(map);
    return problem != NULL ? problem : map_take_row(map, row, number, space);
}

/* Sorts the rows. What one certificate is, two rows may not both say. */
static bool map_order(struct map_file *map, struct strbuf *why)
{
    if (map->count > 0)
        qsort_r(map->rows, map->count, sizeof *map->rows, rows_compare, map);
    for (size_t i = 1; i < map->count; i++) {
        if (!span_equal(map_value(map, &map->rows[i - 1]), map_value(map, &map->rows[i])))
            continue;
        strbuf_format(why, "%u: says of the same certificate as line %u whose it is; keep one of them",
                      map->rows[i].line, map->rows[i - 1].line);
        return false;
    }
    return true;
}

struct map_file *map_file_parse(struct span text, const struct name_space *space, struct strbuf *why)
{
    struct map_file *map = calloc(1, sizeof *map);
    if (map == NULL || text.len > MAP_FILE_OCTETS_MAX) {
        strbuf_append(why, map == NULL ? "out of memory" : "is larger than a map file may be");
        free(map);
        return NULL;
    }
    /* A row takes no more than its line, a blank and a zero before a digit. */
    strbuf_init(&map->texts, 2 * (size_t)MAP_FILE_OCTETS_MAX);
    const char *problem = NULL;
    uint32_t number = 0;
    while (problem == NULL && text.at != NULL && text.len > 0) {
        number++;
        problem = map_take_line(map, span_cut(&text, '\n'), number, space);
    }
    if (problem != NULL)
        strbuf_format(why, "%u: %s", number, problem);
    if (problem == NULL && map_order(map, why))
        return map;
    map_file_free(map);
    return NULL;
}

void map_file_free(struct map_file *map)
{
    if (map == NULL)
        return;
    strbuf_fini(&map->texts);
    free(map->rows);
    free(map);
}

/* --- Looking up ------------------------------------------------------------------------------------- */

static const struct map_row *map_search(const struct map_file *map, struct span value)
{
    size_t low = 0;
    size_t high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(map_value(map, &map->rows[middle]), value);
        if (order == 0)
            return &map->rows[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The row of that kind which the certificate fits; NULL also when the certificate can't be written so. */
static const struct map_row *map_find_kind(const struct map_file *map, enum map_kind kind,
                                           const X509 *certificate)
{
    auto_strbuf struct strbuf value = STRBUF(MAP_FILE_LINE_MAX);
    if (!map->has[kind])
        return NULL;
    if (!map_value_of_certificate(kind, certificate, &value))
        return NULL;
    return map_search(map, strbuf_span(&value));
}

enum certificate_refusal map_file_find(const struct map_file *map, const X509 *certificate,
                                       struct strbuf *name)
{
    struct span found = SPAN_NONE;
    for (enum map_kind kind = MAP_KEY; kind < MAP_KIND_COUNT; kind++) {
        const struct map_row *row = map_find_kind(map, kind, certificate);
        if (row == NULL)
            continue;
        if (found.at != NULL && !span_equal_nocase(found, map_login(map, row)))
            return CERTIFICATE_SEVERAL_NAMES;
        found = map_login(map, row);
    }
    if (found.at == NULL)
        return CERTIFICATE_NO_NAME;
    size_t before = name->len;
    strbuf_append_span(name, found);
    if (!strbuf_failed(name))
        return CERTIFICATE_OK;
    strbuf_truncate(name, before);
    return CERTIFICATE_BAD_NAME;
}
