/*
 * Apple's configuration profile (.mobileconfig): a property list with the device's PKCS#12 and a mail
 * account, which a Mac, an iPhone or an iPad installs by opening it. The profile holds no password: the
 * person types the one of the PKCS#12 when installing.
 *
 * Its mail payload knows passwords only; Apple has no key there that names a client certificate. What the
 * certificate is good for on each of their systems is for the instructions to say (cli/instructions.c).
 */
#ifndef POSTERN_PKI_APPLE_PROFILE_H
#define POSTERN_PKI_APPLE_PROFILE_H

#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"

enum {
    APPLE_PROFILE_MAX = 65536, /* octets; the PKCS#12 is some 1,500 */
    APPLE_PROFILE_UUID_SIZE = 16,
};

struct apple_profile {
    struct span login;
    struct span device; /* its name */
    struct span host;
    uint16_t port; /* of IMAP under TLS from its first octet */
    struct span pkcs12;
    struct span serial; /* tells this profile from others: a reinstalled one replaces itself */
    uint8_t uuids[3][APPLE_PROFILE_UUID_SIZE]; /* random: of the profile and its two payloads */
};

/* Appends the profile. Texts are UTF-8; what XML can't hold becomes a question mark. */
void apple_profile_print(const struct apple_profile *profile, struct strbuf *xml);

#endif
