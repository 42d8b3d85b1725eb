/*
 * What a row of a map file says of a certificate, as a text in one form: the kind before it, hexadecimal
 * digits in lower case and without colons. A row and a certificate that it fits give the same text.
 */
#ifndef POSTERN_PKI_MAP_VALUE_H
#define POSTERN_PKI_MAP_VALUE_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

enum map_kind { MAP_KEY, MAP_SERIAL, MAP_SUBJECT, MAP_KIND_COUNT };

/* The kind of that name; MAP_KIND_COUNT when there is none. */
enum map_kind map_kind_find(struct span name);

/* Without the blanks around it. */
struct span map_trim(struct span text);

/* Cuts the first word off; rest keeps what comes behind it, trimmed. */
struct span map_take_word(struct span *rest);

/* Appends the value that a row gives behind its kind. False when it can't be read. */
bool map_value_of_row(enum map_kind kind, struct span text, struct strbuf *value) MUST_USE;

/* Appends the certificate's. False when it has none, or memory is out. */
bool map_value_of_certificate(enum map_kind kind, const X509 *certificate, struct strbuf *value) MUST_USE;

#endif
