/*
 * A login by certificate from a gate's question to the answer; see impersonate.h. Comes from gate_link.c,
 * goes by keeper_link.c and backend/login.c back to the gate.
 */
#include "broker/impersonate.h"

#include <stdlib.h>

#include "backend/login.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/container_of.h"
#include "base/invariant.h"
#include "broker/master_login.h"
#include "protocol/imap_command.h"

enum {
    MASTER_LOGIN_TEXT_MAX = 16384, /* of capabilities, and of what follows them: as the schema has it */
    MASTER_LOGIN_ID_MAX = 8192,
};

/* --- Ends ---------------------------------------------------------------------------------------- */

static const char *const result_names[MASTER_LOGIN_RESULT_COUNT] = {
    [MASTER_LOGIN_DONE] = "accepted",
    [MASTER_LOGIN_REFUSED] = "refused",
    [MASTER_LOGIN_CERTIFICATE] = "certificate refused",
    [MASTER_LOGIN_UNAVAILABLE] = "unavailable",
};

void master_login_log(const struct master_login *login, enum log_level level, const char *outcome,
                      const char *reason)
{
    struct log_record record;
    auto_strbuf struct strbuf fingerprint = STRBUF(2 * CERTIFICATE_FINGERPRINT_SIZE);
    log_begin(&record, level, "master_login");
    log_id(&record, "session", login->session);
    if (login->login.len > 0)
        log_span(&record, "login", strbuf_span(&login->login));
    log_ip(&record, "address", &login->client.ip);
    if (login->listener != NULL) {
        log_text(&record, "listener", login->listener->name);
        log_text(&record, "backend", login->listener->backend->name);
    }
    log_number(&record, "gate", login->gate->number);
    log_text(&record, "outcome", outcome);
    if (reason != NULL)
        log_text(&record, "reason", reason);
    strbuf_append_hex(&fingerprint, span_make(login->fingerprint, sizeof login->fingerprint));
    if (login->has_fingerprint)
        log_text(&record, "fingerprint", strbuf_text(&fingerprint));
    log_end(&record);
}

static void master_login_bury(struct grave *grave)
{
    struct master_login *login = container_of(grave, struct master_login, grave);
    settings_unref(login->settings);
    strbuf_fini(&login->login);
    strbuf_fini(&login->client_id);
    free(login);
}

static void master_login_forget_question(struct master_login *login)
{
    if (login->is_asked)
        TAILQ_REMOVE(&login->gate->broker->asked, login, asked);
    login->is_asked = false;
}

void master_login_end(struct master_login *login)
{
    struct gate_link *gate = login->gate;
    (void)event_del(&login->deadline);
    master_login_forget_question(login);
    backend_login_free(take(&login->backend));
    prove_fini(&login->proof);
    TAILQ_REMOVE(&gate->logins, login, link);
    gate->login_count--;
    reaper_add(&gate->broker->reaper, &login->grave, master_login_bury);
}

/* Answers that it came to nothing. reason: a phrase; for the record and the gate's own. */
static void master_login_fail(struct master_login *login, enum master_login_result result,
                              enum certificate_refusal refusal, const char *reason)
{
    struct message done = {.type = MESSAGE_master_login_done,
                           .master_login_done = {.number = login->number,
                                                 .result = (uint8_t)result,
                                                 .refusal = (uint8_t)refusal,
                                                 .problem = span_of(reason),
                                                 .socket = -1}};
    master_login_log(login, LOG_WARNING, result_names[result], reason);
    (void)channel_send(&login->gate->channel, &done);
    master_login_end(login);
}

static void master_login_refuse_certificate(struct master_login *login,
                                            enum certificate_refusal refusal)
{
    master_login_fail(login, MASTER_LOGIN_CERTIFICATE, refusal, certificate_refusal_text(refusal));
}

void master_login_lack(struct master_login *login, const char *reason)
{
    master_login_fail(login, MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK, reason);
}

static void master_login_on_deadline(evutil_socket_t fd, short what, void *argument)
{
    struct master_login *login = argument;
    (void)fd;
    (void)what;
    master_login_lack(login, login->is_asked ? "the keeper does not answer" : "the backend does not answer");
}

/* --- The backend --------------------------------------------------------------------------------- */

/* The descriptor goes to the gate; ours is closed when the login ends. */
static void master_login_hand_over(struct master_login *login, const struct backend_login *backend)
{
    const struct endpoint *endpoint = &backend->address->endpoint;
    struct message done = {.type = MESSAGE_master_login_done,
                           .master_login_done = {.number = login->number,
                                                 .result = MASTER_LOGIN_DONE,
                                                 .login = strbuf_span(&login->login),
                                                 .backend_port = endpoint->port,
                                                 .capabilities = backend_login_capabilities(backend),
                                                 .rest = backend_login_rest(backend),
                                                 .socket = backend->stream.fd}};
    memcpy(done.master_login_done.backend, endpoint->ip.octets, sizeof done.master_login_done.backend);
    if (done.master_login_done.capabilities.len > MASTER_LOGIN_TEXT_MAX ||
        done.master_login_done.rest.len > MASTER_LOGIN_TEXT_MAX) {
        master_login_lack(login, "the backend says too much");
        return;
    }
    master_login_log(login, LOG_INFO, result_names[MASTER_LOGIN_DONE], NULL);
    (void)channel_send(&login->gate->channel, &done);
    master_login_end(login);
}

