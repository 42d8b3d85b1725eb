/* What a rule's refusal comes to; see verdict.h. Called wherever a rule would refuse. */
#include "gate/verdict.h"

#include "base/log.h"
#include "gate/session.h"

static const char *const rule_names[RULE_COUNT] = {
    [RULE_CERTIFICATE_REFUSED] = "certificate_refused",
    [RULE_CERTIFICATE_NEEDED] = "certificate_needed",
    [RULE_NOT_OFFERED] = "not_offered",
    [RULE_NAME_DIFFERS] = "name_differs",
    [RULE_ENROLLED] = "after_enrolment",
    [RULE_SESSIONS] = "sessions_per_user",
    [RULE_SESSIONS_FROM_ADDRESS] = "sessions_per_user_and_address",
    [RULE_KEEPER_AWAY] = "keeper_away",
    [RULE_HANDSHAKES] = "handshakes_per_prefix_per_s",
    [RULE_CONNECTIONS_OF_ADDRESS] = "connections_per_address",
    [RULE_CONNECTIONS_OF_NETWORK] = "connections_per_prefix",
    [RULE_CONNECTIONS] = "connections",
    [RULE_COMMANDS] = "commands_before_login",
    [RULE_FAILURES] = "failures_per_connection",
};

const char *rule_name(enum rule rule)
{
    return rule_names[rule];
}

/* The text of the rule itself, where there is more to say than its name. */
static const char *rule_detail(const struct session *session, enum rule rule)
{
    return session != NULL && rule == RULE_CERTIFICATE_REFUSED
               ? certificate_refusal_text(session->certificate.refusal)
               : "";
}

static void verdict_log(const struct listener *listener, const struct ip *address,
                        const struct session *session, enum rule rule, const char *login)
{
    struct log_record record;
    log_begin(&record, LOG_INFO, "would_refuse");
    if (session != NULL)
        log_id(&record, "session", session->registered.id);
    log_ip(&record, "address", address);
    log_text(&record, "listener", listener->name);
    log_text(&record, "rule", rule_name(rule));
    if (*rule_detail(session, rule) != '\0')
        log_text(&record, "detail", rule_detail(session, rule));
    if (login != NULL)
        log_text(&record, "login", login);
    else if (session != NULL && rule < RULE_LOGIN_COUNT)
        log_id(&record, "name_hash", session->login.name_hash);
    log_end(&record);
}

/* Records of what a connection meets again and again come once. */
static bool verdict_is_new(struct session *session, enum rule rule)
{
    unsigned bit = 1U << rule;
    bool is_new = (session->observed & bit) == 0;
    session->observed |= bit;
    return is_new;
}

bool rule_refuses(const struct listener *listener, const struct ip *address, struct session *session,
                  enum rule rule)
{
    if (!listener->is_observed)
        return true;
    if (session != NULL && rule < RULE_LOGIN_COUNT)
        session->login.observed |= 1U << rule;
    else if (session == NULL || verdict_is_new(session, rule))
        verdict_log(listener, address, session, rule, NULL);
    return false;
}

void verdict_record_login(struct session *session, const char *login)
{
    for (int rule = 0; rule < RULE_LOGIN_COUNT; rule++)
        if ((session->login.observed & 1U << rule) != 0)
            verdict_log(session->listener, &session->peer.ip, session, (enum rule)rule, login);
    session->login.observed = 0;
}
