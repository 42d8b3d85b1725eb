/* Who was let in; see admission.h. */
#include "gate/admission.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "policy/login_rules.h"

enum { ADMISSION_FACTOR_TEXT_MAX = 64 };

struct admission *admission_new(uint64_t id, const struct listener *listener, const struct ip *address,
                                struct span login, unsigned factors,
                                const struct certificate_mark *mark)
{
    struct admission *admission = calloc(1, sizeof *admission + login.len + 1);
    if (admission == NULL)
        return NULL;
    admission->id = id;
    admission->started_s = clock_wall_s();
    admission->listener = listener;
    admission->after_enrolment = listener->after_enrolment;
    admission->address = *address;
    admission->factors = factors;
    memcpy(admission->login, login.at, login.len);
    if (mark == NULL)
        return admission;
    admission->certificate = malloc(sizeof *mark);
    if (admission->certificate == NULL) {
        free(admission);
        return NULL;
    }
    *admission->certificate = *mark;
    return admission;
}

void admission_drop_certificate(struct admission *admission)
{
    free(take(&admission->certificate));
    admission->factors &= ~(unsigned)FACTOR_CERTIFICATE;
}

void admission_free(struct admission *admission)
{
    if (admission == NULL)
        return;
    free(admission->certificate);
    free(admission);
}

enum certificate_refusal admission_check(const struct admission *admission,
                                         const struct settings *settings, int64_t now_s)
{
    return admission->certificate == NULL
               ? CERTIFICATE_OK
               : authorities_check_mark(settings->authorities, admission->certificate, now_s);
}

/*
 * A name without a domain, or one of which the backend sees the local part only, may be anybody's
 * there: else an enrolled user's password would do under another domain.
 */
static enum login_enrolment admission_enrolment(const struct admission *admission)
{
    const struct listener *listener = admission->listener;
    if (admission->after_enrolment != AFTER_ENROLMENT_CERTIFICATE || admission->certificate != NULL)
        return ENROLMENT_IGNORED;
    return login_is_local_enough(listener->backend->username, span_of(admission->login))
               ? ENROLMENT_OF_LOCAL
               : ENROLMENT_OF_LOGIN;
}

void admission_to_ask(const struct admission *admission, struct message *ret_message,
                      struct strbuf *factor_text)
{
    struct message_login_ask *ask = &ret_message->login_ask;
    factors_print(admission->factors, factor_text);
    *ret_message = (struct message){.type = MESSAGE_login_ask};
    *ask = (struct message_login_ask){.session = admission->id,
                                      .login = span_of(admission->login),
                                      .listener = span_of(admission->listener->name),
                                      .protocol = (uint8_t)admission->listener->protocol,
                                      .factor = strbuf_span(factor_text),
                                      .has_certificate = admission->certificate != NULL,
                                      .enrolment = (uint8_t)admission_enrolment(admission)};
    if (admission->has_place)
        memcpy(ask->address, admission->address.octets, sizeof ask->address);
    if (admission->certificate == NULL)
        return;
    memcpy(ask->fingerprint, admission->certificate->fingerprint, sizeof ask->fingerprint);
    ask->certificate_end_s = admission->certificate->not_after_s;
}

void admission_to_announce(const struct admission *admission, struct message *ret_message,
                           struct strbuf *factor_text)
{
    struct message asked;
    admission_to_ask(admission, &asked, factor_text);
    *ret_message = (struct message){.type = MESSAGE_session_announce};
    struct message_session_announce *announce = &ret_message->session_announce;
    *announce = (struct message_session_announce){.session = asked.login_ask.session,
                                                  .login = asked.login_ask.login,
                                                  .listener = asked.login_ask.listener,
                                                  .protocol = asked.login_ask.protocol,
                                                  .factor = asked.login_ask.factor,
                                                  .has_certificate = asked.login_ask.has_certificate,
                                                  .started_s = admission->started_s};
    memcpy(announce->address, asked.login_ask.address, sizeof announce->address);
    memcpy(announce->fingerprint, asked.login_ask.fingerprint, sizeof announce->fingerprint);
}

void admission_log(const struct admission *admission, struct log_record *record)
{
    auto_strbuf struct strbuf factor = STRBUF(ADMISSION_FACTOR_TEXT_MAX);
    factors_print(admission->factors, &factor);
    log_id(record, "session", admission->id);
    log_text(record, "login", admission->login);
    log_ip(record, "address", &admission->address);
    log_text(record, "listener", admission->listener->name);
    log_text(record, "factor", strbuf_text(&factor));
}
