/*
 * Decides logins; see login.h. Comes from imap_session.c (a command) or session_tls.c (PREAUTH); goes
 * by keeper_link.c to login_backend.c, or back to the protocol with a refusal.
 *
 * The order of the checks is what an attacker can learn: first what he has shown himself (certificate,
 * rule), then the name's form; whether user and password are right only the backend knows, and every
 * refusal comes at the same time after its attempt.
 */
#include "gate/login.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "backend/login.h"
#include "gate/admission.h"
#include "gate/gate.h"
#include "gate/login_steps.h"
#include "gate/session.h"
#include "gate/user_rule.h"
#include "gate/verdict.h"

static const char *const login_outcome_names[LOGIN_OUTCOME_COUNT] = {
    [LOGIN_REFUSED] = "refused",
    [LOGIN_CERTIFICATE_REFUSED] = "certificate refused",
    [LOGIN_CERTIFICATE_NEEDED] = "certificate needed",
    [LOGIN_NOT_OFFERED] = "not offered",
    [LOGIN_NAME_DIFFERS] = "name differs from certificate",
    [LOGIN_UNAVAILABLE] = "unavailable",
    [LOGIN_LIMIT] = "too many sessions",
};

void login_reset(struct session *session)
{
    struct login *login = &session->login;
    verdict_record_login(session, NULL);
    if (login->is_asked)
        keeper_link_tell(session->gate, MESSAGE_session_ended, session->registered.id);
    backend_login_free(login->backend);
    master_login_cancel(session);
    strbuf_fini(&login->scram_first);
    admission_free(login->admission);
    secret_fini(&login->secret);
    *login = (struct login){.admission = NULL};
}

/* --- Refusals ---------------------------------------------------------------------------------- */

/* The record of a login that came to nothing. The name is only given as a hash: it may be a password. */
static void login_log_refusal(const struct session *session, const char *detail)
{
    const struct login *login = &session->login;
    struct log_record record;
    log_begin(&record, login->outcome == LOGIN_UNAVAILABLE ? LOG_WARNING : LOG_INFO, "login_refused");
    log_id(&record, "session", session->registered.id);
    log_ip(&record, "address", &session->peer.ip);
    log_text(&record, "listener", session->listener->name);
    log_id(&record, "name_hash", login->name_hash);
    log_text(&record, "outcome", login_outcome_names[login->outcome]);
    log_text(&record, "detail", detail);
    if (login->rule != NULL)
        log_text(&record, "login_rule", login->rule->name);
    log_end(&record);
}

void login_refuse(struct session *session, enum login_outcome outcome, const char *text,
                         const char *detail)
{
    struct login *login = &session->login;
    login->outcome = outcome;
    login->text = text;
    login_log_refusal(session, detail);
    if (outcome != LOGIN_UNAVAILABLE) {
        session->failures += session->is_health_check ? 0 : 1;
        if (login->is_asked)
            keeper_link_tell(session->gate, MESSAGE_login_failed, session->registered.id);
    }
    session_enter(session, SESSION_DELAY);
}

void login_answer_now(struct session *session)
{
    enum login_outcome outcome = session->login.outcome;
    const char *text = session->login.text;
    uint32_t most = session->settings->limits.failures_per_connection;
    login_reset(session);
    session->protocol->answer_login(session, outcome, text);
    if (session->failures >= most &&
        rule_refuses(session->listener, &session->peer.ip, session, RULE_FAILURES)) {
        session->protocol->say_goodbye(session, "Too many failed logins");
        session_close(session, "too many failed logins");
    } else if (!session->is_greeted) {
        /* PREAUTH came to nothing: there is no greeting behind which one could go on. */
        session_close(session, "login refused");
    } else {
        session_enter(session, SESSION_COMMAND);
    }
}

/* --- What the rules ask for ---------------------------------------------------------------------- */

/* The factors that a client with this certificate brings by this mechanism. */
static unsigned login_factors(const struct session *session, enum sasl_mechanism mechanism)
{
    unsigned factors = session->certificate.state == CERTIFICATE_VALID ? FACTOR_CERTIFICATE : 0;
    if (mechanism == SASL_PLAIN || mechanism == SASL_LOGIN)
        factors |= FACTOR_PASSWORD;
    if (mechanism == SASL_OAUTHBEARER || mechanism == SASL_XOAUTH2)
        factors |= FACTOR_OAUTH;
    return factors;
}

