/* What the files of "postern device add" share: one call of the command, and how it is answered. */
#ifndef POSTERN_CLI_DEVICE_ADD_H
#define POSTERN_CLI_DEVICE_ADD_H

#include "cli/arguments.h"
#include "pki/authority.h"

/* What is written for the device. */
enum device_form {
    DEVICE_PKCS12,
    DEVICE_PEM,         /* a directory with certificate and key */
    DEVICE_MOBILECONFIG, /* Apple's profile, with PKCS#12 in it */
    DEVICE_CERTIFICATE, /* the key is the device's own: --csr */
};

enum { DEVICE_PORT_DEFAULT = 993 };

struct device_adding {
    const struct arguments *arguments;
    const char *name;
    enum device_form form;
    const char *target; /* file or directory */
    unsigned days;
    bool is_french;         /* the instructions */
    struct strbuf host;     /* of the mail server, for profile and instructions */
    uint16_t port;
    struct strbuf login;
    struct strbuf password; /* of PKCS#12 */
    EVP_PKEY *key;          /* of the request; NULL: one is made */
    struct issued *issued;
};

/* Prints what was made, as JSON or for a person. */
void device_answer(const struct device_adding *adding);

#endif
