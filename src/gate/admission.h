/*
 * Who was let in, from where, how: what a live session is to the keeper and to the log. Made when a
 * login begins, handed from the session to its relay.
 */
#ifndef POSTERN_GATE_ADMISSION_H
#define POSTERN_GATE_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/ip.h"
#include "base/log.h"
#include "channel/message.h"
#include "gate/settings.h"
#include "pki/certificate_mark.h"

struct admission {
    uint64_t id; /* the session's */
    int64_t started_s;
    const struct listener *listener; /* kept alive by the owner's reference to its settings */
    struct ip address;
    enum config_enrolment after_enrolment; /* for this user here */
    bool has_place; /* false: address is a webmail server's, and whose client it is was not said */
    unsigned factors; /* or-ed enum config_factor that the login rests on */
    struct certificate_mark *certificate; /* of a valid one; owned; NULL: none */
    char login[];                         /* canonical, NUL-terminated */
};

/* mark: of the valid certificate that the client showed, copied; NULL: none. NULL when memory is out. */
struct admission *admission_new(uint64_t id, const struct listener *listener, const struct ip *address,
                                struct span login, unsigned factors,
                                const struct certificate_mark *mark) MUST_USE;

/* It rests on its other factors alone from now on. */
void admission_drop_certificate(struct admission *admission);

/* Takes NULL. */
void admission_free(struct admission *admission);

/* Whether its certificate, if it has one, still lets it live under these settings. */
enum certificate_refusal admission_check(const struct admission *admission,
                                         const struct settings *settings, int64_t now_s) MUST_USE;

/* Fills the message by which a gate asks for it; factor_text holds the factors' spelling. */
void admission_to_ask(const struct admission *admission, struct message *ret_message,
                      struct strbuf *factor_text);

/* The same for session_announce. */
void admission_to_announce(const struct admission *admission, struct message *ret_message,
                           struct strbuf *factor_text);

/* Adds the fields session, login, address, listener, factor to a record. */
void admission_log(const struct admission *admission, struct log_record *record);

#endif
