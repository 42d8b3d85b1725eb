/*
 * A set of users: logins, and domains for all of whose users it speaks. It is filled from lists that the
 * operator wrote, sorted once, and then only asked. Owns copies of all it is given; bounded by MEMBERS_MAX
 * and MEMBERS_OCTETS_MAX.
 */
#ifndef POSTERN_POLICY_MEMBERS_H
#define POSTERN_POLICY_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "protocol/login_name.h"

enum {
    MEMBERS_MAX = 500000,
    MEMBERS_OCTETS_MAX = 16 << 20, /* of all names, and of a file of them */
};

struct member {
    uint32_t at; /* in the text */
    uint16_t local_len; /* before the @; 0: the domain is meant */
    uint16_t len;
};

struct members {
    struct strbuf text;
    struct member *all; /* sorted by members_finish() */
    size_t count;
    size_t room;
};

void members_init(struct members *members);
void members_fini(struct members *members);

/*
 * Adds the names in lines: one a line, in any spelling of a login, or "@example.org". Empty lines and
 * those that begin with # are passed over. False with "LINE: what is wrong" in ret_why.
 */
bool members_add(struct members *members, struct span lines, const struct login_name_rules *names,
                 struct strbuf *ret_why) MUST_USE;

/* Sorts; nothing is asked before. */
void members_finish(struct members *members);

/*
 * Whether the canonical login is one of them. With is_local_enough, who has the same local part as one
 * is that one, and domains are not looked at.
 */
bool members_have(const struct members *members, struct span login, bool is_local_enough);

#endif
