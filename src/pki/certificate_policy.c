/* Judges certificate policies; see certificate_policy.h. Called from client_ca.c with a chain that verified. */
#include "pki/certificate_policy.h"

#include <openssl/x509v3.h>
#include <string.h>

enum { POLICY_OID_MAX = 128 };

static ASN1_OBJECT *policy_parse(struct span text)
{
    char oid[POLICY_OID_MAX + 1] = {0};
    if (text.len == 0 || text.len > POLICY_OID_MAX)
        return NULL;
    memcpy(oid, text.at, text.len);
    return OBJ_txt2obj(oid, 1);
}

STACK_OF(ASN1_OBJECT) *certificate_policies_parse(struct span lines)
{
    STACK_OF(ASN1_OBJECT) *policies = sk_ASN1_OBJECT_new_null();
    bool is_whole = policies != NULL && lines.len > 0;
    while (is_whole && lines.at != NULL) {
        ASN1_OBJECT *policy = policy_parse(span_cut(&lines, '\n'));
        is_whole = policy != NULL && sk_ASN1_OBJECT_push(policies, policy) > 0;
        if (!is_whole)
            ASN1_OBJECT_free(policy);
    }
    if (is_whole)
        return policies;
    certificate_policies_free(policies);
    return NULL;
}

void certificate_policies_free(STACK_OF(ASN1_OBJECT) *policies)
{
    sk_ASN1_OBJECT_pop_free(policies, ASN1_OBJECT_free);
}

static bool policies_have(const STACK_OF(ASN1_OBJECT) *policies, const ASN1_OBJECT *policy)
{
    for (int i = 0; i < sk_ASN1_OBJECT_num(policies); i++)
        if (OBJ_cmp(sk_ASN1_OBJECT_value(policies, i), policy) == 0)
            return true;
    return false;
}

/* "Any policy" in the certificate itself would satisfy section 6.1, and says nothing of the key. */
static bool policies_are_named(const STACK_OF(ASN1_OBJECT) *policies, const X509 *certificate)
{
    CERTIFICATEPOLICIES *named = X509_get_ext_d2i(certificate, NID_certificate_policies, NULL, NULL);
    bool is_named = false;
    for (int i = 0; i < sk_POLICYINFO_num(named); i++)
        is_named = is_named || policies_have(policies, sk_POLICYINFO_value(named, i)->policyid);
    CERTIFICATEPOLICIES_free(named);
    return is_named;
}

bool certificate_policies_hold(STACK_OF(ASN1_OBJECT) *policies, STACK_OF(X509) *chain)
{
    X509_POLICY_TREE *tree = NULL;
    int is_explicit = 0;
    if (!policies_are_named(policies, sk_X509_value(chain, 0)))
        return false;
    int result = X509_policy_check(&tree, &is_explicit, chain, policies,
                                   X509_V_FLAG_EXPLICIT_POLICY | X509_V_FLAG_INHIBIT_MAP);
    X509_policy_tree_free(tree);
    return result == X509_PCY_TREE_VALID;
}
