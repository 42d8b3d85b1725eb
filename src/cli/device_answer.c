/* How "postern device add" answers; called from device_add.c when the device's file is written. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/device_add.h"
#include "cli/json.h"
#include "cli/instructions.h"
#include "pki/key_identity.h"

/* Appends what tells the request's key from every other, for a person to compare. */
static void append_key_identity(const struct device_adding *adding, struct strbuf *hex)
{
    uint8_t identity[KEY_IDENTITY_SIZE];
    if (key_identify(adding->key, identity))
        strbuf_append_hex(hex, span_make(identity, sizeof identity));
}

static void answer_json(const struct device_adding *adding)
{
    const struct issued_facts *facts = issued_facts(adding->issued);
    auto_strbuf struct strbuf fingerprint = STRBUF(2 * sizeof facts->fingerprint);
    auto_strbuf struct strbuf key = STRBUF(2 * KEY_IDENTITY_SIZE);
    struct json json;
    strbuf_append_hex(&fingerprint, span_make(facts->fingerprint, sizeof facts->fingerprint));
    json_begin(&json);
    json_text(&json, "login", strbuf_span(&adding->login));
    json_text(&json, "name", span_of(adding->name));
    json_text(&json, "serial", span_of(facts->serial));
    json_text(&json, "fingerprint", strbuf_span(&fingerprint));
    json_time(&json, "not_after", facts->not_after_s);
    json_text(&json, adding->form == DEVICE_PEM ? "dir" : "file", span_of(adding->target));
    if (adding->password.len > 0)
        json_text(&json, "password", strbuf_span(&adding->password));
    if (adding->key != NULL) {
        append_key_identity(adding, &key);
        json_text(&json, "key", strbuf_span(&key));
    }
    json_end(&json);
}

static void answer_text(const struct device_adding *adding)
{
    char until[CLOCK_TEXT_SIZE];
    auto_strbuf struct strbuf key = STRBUF(2 * KEY_IDENTITY_SIZE);
    clock_format(issued_facts(adding->issued)->not_after_s, -1, until);
    until[strcspn(until, "T")] = '\0';
    if (adding->form == DEVICE_PEM)
        (void)printf("wrote %s/cert.pem and %s/key.pem, valid until %s\n", adding->target,
                     adding->target, until);
    else
        (void)printf("wrote %s, valid until %s\n", adding->target, until);
    if (adding->password.len > 0)
        (void)printf("password: %s\n", strbuf_text(&adding->password));
    if (adding->key == NULL)
        return;
    append_key_identity(adding, &key);
    (void)printf("SHA-256 of its key: %s\n", strbuf_text(&key));
}

void device_answer(const struct device_adding *adding)
{
    if (arguments_value(adding->arguments, "json") != NULL)
        answer_json(adding);
    else {
        answer_text(adding);
        instructions_print(adding);
    }
}
