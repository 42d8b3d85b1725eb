/* Who may be named; see name_space.h. Called from client_ca.c for the name that a certificate gave. */
#include "pki/name_space.h"

bool name_is_login(struct span name)
{
    if (name.len > NAME_OCTETS_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] <= 0x20 || name.at[i] >= 0x7f || name.at[i] == '\\' || name.at[i] == '*')
            return false;
    struct span domain = name;
    struct span local = span_cut(&domain, '@');
    return local.len > 0 && domain.len > 0 && !span_has(domain, '@');
}

static bool lines_have(struct span lines, struct span wanted)
{
    while (lines.at != NULL && lines.len > 0)
        if (span_equal_nocase(span_cut(&lines, '\n'), wanted))
            return true;
    return false;
}

bool name_space_holds(const struct name_space *space, struct span name)
{
    struct span domain = name;
    (void)span_cut(&domain, '@');
    if (space->domains.len == 0 && space->users.len == 0)
        return true;
    return domain.len > 0 && (lines_have(space->domains, domain) || lines_have(space->users, name));
}
