/*
 * How the text of a certificate's field becomes a login: a pattern that the text must fit, and a login
 * to put the part into that the pattern's "*" stands for. "PNOFR-*" and "*@example.org" make
 * "1234@example.org" of "PNOFR-1234".
 */
#ifndef POSTERN_PKI_LOGIN_PATTERN_H
#define POSTERN_PKI_LOGIN_PATTERN_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

/* Whether it has one "*", and else visible ASCII and spaces. */
bool login_pattern_is_one(struct span pattern) MUST_USE;

/*
 * Appends the login. False, with nothing appended, when the value does not fit: letters count as they
 * are written, and "*" stands for one octet at least.
 */
bool login_pattern_apply(struct span pattern, struct span login, struct span value,
                         struct strbuf *name) MUST_USE;

#endif
