/*
 * What the reader of revocation lists is started with: the rights of a gate, which are none but for the
 * network, and of that its profile leaves nothing. It is told no setup; see tables.c.
 */
#include "supervisor/role_kind.h"

static const struct account *revocations_account(const struct places *places)
{
    return &places->gate;
}

static const char *revocations_root(const struct places *places)
{
    return places->drops_privilege ? places->empty_root : NULL;
}

const struct role_kind role_kind_revocations = {
    .role = ROLE_REVOCATIONS,
    .executable = "revocations",
    .account = revocations_account,
    .root = revocations_root,
};
