/* What the tests of the configuration share: a text, and exactly the lines that it must give. */
#ifndef POSTERN_TESTS_CONFIG_CASE_H
#define POSTERN_TESTS_CONFIG_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "config/reading.h"

/* A whole configuration in pieces, so that a case shows only what it is about. */
#define HOST    "hostname = mail.example.org\n"
#define TLS     "tls { certificate = /c key = /k }\n"
#define TLS_CA  "tls { certificate = /c key = /k } client_ca own { certificate = /a }\n"
#define BACKEND "backend b { address = \"127.0.0.1:143\" }\n"
#define MASTER                                                                                     \
    "backend b { address = \"127.0.0.1:143\" master_user = m master_password_file = /p }\n"
#define LISTENER(login)                                                                            \
    "listener l { bind = \"[::]:993\" protocol = imap tls = implicit backend = b login = " login   \
    " }\n"
#define REST TLS BACKEND LISTENER("password")

struct config_case {
    const char *text;
    const char *errors; /* "" for a text without errors */
};

static inline void expect_case(const struct config_case *expected)
{
    auto_strbuf struct strbuf errors = STRBUF(1 << 20);
    struct config *config =
        config_read_text("f", span_of(expected->text), CONFIG_FILES_ASSUMED, &errors);
    assert_string_equal(strbuf_text(&errors), expected->errors);
    assert_true((config != NULL) == (expected->errors[0] == '\0'));
    config_free(config);
}

static inline void expect_cases(const struct config_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_case(&cases[i]);
}

#define EXPECT_CASES(cases) expect_cases(cases, sizeof(cases) / sizeof((cases)[0]))

#endif