/* The first alternative that these factors meet and that asks for needed; 0 when there is none. */
static unsigned login_find_rule_with(const struct session *session, unsigned factors, unsigned needed)
{
    return ways_find(session->listener->logins, session->listener->login_count, factors, needed);
}

static unsigned login_find_rule(const struct session *session, unsigned factors)
{
    return login_find_rule_with(session, factors, 0);
}

bool login_offers(const struct session *session, enum sasl_mechanism mechanism)
{
    unsigned factors = login_factors(session, mechanism);
    /* A password that a rule would refuse is tried all the same where rules only observe. */
    if (session->listener->is_observed && (factors & FACTOR_PASSWORD) != 0)
        return session_is_secured(session);
    /* A refused certificate refuses every login; that is said when one is tried, so it may be. */
    if (session->certificate.state == CERTIFICATE_REFUSED)
        factors |= FACTOR_CERTIFICATE;
    /* A certificate that is enough by itself is taken with any password, but needs no token. */
    return session_is_secured(session) &&
           login_find_rule_with(session, factors, factors & FACTOR_OAUTH) != 0;
}

/* --- The attempt ----------------------------------------------------------------------------------- */

/* Both identities of the request as one canonical login. Returns a phrase when they are none. */
static const char *login_take_name(const struct session *session, const struct login_request *request,
                                   struct strbuf *name)
{
    struct login_name_rules rules =
        settings_login_rules(session->settings, session->listener->backend);
    struct span typed = request->credentials.authentication;
    struct span authorization = request->credentials.authorization;
    auto_strbuf struct strbuf other = STRBUF(LOGIN_OCTETS_MAX);
    if (request->mechanism == SASL_EXTERNAL) {
        strbuf_append_span(name, strbuf_span(&session->certificate_login));
    } else {
        enum login_name_result result = login_name_canonicalise(typed, &rules, name);
        if (result != LOGIN_NAME_OK)
            return login_name_result_text(result);
    }
    if (authorization.len == 0)
        return NULL;
    if (login_name_canonicalise(authorization, &rules, &other) != LOGIN_NAME_OK ||
        !span_equal(strbuf_span(&other), strbuf_span(name)))
        return "authorization identity differs";
    return NULL;
}

/*
 * Looks at the certificate again: it may have ended, or been put on a list, since the handshake. The
 * lists are those in force now, not those that the session began with.
 */
static void login_check_mark(struct session *session)
{
    struct client_certificate *certificate = &session->certificate;
    if (certificate->state != CERTIFICATE_VALID)
        return;
    certificate->refusal = authorities_check_mark(session->gate->settings->authorities,
                                                  &session->certificate_mark, clock_wall_s());
    if (certificate->refusal != CERTIFICATE_OK)
        certificate->state = CERTIFICATE_REFUSED;
}

/*
 * The rule that refuses this login, or RULE_COUNT: of the listener, or of the user that is meant. What
 * comes without a password or a token of its own rests on our word alone, which no observing can replace.
 */
static enum rule login_broken_rule(const struct session *session, unsigned factors, struct span name)
{
    const struct client_certificate *certificate = &session->certificate;
    if (certificate->state == CERTIFICATE_REFUSED)
        return RULE_CERTIFICATE_REFUSED;
    if (login_find_rule(session, factors) == 0)
        return login_find_rule(session, factors | FACTOR_CERTIFICATE) == 0 ? RULE_NOT_OFFERED
                                                                           : RULE_CERTIFICATE_NEEDED;
    if (certificate->state == CERTIFICATE_VALID && name.len > 0 &&
        !span_equal(name, strbuf_span(&session->certificate_login)))
        return RULE_NAME_DIFFERS;
    /* Last, and answered as a wrong password: it would tell who is under which rule. */
    if (user_rule_way(session->listener, session->login.rule, factors) == 0)
        return RULE_LOGIN_RULE;
    return RULE_COUNT;
}

/* Whether a login by these factors is refused for breaking that rule. */
static bool login_is_refused_by(struct session *session, enum rule rule, unsigned factors)
{
    if ((factors & ~(unsigned)FACTOR_CERTIFICATE) == 0) {
        verdict_note_refusal(session, rule);
        return true;
    }
    return rule_refuses(session->listener, &session->peer.ip, session, rule);
}

