/*
 * Makes the next table of revoked certificates; see maker.h. Called from main.c; crl_file.c and crl.c
 * read, draft.c writes.
 */
#include "revocations/maker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "pki/pem_file.h"
#include "revocations/crl.h"
#include "revocations/crl_file.h"

enum { MAKER_WHY_MAX = 512 };

/* --- What it says --------------------------------------------------------------------------------- */

static struct span row_name(const struct revocations_row *row)
{
    return span_make(row->name, row->name_size);
}

static void maker_log_refusal(const struct maker *maker, const char *file, struct span issuer,
                              const struct strbuf *why)
{
    struct log_record record;
    log_begin(&record, LOG_ERROR, "crl_refused");
    log_text(&record, "authority", maker->authority);
    log_text(&record, "file", file);
    if (issuer.len > 0)
        log_span(&record, "issuer", issuer);
    log_span(&record, "reason", strbuf_span(why));
    log_end(&record);
}

/* No list of that authority came that counts. is_kept: the one in force stays. */
static void maker_log_missing(const struct maker *maker, struct span issuer, bool is_kept)
{
    struct log_record record;
    log_begin(&record, LOG_WARNING, "crl_missing");
    log_text(&record, "authority", maker->authority);
    log_span(&record, "issuer", issuer);
    log_text(&record, "former", is_kept ? "kept" : "none");
    log_end(&record);
}

/* Hexadecimal, without zeros before it. */
static void print_number(const struct revocations_row *row, struct strbuf *text)
{
    struct span number = span_make(row->number, sizeof row->number);
    while (number.len > 1 && number.at[0] == 0)
        number = span_from(number, 1);
    strbuf_append_hex(text, number);
}

static void maker_log_row(const struct maker *maker, const struct revocations_row *row)
{
    auto_strbuf struct strbuf number = STRBUF(2 * SERIAL_MAX);
    char next_update[CLOCK_TEXT_SIZE];
    struct log_record record;
    print_number(row, &number);
    clock_format(row->next_update_s, -1, next_update);
    log_begin(&record, LOG_INFO, "crl_loaded");
    log_text(&record, "authority", maker->authority);
    log_span(&record, "issuer", row_name(row));
    if (row->has_number)
        log_span(&record, "number", strbuf_span(&number));
    log_number(&record, "serials", (int64_t)revocations_row_count(row));
    log_text(&record, "next_update", next_update);
    log_end(&record);
}

/* --- Rows ----------------------------------------------------------------------------------------- */

static struct maker_row **maker_find(struct maker *maker, const struct issuer *issuer)
{
    for (uint32_t i = 0; i < maker->row_count; i++)
        if (memcmp(&maker->rows[i]->draft.row.issuer, issuer, sizeof *issuer) == 0)
            return &maker->rows[i];
    return NULL;
}

static void maker_row_free(struct maker_row *row)
{
    if (row != NULL)
        draft_row_fini(&row->draft);
    free(row);
}

static bool rows_have_numbers(const struct revocations_row *one, const struct revocations_row *other)
{
    return one->has_number && other->has_number;
}

static int rows_compare_numbers(const struct revocations_row *one, const struct revocations_row *other)
{
    return rows_have_numbers(one, other) ? memcmp(one->number, other->number, sizeof one->number) : 0;
}

static bool row_is_newer(const struct revocations_row *row, const struct revocations_row *than)
{
    int order = rows_compare_numbers(row, than);
    return order > 0 || (order == 0 && row->this_update_s > than->this_update_s);
}

/* Takes over row: the newest of an issuer's lists stays. */
static void maker_put(struct maker *maker, struct maker_row *row)
{
    struct maker_row **present = maker_find(maker, &row->draft.row.issuer);
    if (present == NULL && maker->row_count < REVOCATIONS_LISTS_MAX) {
        maker->rows[maker->row_count++] = row;
        return;
    }
    if (present != NULL && row_is_newer(&row->draft.row, &(*present)->draft.row)) {
        struct maker_row *older = *present;
        *present = row;
        row = older;
    }
    maker_row_free(row);
}

static void maker_on_crl(X509_CRL *crl, void *argument)
{
    struct maker *maker = argument;
    auto_strbuf struct strbuf why = STRBUF(MAKER_WHY_MAX);
    struct maker_row *row = calloc(1, sizeof *row);
    if (row != NULL && crl_take(crl, maker->certificates, maker->now_s, &row->draft, &why)) {
        (void)snprintf(row->file, sizeof row->file, "%s", maker->file);
        maker_put(maker, row);
        return;
    }
    auto_strbuf struct strbuf issuer = STRBUF(REVOCATIONS_NAME_MAX);
    crl_print_name(X509_CRL_get_issuer(crl), &issuer);
    if (row == NULL)
        strbuf_append(&why, "there is no memory");
    maker_log_refusal(maker, maker->file, strbuf_span(&issuer), &why);
    maker_row_free(row);
}

