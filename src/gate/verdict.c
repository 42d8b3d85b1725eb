/* What a rule's refusal comes to; see verdict.h. Called wherever a rule would refuse. */
#include "gate/verdict.h"

#include "base/clock.h"
#include "base/log.h"
#include "gate/admission.h"
#include "gate/gate.h"
#include "gate/session.h"
#include "policy/login_rules.h"

static const char *const rule_names[RULE_COUNT] = {
    [RULE_CERTIFICATE_REFUSED] = "certificate_refused",
    [RULE_CERTIFICATE_NEEDED] = "certificate_needed",
    [RULE_NOT_OFFERED] = "not_offered",
    [RULE_NAME_DIFFERS] = "name_differs",
    [RULE_LOGIN_RULE] = "login_rule",
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
    if (session != NULL && rule == RULE_CERTIFICATE_REFUSED)
        return certificate_refusal_text(session->certificate.refusal);
    if (session != NULL && rule == RULE_LOGIN_RULE && session->login.rule != NULL)
        return session->login.rule->name;
    return "";
}

static struct tally_note verdict_note(const struct listener *listener, const struct ip *address,
                                      const char *rule, const char *user)
{
    const struct message_configure_limits *limits = &listener->settings->limits;
    return (struct tally_note){
        .reason = rule,
        .rule = rule,
        .listener = listener->name,
        .user = user,
        .network = ip_network(address, limits->prefix_v4_bits, limits->prefix_v6_bits)};
}

static bool verdict_count(const struct listener *listener, const struct tally_note *note)
{
    return tally_add(&listener->gate->tally, note, clock_monotonic_ms());
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

static void verdict_observe(const struct listener *listener, const struct ip *address,
                            const struct session *session, enum rule rule, const char *login)
{
    struct tally_note note = verdict_note(listener, address, rule_name(rule), login);
    note.record = TALLY_WOULD_REFUSE;
    bool is_first = verdict_count(listener, &note);
    if (is_first || login != NULL) /* as login_accepted, each */
        verdict_log(listener, address, session, rule, login);
}

/*
 * The user, where it is shown that there is one: by a certificate, or since the keeper knows devices or
 * sessions of that login. NULL: what was typed may be anything, a password too.
 */
static const char *verdict_user(const struct session *session, enum rule rule)
{
    bool is_known = rule == RULE_ENROLLED || rule == RULE_SESSIONS || rule == RULE_SESSIONS_FROM_ADDRESS;
    if (is_known && session->login.admission != NULL)
        return session->login.admission->login;
    return session->certificate_login.len > 0 ? strbuf_text(&session->certificate_login) : NULL;
}

void verdict_note_refusal(const struct session *session, enum rule rule)
{
    struct tally_note note = verdict_note(session->listener, &session->peer.ip, rule_name(rule),
                                          verdict_user(session, rule));
    note.record = TALLY_NO_RECORD;
    (void)verdict_count(session->listener, &note);
}

void verdict_note_other(const struct session *session, const char *who)
{
    struct tally_note note = verdict_note(session->listener, &session->peer.ip, who, NULL);
    note.record = TALLY_NO_RECORD;
    (void)verdict_count(session->listener, &note);
}

bool verdict_note_connection(const struct listener *listener, const struct ip *address,
                             enum tally_record record, const char *reason, const char *rule)
{
    struct tally_note note = verdict_note(listener, address, rule, NULL);
    note.record = record;
    note.reason = reason;
    return verdict_count(listener, &note);
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
    if (!listener->is_observed && session != NULL)
        verdict_note_refusal(session, rule);
    if (!listener->is_observed)
        return true;
    if (session != NULL && rule < RULE_LOGIN_COUNT)
        session->login.observed |= 1U << rule;
    else if (session == NULL || verdict_is_new(session, rule))
        verdict_observe(listener, address, session, rule, NULL);
    return false;
}

bool rule_refuses_login(const struct listener *listener, const struct ip *address, const char *login,
                        enum rule rule)
{
    struct tally_note note = verdict_note(listener, address, rule_name(rule), login);
    note.record = TALLY_NO_RECORD;
    if (listener->is_observed)
        verdict_observe(listener, address, NULL, rule, login);
    else
        (void)verdict_count(listener, &note);
    return !listener->is_observed;
}

void verdict_record_login(struct session *session, const char *login)
{
    for (int rule = 0; rule < RULE_LOGIN_COUNT; rule++)
        if ((session->login.observed & 1U << rule) != 0)
            verdict_observe(session->listener, &session->peer.ip, session, (enum rule)rule, login);
    session->login.observed = 0;
}
