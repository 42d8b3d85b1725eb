/*
 * The one function that turns what a user typed into the canonical login; everything else in Postern
 * uses only that. "Alice", "alice@EXAMPLE.ORG", "CORP\alice", full-width letters and composed or
 * decomposed accents all become "alice@example.org".
 *
 * The local part is NFKC case-folded (Unicode TR 31, ICU's nfkc_cf) and must stay the same under a
 * second folding; the domain becomes lower-case A-labels (UTS 46, non-transitional). A canonical login
 * is canonical under a second call, and holds only: in the local part the ASCII characters of an
 * address's atom and the dot, but no "/" (RFC 5322 section 3.2.3; names become paths), and beyond
 * ASCII letters, marks and decimal digits (RFC 8264's IdentifierClass); in the domain letters, digits,
 * hyphens and dots. ASCII names need no ICU, unless a label of the domain is an A-label ("xn--…"),
 * which is decoded and checked.
 */
#ifndef POSTERN_PROTOCOL_LOGIN_NAME_H
#define POSTERN_PROTOCOL_LOGIN_NAME_H

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

enum {
    LOGIN_OCTETS_MAX = 320,      /* 64 + @ + 255, RFC 5321 section 4.5.3.1 */
    LOGIN_NAME_LOCAL_MAX = 64,   /* of these, before the @ */
    LOGIN_NAME_TYPED_MAX = 1280, /* as typed: folding makes full-width letters shorter */
};

enum login_name_result {
    LOGIN_NAME_OK,
    LOGIN_NAME_EMPTY,
    LOGIN_NAME_TOO_LONG,
    LOGIN_NAME_BAD_CHARACTER, /* control, space, not UTF-8, two @, or what else no login may hold */
    LOGIN_NAME_BAD_DOMAIN,
    LOGIN_NAME_MASTER, /* the master user's own name, or one with the master separator */
};

/* What names are checked against. All spans may be empty. */
struct login_name_rules {
    struct span default_domain;  /* canonical; for a name without one */
    struct span netbios_domains; /* lines NAME=domain */
    struct span master_user;     /* compared with the local part and the whole, after folding */
    struct span master_separator; /* "*": such a name would be a master login */
};

/*
 * Appends the canonical login to buf on LOGIN_NAME_OK; buf is unchanged otherwise. "DOMAIN\user" with
 * an unknown DOMAIN is LOGIN_NAME_BAD_DOMAIN.
 */
enum login_name_result login_name_canonicalise(struct span typed, const struct login_name_rules *rules,
                                               struct strbuf *buf) MUST_USE;

/* Appends the canonical form of a domain (configuration, certificates). False when it is none. */
bool login_domain_canonicalise(struct span domain, struct strbuf *buf) MUST_USE;

/* A fixed English phrase for a log record. */
const char *login_name_result_text(enum login_name_result result);

#endif