void maker_add(struct maker *maker, struct span file, int fd)
{
    auto_strbuf struct strbuf name = STRBUF(MAKER_FILE_NAME_MAX);
    auto_strbuf struct strbuf why = STRBUF(MAKER_WHY_MAX);
    strbuf_append_span(&name, file);
    maker->file = strbuf_text(&name);
    if (!crl_file_read(fd, maker_on_crl, maker, &why))
        maker_log_refusal(maker, maker->file, SPAN_NONE, &why);
    maker->file = NULL;
}

/* --- Against the table in force ------------------------------------------------------------------- */

/*
 * An old list brought back, or one that lost what it had, would let revoked certificates in again. False
 * with the reason in why.
 */
static bool row_goes_on(const struct revocations_row *row, const struct revocations_row *former,
                        struct strbuf *why)
{
    uint64_t count = revocations_row_count(row);
    uint64_t former_count = revocations_row_count(former);
    int order = rows_compare_numbers(row, former);
    if (order < 0)
        strbuf_append(why, "its number is below that of the list in force");
    else if (row->this_update_s < former->this_update_s)
        strbuf_append(why, "its thisUpdate is before that of the list in force");
    else if (order == 0 && 2 * count < former_count)
        strbuf_format(why,
                      "it has %" PRIu64 " serials where the list in force has %" PRIu64
                      ", and no higher number",
                      count, former_count);
    if (why->len == 0)
        return true;
    strbuf_append(why, "; if it is right all the same, restart Postern");
    return false;
}

/* The former row stays where no list came, or one that goes backwards. */
static void maker_keep(struct maker *maker, const struct revocations_row *former)
{
    auto_strbuf struct strbuf why = STRBUF(MAKER_WHY_MAX);
    struct maker_row **present = maker_find(maker, &former->issuer);
    if (present != NULL && row_goes_on(&(*present)->draft.row, former, &why))
        return;
    struct maker_row *kept = calloc(1, sizeof *kept);
    if (kept == NULL || !draft_row_copy(&kept->draft, &maker->former, former)) {
        maker_row_free(kept);
        maker->is_out_of_memory = true;
        return;
    }
    if (present == NULL) {
        maker_put(maker, kept);
        maker_log_missing(maker, row_name(former), true);
        return;
    }
    maker_log_refusal(maker, (*present)->file, row_name(former), &why);
    maker_row_free(*present);
    *present = kept;
}

/* Authorities without any list: whatever they issued is refused. */
static void maker_settle(struct maker *maker)
{
    for (int i = 0; i < sk_X509_num(maker->certificates); i++) {
        const X509 *certificate = sk_X509_value(maker->certificates, i);
        struct issuer issuer;
        if (!issuer_identify(certificate, &issuer)) {
            maker->is_out_of_memory = true;
            return;
        }
        const struct revocations_row *former = revocations_row_of(&maker->former, &issuer);
        if (former != NULL)
            maker_keep(maker, former);
        if (maker_find(maker, &issuer) != NULL)
            continue;
        auto_strbuf struct strbuf name = STRBUF(REVOCATIONS_NAME_MAX);
        crl_print_name(X509_get_subject_name(certificate), &name);
        maker_log_missing(maker, strbuf_span(&name), false);
        maker->is_lacking = true;
    }
}

/* --- Life ----------------------------------------------------------------------------------------- */

static bool maker_fail(const struct maker *maker, const char *sentence)
{
    auto_strbuf struct strbuf why = STRBUF(MAKER_WHY_MAX);
    strbuf_append(&why, sentence);
    maker_log_refusal(maker, "", SPAN_NONE, &why);
    return false;
}

bool maker_init(struct maker *maker, struct span authority, int certificate_fd, int former_fd)
{
    auto_strbuf struct strbuf why = STRBUF(MAKER_WHY_MAX);
    *maker = (struct maker){.now_s = clock_wall_s()};
    (void)snprintf(maker->authority, sizeof maker->authority, "%.*s", (int)authority.len,
                   (const char *)authority.at);
    if (former_fd >= 0 && !revocations_map(former_fd, &maker->former, &why))
        return maker_fail(maker, strbuf_text(&why));
    maker->certificates = pem_file_certificates(certificate_fd);
    return maker->certificates != NULL ||
           maker_fail(maker, "client_ca holds no PEM certificate, or one that is malformed");
}

void maker_fini(struct maker *maker)
{
    for (uint32_t i = 0; i < maker->row_count; i++)
        maker_row_free(maker->rows[i]);
    revocations_unmap(&maker->former);
    sk_X509_pop_free(maker->certificates, X509_free);
    *maker = (struct maker){.row_count = 0};
}

bool maker_write(struct maker *maker, int table_fd)
{
    struct draft_row *drafts[REVOCATIONS_LISTS_MAX];
    maker_settle(maker);
    if (maker->is_out_of_memory)
        return maker_fail(maker, "there is no memory for the table of revoked certificates");
    for (uint32_t i = 0; i < maker->row_count; i++)
        drafts[i] = &maker->rows[i]->draft;
    if (draft_write(drafts, maker->row_count, table_fd) < 0)
        return maker_fail(maker, "the table of revoked certificates can't be written: too large, or no memory");
    for (uint32_t i = 0; i < maker->row_count; i++)
        maker_log_row(maker, &drafts[i]->row);
    return true;
}