static void master_login_on_backend(struct backend_login *backend, enum backend_login_result result,
                                    void *owner)
{
    struct master_login *login = owner;
    switch (result) {
    case BACKEND_LOGIN_OK:
        master_login_hand_over(login, backend);
        break;
    case BACKEND_LOGIN_REFUSED:
        master_login_fail(login, MASTER_LOGIN_REFUSED, CERTIFICATE_OK, "the backend refused it");
        break;
    case BACKEND_LOGIN_UNAVAILABLE:
        master_login_lack(login, backend->problem == NULL ? "the backend is away" : backend->problem);
        break;
    }
}

static void master_login_go_to_backend(struct master_login *login)
{
    struct broker *broker = login->gate->broker;
    struct backend_login_request request = {
        .backend = login->listener->backend,
        .mechanism = SASL_EXTERNAL,
        .login = strbuf_span(&login->login),
        .client = &login->client,
        .local = &login->local,
        .client_id = strbuf_span(&login->client_id),
        .session = login->session,
        .has_certificate = true,
    };
    login->backend = backend_login_start(broker->loop, &broker->reaper, &request,
                                         master_login_on_backend, login);
    if (login->backend == NULL)
        master_login_lack(login, "out of memory");
}

/* --- The keeper ---------------------------------------------------------------------------------- */

static void master_login_ask(struct master_login *login)
{
    struct broker *broker = login->gate->broker;
    login->question = ++broker->questions;
    if (!keeper_link_ask(&broker->keeper, login->question, login->fingerprint)) {
        master_login_lack(login, "the keeper is away");
        return;
    }
    login->is_asked = true;
    TAILQ_INSERT_TAIL(&broker->asked, login, asked);
}

void impersonate_on_device(struct broker *broker, const struct message_device_answer *answer)
{
    struct master_login *login;
    TAILQ_FOREACH (login, &broker->asked, asked)
        if (login->question == answer->number)
            break;
    if (login == NULL)
        return; /* it was cancelled meanwhile */
    master_login_forget_question(login);
    if (answer->answer == LOGIN_ALLOWED && login->listener->backend->tls != BACKEND_TLS_NONE)
        prove_begin(login);
    else if (answer->answer == LOGIN_ALLOWED)
        master_login_go_to_backend(login);
    else if (answer->answer == LOGIN_DEVICE_REVOKED)
        master_login_refuse_certificate(login, CERTIFICATE_REVOKED);
    else
        master_login_lack(login, "the keeper's store is unavailable");
}

void impersonate_on_keeper_gone(struct broker *broker)
{
    struct master_login *login;
    while ((login = TAILQ_FIRST(&broker->asked)) != NULL)
        master_login_lack(login, "the keeper is gone");
}

/* --- The question -------------------------------------------------------------------------------- */

/* Who the certificate names, as a canonical login. False when the login has ended over it. */
static bool master_login_verify(struct master_login *login, const struct message_master_login *ask)
{
    const struct settings *settings = login->settings;
    struct client_certificate certificate = {.state = CERTIFICATE_ABSENT};
    auto_strbuf struct strbuf name = STRBUF(CERTIFICATE_NAME_MAX);
    if (settings->authorities == NULL || ask->certificate_octets > ask->certificates.len ||
        !authorities_verify_der(settings->authorities,
                                span_first(ask->certificates, ask->certificate_octets),
                                span_from(ask->certificates, ask->certificate_octets), clock_wall_s(),
                                &certificate, &name)) {
        master_login_lack(login, "no certificates that can be read");
        return false;
    }
    memcpy(login->fingerprint, certificate.fingerprint, sizeof login->fingerprint);
    login->has_fingerprint = true;
    if (certificate.state == CERTIFICATE_ABSENT) {
        master_login_lack(login, "a certificate of an authority that is not known here");
        return false;
    }
    struct login_name_rules rules = settings_login_rules(settings, login->listener->backend);
    if (certificate.state == CERTIFICATE_VALID &&
        login_name_canonicalise(strbuf_span(&name), &rules, &login->login) != LOGIN_NAME_OK)
        certificate = (struct client_certificate){.state = CERTIFICATE_REFUSED,
                                                  .refusal = CERTIFICATE_BAD_NAME};
    if (certificate.state != CERTIFICATE_VALID) {
        master_login_refuse_certificate(login, certificate.refusal);
        return false;
    }
    if (settings_lets_in(settings, login->listener, strbuf_span(&login->login)))
        return true;
    master_login_fail(login, MASTER_LOGIN_REFUSED, CERTIFICATE_OK,
                      "a login_rule asks more of this user than a certificate");
    return false;
}

