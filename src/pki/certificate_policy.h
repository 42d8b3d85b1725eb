/*
 * Certificate policies (RFC 5280 section 4.2.1.4): under which rules a certificate was issued, such as
 * "the key is in a smart card". Where a section names policies, one of them suffices; the certificate
 * must name it itself, and each authority between it and ours must have been allowed to (section 6.1,
 * with an explicit policy required and mapping inhibited).
 */
#ifndef POSTERN_PKI_CERTIFICATE_POLICY_H
#define POSTERN_PKI_CERTIFICATE_POLICY_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"

/* Of object identifiers, one a line. NULL when one is none, there is none, or memory is out. */
STACK_OF(ASN1_OBJECT) *certificate_policies_parse(struct span lines) MUST_USE;

/* Takes NULL. */
void certificate_policies_free(STACK_OF(ASN1_OBJECT) *policies);

/* chain: as it verified, the client's certificate first and an authority of ours last. */
bool certificate_policies_hold(STACK_OF(ASN1_OBJECT) *policies, STACK_OF(X509) *chain) MUST_USE;

#endif
