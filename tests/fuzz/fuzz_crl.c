/*
 * Files of revocation lists. Each list that decodes is signed anew by an authority of ours, so that what
 * lies behind the signature is reached too. Claims: a list that is taken makes a table that reads back,
 * has as many serials as the list has numbers that a certificate can have, and names each; OpenSSL's
 * queue of errors is empty behind it.
 */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "fuzz.h"
#include "revocations/crl.h"
#include "revocations/crl_file.h"

enum { NOW_S = 1800000000, TABLE_MAX = 1 << 20, LISTS_MAX = 16 };

static EVP_PKEY *authority_key;
static STACK_OF(X509) *authorities;

static void make_authority(void)
{
    X509 *certificate = X509_new();
    authority_key = EVP_EC_gen("P-256");
    authorities = sk_X509_new_null();
    invariant(certificate != NULL && authority_key != NULL && authorities != NULL);
    invariant(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                         (const unsigned char *)"Fuzz CA", -1, -1, 0) == 1);
    invariant(X509_set_pubkey(certificate, authority_key) == 1);
    invariant(X509_sign(certificate, authority_key, EVP_sha256()) > 0);
    invariant(sk_X509_push(authorities, certificate) == 1);
}

/* The row as a table in memory, which begins at a multiple of eight. */
static struct span write_row(struct draft_row *row, uint8_t *memory)
{
    struct revocations_head *head = (void *)memory;
    *head = (struct revocations_head){
        .magic = REVOCATIONS_MAGIC, .version = REVOCATIONS_VERSION, .row_count = 1};
    size_t at = sizeof *head + sizeof row->row;
    row->row.serials_at = at;
    memcpy(memory + sizeof *head, &row->row, sizeof row->row);
    for (size_t len = 1; len <= SERIAL_MAX; len++) {
        size_t octets = row->row.counts[len] * len;
        invariant(octets <= TABLE_MAX - at);
        if (octets > 0)
            memcpy(memory + at, row->serials[len].at, octets);
        at += octets;
    }
    return span_make(memory, at);
}

static void check_serials(X509_CRL *crl, const struct revocations *table)
{
    const STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
    uint64_t count = 0;
    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        struct span serial;
        if (!serial_read(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(entries, i)), &serial))
            continue;
        count++;
        invariant(revocations_find(table, &table->rows[0].issuer, serial, NOW_S, 0) == REVOCATIONS_LISTED);
    }
    invariant(revocations_row_count(&table->rows[0]) == count);
}

static void on_list(X509_CRL *crl, void *argument)
{
    static _Alignas(8) uint8_t memory[TABLE_MAX];
    struct revocations table;
    struct draft_row row = {.row = {.name_size = 0}};
    auto_strbuf struct strbuf why = STRBUF(512);
    int *lists = argument;
    if (++*lists > LISTS_MAX)
        return;
    invariant(!crl_take(crl, authorities, NOW_S, &row, &why) && why.len > 0);
    draft_row_fini(&row);
    strbuf_reset(&why);
    X509_NAME *name = X509_get_subject_name(sk_X509_value(authorities, 0));
    if (X509_CRL_set_issuer_name(crl, name) != 1 || X509_CRL_sign(crl, authority_key, EVP_sha256()) <= 0)
        return;
    bool is_taken = crl_take(crl, authorities, NOW_S, &row, &why);
    invariant(is_taken == (why.len == 0));
    if (is_taken) {
        invariant(revocations_read(write_row(&row, memory), &table));
        invariant(table.rows[0].this_update_s < table.rows[0].next_update_s);
        check_serials(crl, &table);
    }
    draft_row_fini(&row);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    auto_strbuf struct strbuf why = STRBUF(512);
    int lists = 0;
    if (authorities == NULL)
        make_authority();
    bool is_whole = crl_file_parse(span_make(octets, len), on_list, &lists, &why);
    invariant(is_whole == (why.len == 0));
    invariant(!is_whole || lists > 0);
    invariant(ERR_peek_error() == 0);
    return 0;
}