/* Written anew from its parsed form: what the gate sent can't become a command beside our password. */
static bool master_login_take_id(struct master_login *login, struct span client_id)
{
    struct imap_id_pair pairs[IMAP_ID_PAIRS_MAX];
    size_t count = 0;
    auto_strbuf struct strbuf list = STRBUF(MASTER_LOGIN_ID_MAX + 2);
    auto_strbuf struct strbuf scratch = STRBUF(MASTER_LOGIN_ID_MAX);
    if (client_id.len == 0)
        return true;
    if (client_id.at[client_id.len - 1] != ' ') /* which ends each pair */
        return false;
    strbuf_append_byte(&list, '(');
    strbuf_append_span(&list, span_first(client_id, client_id.len - 1));
    strbuf_append_byte(&list, ')');
    if (!imap_parse_id(strbuf_span(&list), &scratch, pairs, &count))
        return false;
    imap_append_client_id(&login->client_id, pairs, count);
    return !strbuf_failed(&login->client_id);
}

static struct master_login *master_login_new(struct gate_link *link,
                                             const struct message_master_login *ask)
{
    struct broker *broker = link->broker;
    struct master_login *login = calloc(1, sizeof *login);
    if (login == NULL)
        return NULL;
    login->gate = link;
    login->settings = settings_ref(broker->settings);
    login->listener = settings_find_listener(broker->settings, ask->listener);
    login->number = ask->number;
    login->session = ask->session;
    login->client.port = (uint16_t)ask->client_port;
    login->local.port = (uint16_t)ask->local_port;
    memcpy(login->client.ip.octets, ask->client, sizeof ask->client);
    memcpy(login->local.ip.octets, ask->local, sizeof ask->local);
    strbuf_init(&login->login, LOGIN_OCTETS_MAX);
    strbuf_init(&login->client_id, MASTER_LOGIN_ID_MAX);
    invariant(event_assign(&login->deadline, broker->loop, -1, 0, master_login_on_deadline, login) == 0);
    TAILQ_INSERT_TAIL(&link->logins, login, link);
    link->login_count++;
    return login;
}

static void master_login_set_deadline(struct master_login *login)
{
    uint32_t ms = login->settings->login_ms;
    struct timeval after = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(&login->deadline, &after);
}

/* Answers a question for which nothing could be begun. */
static void impersonate_decline(struct gate_link *link, const struct message_master_login *ask,
                                const char *reason)
{
    struct log_record record;
    struct message done = {.type = MESSAGE_master_login_done,
                           .master_login_done = {.number = ask->number,
                                                 .result = MASTER_LOGIN_UNAVAILABLE,
                                                 .problem = span_of(reason),
                                                 .socket = -1}};
    log_begin(&record, LOG_WARNING, "master_login");
    log_id(&record, "session", ask->session);
    log_number(&record, "gate", link->number);
    log_text(&record, "outcome", result_names[MASTER_LOGIN_UNAVAILABLE]);
    log_text(&record, "reason", reason);
    log_end(&record);
    (void)channel_send(&link->channel, &done);
}

void impersonate_begin(struct gate_link *link, const struct message_master_login *ask)
{
    if (link->broker->settings == NULL || link->login_count >= MASTER_LOGINS_MAX) {
        impersonate_decline(link, ask, "more logins at once than a gate may have");
        return;
    }
    struct master_login *login = master_login_new(link, ask);
    if (login == NULL) {
        impersonate_decline(link, ask, "out of memory");
        return;
    }
    master_login_set_deadline(login);
    if (login->listener == NULL)
        master_login_lack(login, "no such listener");
    else if (!login->listener->takes_certificate)
        master_login_lack(login, "the listener does not take a certificate alone");
    else if (!backend_has_master(login->listener->backend))
        master_login_lack(login, "the backend has no master user");
    else if (!master_login_take_id(login, ask->client_id))
        master_login_lack(login, "what the client said of itself can't be read");
    else if (master_login_verify(login, ask))
        master_login_ask(login);
}

static struct master_login *impersonate_find(const struct gate_link *link, uint64_t number)
{
    struct master_login *login;
    TAILQ_FOREACH (login, &link->logins, link)
        if (login->number == number)
            break;
    return login;
}

void impersonate_on_challenge(struct gate_link *link, const struct message_scram_challenge *challenge)
{
    struct master_login *login = impersonate_find(link, challenge->number);
    if (login != NULL)
        prove_on_challenge(login, challenge->message);
}

void impersonate_cancel(struct gate_link *link, uint64_t number)
{
    struct master_login *login = impersonate_find(link, number);
    if (login == NULL)
        return;
    master_login_log(login, LOG_INFO, "cancelled", NULL);
    master_login_end(login);
}

void impersonate_drop_all(struct gate_link *link)
{
    struct master_login *login;
    while ((login = TAILQ_FIRST(&link->logins)) != NULL)
        master_login_end(login);
}
