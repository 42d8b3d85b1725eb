/*
 * Base64 as RFC 4648 section 4 defines it and SASL uses it: strict. No white space, no missing or
 * misplaced padding, no non-zero spare bits: one text for one value.
 */
#ifndef POSTERN_BASE_BASE64_H
#define POSTERN_BASE_BASE64_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

/* Appends the decoded octets. False, with buf possibly extended, when text is not base64 or buf is full. */
bool base64_decode(struct span text, struct strbuf *buf) MUST_USE;

/* Appends the encoded form. */
void base64_encode(struct span bytes, struct strbuf *buf);

#endif
