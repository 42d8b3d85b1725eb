/* Sets of users; see members.h. Filled and asked by login_rules.c. */
#include "policy/members.h"

#include <stdlib.h>

static struct span local_part(struct span login)
{
    return span_cut(&login, '@');
}

void members_init(struct members *members)
{
    *members = (struct members){.text = STRBUF(MEMBERS_OCTETS_MAX)};
}

void members_fini(struct members *members)
{
    strbuf_fini(&members->text);
    free(members->all);
    members_init(members);
}

/* --- Filling ------------------------------------------------------------------------------------ */

static bool members_make_room(struct members *members)
{
    if (members->count < members->room)
        return true;
    if (members->count >= MEMBERS_MAX)
        return false;
    size_t room = members->room == 0 ? 16 : members->room * 2;
    struct member *all = realloc(members->all, room * sizeof *all);
    if (all == NULL)
        return false;
    members->all = all;
    members->room = room;
    return true;
}

/* A phrase that says what is wrong; NULL: nothing. */
static const char *member_canonicalise(struct span name, const struct login_name_rules *names,
                                       struct strbuf *canonical)
{
    if (name.at[0] == '@') {
        strbuf_append_byte(canonical, '@');
        return login_domain_canonicalise(span_from(name, 1), canonical) ? NULL : "is not a domain";
    }
    enum login_name_result result = login_name_canonicalise(name, names, canonical);
    return result == LOGIN_NAME_OK ? NULL : login_name_result_text(result);
}

static const char *members_add_name(struct members *members, struct span name,
                                    const struct login_name_rules *names)
{
    auto_strbuf struct strbuf canonical = STRBUF(LOGIN_OCTETS_MAX + 1);
    const char *fault = member_canonicalise(name, names, &canonical);
    if (fault != NULL)
        return fault;
    struct member member = {.at = (uint32_t)members->text.len,
                            .local_len = (uint16_t)local_part(strbuf_span(&canonical)).len,
                            .len = (uint16_t)canonical.len};
    strbuf_append_span(&members->text, strbuf_span(&canonical));
    if (strbuf_failed(&members->text) || !members_make_room(members))
        return "is more than a list of users may hold";
    members->all[members->count++] = member;
    return NULL;
}

static struct span trim(struct span line)
{
    while (line.len > 0 && strchr(" \t\r", line.at[line.len - 1]) != NULL)
        line.len--;
    while (line.len > 0 && (line.at[0] == ' ' || line.at[0] == '\t'))
        line = span_from(line, 1);
    return line;
}

bool members_add(struct members *members, struct span lines, const struct login_name_rules *names,
                 struct strbuf *ret_why)
{
    for (unsigned number = 1; lines.at != NULL && lines.len > 0; number++) {
        struct span name = trim(span_cut(&lines, '\n'));
        const char *fault =
            name.len == 0 || name.at[0] == '#' ? NULL : members_add_name(members, name, names);
        if (fault == NULL)
            continue;
        strbuf_format(ret_why, "%u: ", number);
        strbuf_append_span(ret_why, span_first(name, 80));
        strbuf_format(ret_why, ": %s; write one login a line", fault);
        return false;
    }
    return true;
}

/* --- Order -------------------------------------------------------------------------------------- */

static struct span member_login(const struct members *members, const struct member *member)
{
    return span_make(members->text.at + member->at, member->len);
}

static int compare_spans(struct span a, struct span b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.at, b.at, common);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* By local part first, so that those who share one stand together. */
static int compare_logins(struct span a, struct span b)
{
    int order = compare_spans(local_part(a), local_part(b));
    return order != 0 ? order : compare_spans(a, b);
}

static int compare_members(const void *a, const void *b, void *owner)
{
    return compare_logins(member_login(owner, a), member_login(owner, b));
}

void members_finish(struct members *members)
{
    if (members->count > 0)
        qsort_r(members->all, members->count, sizeof *members->all, compare_members, members);
}

/* --- Asking ------------------------------------------------------------------------------------- */

/* The first that is not before the login, in that order. NULL: all are before it. */
static const struct member *members_seek(const struct members *members, struct span login)
{
    size_t low = 0;
    size_t high = members->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_logins(member_login(members, &members->all[middle]), login) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < members->count ? &members->all[low] : NULL;
}

bool members_have(const struct members *members, struct span login, bool is_local_enough)
{
    struct span local = local_part(login);
    struct span domain = span_from(login, local.len);
    const struct member *found = members_seek(members, is_local_enough ? local : login);
    if (found != NULL && is_local_enough)
        return span_equal(span_first(member_login(members, found), found->local_len), local);
    if (found != NULL && span_equal(member_login(members, found), login))
        return true;
    if (is_local_enough || domain.len == 0)
        return false;
    found = members_seek(members, domain);
    return found != NULL && span_equal(member_login(members, found), domain);
}