/* What the client hears when a rule refuses. */
static const enum login_outcome login_rule_outcomes[RULE_LOGIN_COUNT] = {
    [RULE_CERTIFICATE_REFUSED] = LOGIN_CERTIFICATE_REFUSED,
    [RULE_CERTIFICATE_NEEDED] = LOGIN_CERTIFICATE_NEEDED,
    [RULE_NOT_OFFERED] = LOGIN_NOT_OFFERED,
    [RULE_NAME_DIFFERS] = LOGIN_NAME_DIFFERS,
    [RULE_LOGIN_RULE] = LOGIN_REFUSED,
    [RULE_ENROLLED] = LOGIN_REFUSED,
    [RULE_SESSIONS] = LOGIN_LIMIT,
    [RULE_SESSIONS_FROM_ADDRESS] = LOGIN_LIMIT,
    [RULE_KEEPER_AWAY] = LOGIN_UNAVAILABLE,
};

const char *login_certificate_text(const struct session *session)
{
    return certificate_refusal_text(session->certificate.refusal);
}

static void login_refuse_by_rule(struct session *session, enum rule rule)
{
    enum login_outcome outcome = login_rule_outcomes[rule];
    const char *text =
        outcome == LOGIN_CERTIFICATE_REFUSED ? login_certificate_text(session) : NULL;
    const char *detail = rule == RULE_LOGIN_RULE ? "login rule" : login_outcome_names[outcome];
    login_refuse(session, outcome, text, text != NULL ? text : detail);
}

/* The alternative that lets in. Where a broken one only is observed, that is what the backend checks. */
static unsigned login_rule_of(const struct session *session, unsigned factors, enum rule broken)
{
    return broken == RULE_COUNT ? user_rule_way(session->listener, session->login.rule, factors)
                                : factors & ~(unsigned)FACTOR_CERTIFICATE;
}

/* Keeps what the backend will need. A rule that a certificate alone meets needs no password. */
static bool login_keep_secret(struct session *session, const struct login_request *request,
                              unsigned rule)
{
    struct login *login = &session->login;
    if (rule == FACTOR_CERTIFICATE) {
        login->mechanism = SASL_EXTERNAL;
        return true;
    }
    login->mechanism = request->mechanism == SASL_LOGIN ? SASL_PLAIN : request->mechanism;
    return secret_set(&login->secret, request->credentials.secret) == 0;
}

/* The factors that the backend will see for itself; none for a login as master user. */
static unsigned login_factors_kept(const struct session *session)
{
    return session->login.mechanism == SASL_EXTERNAL ? 0 : FACTOR_PASSWORD;
}

/* The keeper can't say: the login fails, or goes on where rules only observe. */
static void login_without_keeper(struct session *session, const char *why)
{
    if (login_is_refused_by(session, RULE_KEEPER_AWAY, login_factors_kept(session)))
        login_refuse(session, LOGIN_UNAVAILABLE, NULL, why);
    else
        login_go_to_backend(session);
}

/* All that can be seen here is in order: asks the keeper. */
static void login_ask(struct session *session, const struct login_request *request, unsigned rule,
                      struct span name)
{
    struct login *login = &session->login;
    login->admission = admission_new(session->registered.id, session->listener, &session->peer.ip,
                                     name, rule,
                                     session->certificate.state == CERTIFICATE_VALID &&
                                             span_equal(name, strbuf_span(&session->certificate_login))
                                         ? &session->certificate_mark
                                         : NULL);
    if (login->admission == NULL || !login_keep_secret(session, request, rule)) {
        login_refuse(session, LOGIN_UNAVAILABLE, NULL, "out of memory");
        return;
    }
    login->admission->after_enrolment = user_rule_enrolment(session->listener, login->rule);
    login->admission->has_place = session->census.address != NULL;
    if (!keeper_link_ask(session->gate, login->admission)) {
        login_without_keeper(session, "the keeper is away");
        return;
    }
    login->is_asked = true;
    session->unanswered++;
    session_enter(session, SESSION_ASKED);
}

