/* The words for refusals; see certificate_refusal.h. */
#include "pki/certificate_refusal.h"

static const char *const certificate_refusal_texts[CERTIFICATE_REFUSAL_COUNT] = {
    [CERTIFICATE_OK] = "ok",
    [CERTIFICATE_EXPIRED] = "expired",
    [CERTIFICATE_NOT_YET_VALID] = "not yet valid",
    [CERTIFICATE_REVOKED] = "revoked",
    [CERTIFICATE_NO_CRL] = "no valid revocation list",
    [CERTIFICATE_WRONG_PURPOSE] = "not for client authentication",
    [CERTIFICATE_WRONG_POLICY] = "not issued under a policy that is asked for",
    [CERTIFICATE_BAD_CHAIN] = "chain does not verify",
    [CERTIFICATE_NO_NAME] = "no user named",
    [CERTIFICATE_SEVERAL_NAMES] = "several users named",
    [CERTIFICATE_BAD_NAME] = "malformed user name",
    [CERTIFICATE_FOREIGN_NAME] = "names a user of another authority",
};

const char *certificate_refusal_text(enum certificate_refusal refusal)
{
    return refusal < CERTIFICATE_REFUSAL_COUNT ? certificate_refusal_texts[refusal] : "unknown";
}
