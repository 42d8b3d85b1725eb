/* Judges and takes apart one revocation list; see crl.h. Called from maker.c. */
#include "revocations/crl.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

enum { CRL_HASH_BITS_MIN = 112 /* against collisions: four for each octet */ };

static bool crl_refuse(struct strbuf *why, const char *sentence)
{
    strbuf_append(why, sentence);
    return false;
}

void crl_print_name(const X509_NAME *name, struct strbuf *text)
{
    char *at = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    long len = 0;
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
        len = BIO_get_mem_data(bio, &at);
    strbuf_append_span(text, span_first(span_make(at, len > 0 ? (size_t)len : 0), REVOCATIONS_NAME_MAX));
    BIO_free(bio);
}

/* --- Who signed it ------------------------------------------------------------------------------------ */

/* The authority with the list's name whose key made its signature; NULL with the reason in why. */
static X509 *crl_find_issuer(X509_CRL *crl, const STACK_OF(X509) *authorities, struct strbuf *why)
{
    bool is_named = false;
    for (int i = 0; i < sk_X509_num(authorities); i++) {
        X509 *authority = sk_X509_value(authorities, i);
        if (X509_NAME_cmp(X509_get_subject_name(authority), X509_CRL_get_issuer(crl)) != 0)
            continue;
        is_named = true;
        EVP_PKEY *key = X509_get0_pubkey(authority);
        if ((X509_get_key_usage(authority) & KU_CRL_SIGN) != 0 && key != NULL && X509_CRL_verify(crl, key) == 1)
            return authority;
    }
    strbuf_append(why, is_named ? "its signature is not that of the authority that it names as its issuer"
                                : "its issuer is not among the authorities in client_ca; name the one who "
                                  "signed it there, or take the list out");
    return NULL;
}

/*
 * Who can make two texts with one hash has an authority sign a harmless list and uses the signature
 * for another; the same bound as for certificates (authorities.h). A scheme without a separate hash
 * (Ed25519) has none to find weak, and that of RSA-PSS stands in its parameters.
 */
static bool crl_is_weakly_signed(const X509_CRL *crl)
{
    int hash = NID_undef;
    if (OBJ_find_sigid_algs(X509_CRL_get_signature_nid(crl), &hash, NULL) != 1 || hash == NID_undef)
        return false;
    const EVP_MD *kind = EVP_get_digestbynid(hash);
    return kind == NULL || EVP_MD_get_size(kind) * 4 < CRL_HASH_BITS_MIN;
}

/* --- What it speaks of -------------------------------------------------------------------------------- */

/* What can't be applied whole is not applied: it would leave revoked certificates in force. */
static bool crl_check_scope(const X509_CRL *crl, struct strbuf *why)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(crl, i);
        int kind = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (kind == NID_delta_crl)
            return crl_refuse(why, "it is a delta; give the complete list");
        if (kind == NID_issuing_distribution_point)
            return crl_refuse(why, "it speaks of a part of the certificates only (issuingDistributionPoint); "
                                   "give the complete list");
        if (kind != NID_crl_number && kind != NID_authority_key_identifier &&
            X509_EXTENSION_get_critical(extension) == 1)
            return crl_refuse(why, "it has a critical extension that is unknown here");
    }
    return true;
}

static bool crl_check_entry(const X509_REVOKED *entry, struct strbuf *why)
{
    const STACK_OF(X509_EXTENSION) *extensions = X509_REVOKED_get0_extensions(entry);
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++) {
        X509_EXTENSION *extension = sk_X509_EXTENSION_value(extensions, i);
        int kind = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (kind == NID_certificate_issuer)
            return crl_refuse(why, "it is indirect: an entry names another issuer");
        if (kind != NID_crl_reason && X509_EXTENSION_get_critical(extension) == 1)
            return crl_refuse(why, "an entry has a critical extension that is unknown here");
    }
    return true;
}

/* --- What it says ------------------------------------------------------------------------------------- */

static bool crl_read_time(const ASN1_TIME *time, int64_t *ret_s)
{
    struct tm utc;
    if (time == NULL || ASN1_TIME_to_tm(time, &utc) != 1)
        return false;
    *ret_s = timegm(&utc);
    return true;
}

static bool crl_read_times(const X509_CRL *crl, int64_t now_s, struct revocations_row *row,
                           struct strbuf *why)
{
    if (!crl_read_time(X509_CRL_get0_lastUpdate(crl), &row->this_update_s))
        return crl_refuse(why, "its thisUpdate can't be read");
    if (!crl_read_time(X509_CRL_get0_nextUpdate(crl), &row->next_update_s))
        return crl_refuse(why, "it has no nextUpdate that can be read, so it would never be overdue");
    if (row->this_update_s - CRL_CLOCK_SKEW_S > now_s)
        return crl_refuse(why, "its thisUpdate lies in the future; put it there when it has come");
    return row->next_update_s > row->this_update_s || crl_refuse(why, "its nextUpdate is before its thisUpdate");
}

static bool crl_read_number(const X509_CRL *crl, struct revocations_row *row, struct strbuf *why)
{
    int position = -1; /* stays -1 when there is none */
    struct span octets = SPAN_NONE;
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, &position, NULL);
    if (number == NULL)
        return position == -1 || crl_refuse(why, "its number can't be read");
    bool is_read = serial_read(number, &octets);
    if (is_read && octets.len > 0)
        memcpy(row->number + SERIAL_MAX - octets.len, octets.at, octets.len);
    row->has_number = is_read;
    ASN1_INTEGER_free(number);
    return is_read || crl_refuse(why, "its number is negative or longer than 20 octets");
}

/* A serial that no certificate may have is no certificate's; all others count, whatever the reason. */
static bool crl_read_entries(X509_CRL *crl, struct draft_row *row, struct strbuf *why)
{
    const STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
        struct span serial;
        if (!crl_check_entry(entry, why))
            return false;
        if (serial_read(X509_REVOKED_get0_serialNumber(entry), &serial) && !draft_row_add(row, serial))
            return crl_refuse(why, "there is no memory for so many serials");
    }
    draft_row_sort(row);
    return true;
}

static bool crl_take_name(const X509 *issuer, struct revocations_row *row)
{
    auto_strbuf struct strbuf name = STRBUF(REVOCATIONS_NAME_MAX);
    crl_print_name(X509_get_subject_name(issuer), &name);
    memcpy(row->name, strbuf_text(&name), name.len);
    row->name_size = (uint32_t)name.len;
    return issuer_identify(issuer, &row->issuer);
}

static bool crl_take_all(X509_CRL *crl, const STACK_OF(X509) *authorities, int64_t now_s,
                         struct draft_row *row, struct strbuf *why)
{
    X509 *issuer = crl_find_issuer(crl, authorities, why);
    if (issuer == NULL)
        return false;
    if (crl_is_weakly_signed(crl))
        return crl_refuse(why, "its signature uses a hash that can be forged (SHA-1 or MD5)");
    if (!crl_take_name(issuer, &row->row))
        return crl_refuse(why, "there is no memory");
    return crl_check_scope(crl, why) && crl_read_times(crl, now_s, &row->row, why) &&
           crl_read_number(crl, &row->row, why) && crl_read_entries(crl, row, why);
}

bool crl_take(X509_CRL *crl, const STACK_OF(X509) *authorities, int64_t now_s, struct draft_row *ret_row,
              struct strbuf *why)
{
    bool is_taken = crl_take_all(crl, authorities, now_s, ret_row, why);
    ERR_clear_error();
    return is_taken;
}