/* No backend may see it, whatever the mode. */
static void login_refuse_name(struct session *session, const char *why)
{
    verdict_note_other(session, "name");
    login_refuse(session, LOGIN_REFUSED, NULL, why);
}

void login_begin(struct session *session, const struct login_request *request)
{
    login_check_mark(session);
    unsigned factors = login_factors(session, request->mechanism);
    struct span typed = request->mechanism == SASL_EXTERNAL ? strbuf_span(&session->certificate_login)
                                                            : request->credentials.authentication;
    auto_strbuf struct strbuf name = STRBUF(LOGIN_OCTETS_MAX);
    login_reset(session);
    session->login.begun_ms = clock_monotonic_ms();
    session->login.name_hash = hash_span(&session->gate->login_key, typed);
    const char *bad_name = login_take_name(session, request, &name);
    struct span canonical = bad_name == NULL ? strbuf_span(&name) : SPAN_NONE;
    session->login.rule = user_rule_find(session, canonical);
    enum rule broken = login_broken_rule(session, factors, canonical);
    if (broken != RULE_COUNT && login_is_refused_by(session, broken, factors))
        login_refuse_by_rule(session, broken);
    else if (bad_name != NULL || canonical.len == 0)
        login_refuse_name(session, bad_name == NULL ? "empty name" : bad_name);
    else
        login_ask(session, request, login_rule_of(session, factors, broken), canonical);
}

/* --- The keeper ------------------------------------------------------------------------------------- */

/* The certificate counts no more: what is left of the login is what the backend checks. */
static void login_drop_certificate(struct session *session)
{
    struct admission *admission = session->login.admission;
    session->certificate.state = CERTIFICATE_REFUSED;
    session->certificate.refusal = CERTIFICATE_REVOKED;
    admission_drop_certificate(admission);
}

void login_revoke(struct session *session)
{
    unsigned factors = login_factors_kept(session);
    login_drop_certificate(session);
    if (login_is_refused_by(session, RULE_CERTIFICATE_REFUSED, factors))
        login_refuse(session, LOGIN_CERTIFICATE_REFUSED, login_certificate_text(session), "revoked");
}

/* The keeper knows of a rule that refuses. */
static void login_meet_rule(struct session *session, enum rule rule, const char *detail)
{
    if (login_is_refused_by(session, rule, login_factors_kept(session)))
        login_refuse(session, login_rule_outcomes[rule], NULL, detail);
    else
        login_go_to_backend(session);
}

void login_on_answer(struct session *session, const struct message_login_answer *answer)
{
    /* Answers come in the order of the questions; one to an attempt that was given up is not for this. */
    if (session->unanswered == 0 || --session->unanswered > 0 || session->phase != SESSION_ASKED)
        return;
    session->login.is_asked = answer->answer == LOGIN_ALLOWED;
    switch (answer->answer) {
    case LOGIN_ALLOWED:
        login_go_to_backend(session);
        break;
    case LOGIN_DEVICE_REVOKED:
        login_revoke(session);
        if (session->phase == SESSION_ASKED)
            login_go_to_backend(session);
        break;
    case LOGIN_ENROLLED:
        login_meet_rule(session, RULE_ENROLLED, "enrolled");
        break;
    case LOGIN_TOO_MANY_SESSIONS:
        login_meet_rule(session, RULE_SESSIONS, "too many sessions of this user");
        break;
    case LOGIN_TOO_MANY_FROM_ADDRESS:
        login_meet_rule(session, RULE_SESSIONS_FROM_ADDRESS,
                        "too many sessions of this user and address");
        break;
    default:
        login_without_keeper(session, "the keeper's store is unavailable");
        break;
    }
    session_run(session);
}

void login_on_keeper_gone(struct session *session)
{
    session->unanswered = 0;
    if (session->phase != SESSION_ASKED)
        return;
    session->login.is_asked = false;
    login_without_keeper(session, "the keeper is gone");
    session_run(session);
}

void login_on_timeout(struct session *session)
{
    if (session->phase == SESSION_ASKED) {
        login_without_keeper(session, "the keeper does not answer");
        return;
    }
    backend_login_free(take(&session->login.backend));
    master_login_cancel(session);
    login_refuse(session, LOGIN_UNAVAILABLE, NULL, "the backend does not answer");
}
