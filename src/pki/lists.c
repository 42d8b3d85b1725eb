/*
 * Looks every level of a chain up in the table of revoked certificates; see lists.h. Called by
 * authorities.c when OpenSSL has verified a chain, and again for sessions that live.
 */
#include "pki/lists.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* --- The section's own certificates --------------------------------------------------------------- */

static X509 *lists_certificate(const struct lists *lists, int level)
{
    return sk_X509_value(lists->certificates, level);
}

/* The level of that certificate; -1 when it is none of the section's. */
static int lists_level_of(const struct lists *lists, const X509 *certificate)
{
    int count = sk_X509_num(lists->certificates);
    for (int i = 0; i < count; i++)
        if (lists_certificate(lists, i) == certificate)
            return i;
    for (int i = 0; i < count; i++)
        if (X509_cmp(lists_certificate(lists, i), certificate) == 0)
            return i;
    return -1;
}

/* The level whose key signed that certificate; -1: none, or the certificate's own. */
static int lists_find_parent(const struct lists *lists, X509 *certificate)
{
    if (X509_self_signed(certificate, 1) == 1)
        return -1;
    for (int i = 0; i < sk_X509_num(lists->certificates); i++) {
        X509 *other = lists_certificate(lists, i);
        if (X509_check_issued(other, certificate) == X509_V_OK &&
            X509_verify(certificate, X509_get0_pubkey(other)) == 1)
            return i;
    }
    return -1;
}

bool lists_init(struct lists *lists, const STACK_OF(X509) *certificates)
{
    size_t count = (size_t)sk_X509_num(certificates);
    *lists = (struct lists){.certificates = certificates, .levels = calloc(count, sizeof *lists->levels)};
    bool is_whole = lists->levels != NULL;
    for (int i = 0; is_whole && i < (int)count; i++) {
        X509 *certificate = lists_certificate(lists, i);
        lists->levels[i].parent = lists_find_parent(lists, certificate);
        is_whole = issuer_identify(certificate, &lists->levels[i].identity);
    }
    ERR_clear_error();
    if (!is_whole)
        lists_fini(lists);
    return is_whole;
}

void lists_fini(struct lists *lists)
{
    revocations_unmap(&lists->table);
    free(lists->levels);
    lists->levels = NULL;
}

void lists_need(struct lists *lists, int64_t grace_s)
{
    lists->are_needed = true;
    lists->grace_s = grace_s;
}

/* --- Chains --------------------------------------------------------------------------------------- */

/* What the list of the authority at that level says of a certificate that it signed. */
static long lists_look_up(const struct lists *lists, int level, const X509 *certificate, int64_t now_s)
{
    struct span serial;
    if (level < 0)
        return X509_V_ERR_UNABLE_TO_GET_CRL;
    if (!serial_read(X509_get0_serialNumber(certificate), &serial))
        return X509_V_ERR_CERT_REJECTED;
    switch (revocations_find(&lists->table, &lists->levels[level].identity, serial, now_s, lists->grace_s)) {
    case REVOCATIONS_UNLISTED:
        return X509_V_OK;
    case REVOCATIONS_LISTED:
        return X509_V_ERR_CERT_REVOKED;
    case REVOCATIONS_NO_LIST:
        return X509_V_ERR_UNABLE_TO_GET_CRL;
    case REVOCATIONS_OVERDUE:
        return X509_V_ERR_CRL_HAS_EXPIRED;
    }
    return X509_V_ERR_UNABLE_TO_GET_CRL;
}

/*
 * A chain ends at the first certificate that the section names, which may be an intermediate: the section
 * may name what stands above it too, and then that has the last word on it. Ends after as many steps as
 * there are levels, should they sign each other in a circle.
 */
static long lists_check_above(const struct lists *lists, int level, int64_t now_s)
{
    long result = X509_V_OK;
    for (int steps = sk_X509_num(lists->certificates); result == X509_V_OK && level >= 0 && steps > 0; steps--) {
        int parent = lists->levels[level].parent;
        if (parent >= 0)
            result = lists_look_up(lists, parent, lists_certificate(lists, level), now_s);
        level = parent;
    }
    return result;
}

long lists_check(const struct lists *lists, const STACK_OF(X509) *chain, int64_t now_s)
{
    int last = sk_X509_num(chain) - 1;
    long result = X509_V_OK;
    if (!lists->are_needed)
        return X509_V_OK;
    for (int i = 0; result == X509_V_OK && i < last; i++)
        result = lists_look_up(lists, lists_level_of(lists, sk_X509_value(chain, i + 1)),
                               sk_X509_value(chain, i), now_s);
    return result != X509_V_OK
               ? result
               : lists_check_above(lists, lists_level_of(lists, sk_X509_value(chain, last)), now_s);
}

/* --- Sessions that live --------------------------------------------------------------------------- */

/* Only the word "revoked" counts here: that a list is overdue ends no session. */
static bool lists_has_revoked(const struct lists *lists, int level)
{
    for (int steps = sk_X509_num(lists->certificates); level >= 0 && steps > 0; steps--) {
        int parent = lists->levels[level].parent;
        if (lists_look_up(lists, parent, lists_certificate(lists, level), INT64_MIN) == X509_V_ERR_CERT_REVOKED)
            return true;
        level = parent;
    }
    return false;
}

bool lists_take(struct lists *lists, int fd, struct strbuf *why)
{
    struct revocations table;
    if (!revocations_map(fd, &table, why))
        return false;
    revocations_unmap(&lists->table);
    lists->table = table;
    for (int i = 0; i < sk_X509_num(lists->certificates); i++)
        lists->levels[i].is_revoked = lists_has_revoked(lists, i);
    return true;
}

bool lists_revoke(const struct lists *lists, const struct issuer *issuer, struct span serial)
{
    for (int i = 0; lists->are_needed && i < sk_X509_num(lists->certificates); i++)
        if (memcmp(&lists->levels[i].identity, issuer, sizeof *issuer) == 0 && lists->levels[i].is_revoked)
            return true;
    return lists->are_needed &&
           revocations_find(&lists->table, issuer, serial, INT64_MIN, 0) == REVOCATIONS_LISTED;
}
