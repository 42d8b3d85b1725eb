/*
 * Signatures as a TLS server makes them, and no others: what a gate asks to have signed must have the
 * form of a TLS 1.3 CertificateVerify (RFC 8446 section 4.4.3) or of the parameters of an ECDHE
 * ServerKeyExchange (RFC 8422 section 5.4).
 */
#ifndef POSTERN_BROKER_SIGN_H
#define POSTERN_BROKER_SIGN_H

#include <openssl/evp.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "channel/message.h"

enum { SIGN_SIGNATURE_MAX = 1024 /* RSA of 8192 bits */ };

/* True for what a TLS server signs. */
bool sign_is_of_tls(struct span text);

/* Appends the signature. False when it can't be made or may not be. */
bool sign_text(EVP_PKEY *key, const struct message_sign_ask *ask, struct strbuf *ret_signature) MUST_USE;

#endif
