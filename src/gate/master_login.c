/*
 * The gate's part of a login by certificate: what is asked of the broker, and who waits for it; see
 * master_login.h. Called from login.c and broker_link.c.
 */
#include "gate/master_login.h"

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "gate/gate.h"
#include "gate/session.h"
#include "gate/tickets.h"
#include "pki/authorities.h"

void master_logins_init(struct master_logins *logins)
{
    *logins = (struct master_logins){.asked_count = 0};
    TAILQ_INIT(&logins->waiting);
    TAILQ_INIT(&logins->asked);
}

static void master_login_leave(struct master_logins *logins, struct master_login *login)
{
    if (login->state == MASTER_LOGIN_WAITING) {
        TAILQ_REMOVE(&logins->waiting, login, link);
    } else if (login->state == MASTER_LOGIN_ASKED) {
        TAILQ_REMOVE(&logins->asked, login, link);
        logins->asked_count--;
    }
    login->state = MASTER_LOGIN_NONE;
}

/* The user's certificate and what came with it, end to end; octets of the first. False: no memory, or too long. */
static bool master_login_certificates(SSL *tls, struct strbuf *der, uint32_t *ret_first_octets)
{
    unsigned char *encoded = NULL;
    int len = i2d_X509(SSL_get0_peer_certificate(tls), &encoded);
    if (len <= 0)
        return false;
    strbuf_append_span(der, span_make(encoded, (size_t)len));
    OPENSSL_free(encoded);
    *ret_first_octets = (uint32_t)len;
    tickets_client_chain(tls, der);
    return !strbuf_failed(der);
}

static bool master_login_send(struct gate *gate, const struct master_login *login)
{
    const struct session *session = login->session;
    auto_strbuf struct strbuf der = STRBUF(AUTHORITIES_CHAIN_OCTETS);
    struct message message = {.type = MESSAGE_master_login};
    struct message_master_login *ask = &message.master_login;
    if (!master_login_certificates(session->client.tls, &der, &ask->certificate_octets))
        return false;
    ask->number = login->number;
    ask->session = session->registered.id;
    ask->listener = span_of(session->listener->name);
    ask->certificates = strbuf_span(&der);
    memcpy(ask->client, session->peer.ip.octets, sizeof ask->client);
    ask->client_port = session->peer.port;
    memcpy(ask->local, session->local.ip.octets, sizeof ask->local);
    ask->local_port = session->local.port;
    ask->client_id = strbuf_span(&session->imap.client_id);
    return channel_send(&gate->broker.channel, &message);
}

/* Ends it without a connection; the session goes on with its refusal. */
static void master_login_fail(struct gate *gate, struct master_login *login, const char *problem)
{
    struct message_master_login_done done = {.result = MASTER_LOGIN_UNAVAILABLE,
                                             .problem = span_of(problem),
                                             .socket = -1};
    master_login_leave(&gate->broker.logins, login);
    login_on_master_login(login->session, &done);
}

/*
 * Also stops while the channel's queue is not empty: a broker that stands still must not have its gates
 * fill the queue until the channel is given up.
 */
void master_logins_go_on(struct gate *gate)
{
    struct master_logins *logins = &gate->broker.logins;
    struct master_login *login;
    while ((login = TAILQ_FIRST(&logins->waiting)) != NULL && logins->asked_count < MASTER_LOGINS_MAX &&
           channel_is_flushed(&gate->broker.channel)) {
        login->number = ++logins->last_number;
        if (!master_login_send(gate, login)) {
            master_login_fail(gate, login, "the broker can't be asked");
            continue;
        }
        master_login_leave(logins, login);
        login->state = MASTER_LOGIN_ASKED;
        TAILQ_INSERT_TAIL(&logins->asked, login, link);
        logins->asked_count++;
    }
}

bool master_login_begin(struct session *session)
{
    struct gate *gate = session->gate;
    struct master_login *login = &session->login.master;
    if (!channel_is_open(&gate->broker.channel))
        return false;
    login->session = session;
    login->state = MASTER_LOGIN_WAITING;
    TAILQ_INSERT_TAIL(&gate->broker.logins.waiting, login, link);
    master_logins_go_on(gate);
    return true;
}

void master_login_cancel(struct session *session)
{
    struct gate *gate = session->gate;
    struct master_login *login = &session->login.master;
    bool was_asked = login->state == MASTER_LOGIN_ASKED;
    master_login_leave(&gate->broker.logins, login);
    if (!was_asked)
        return;
    struct message cancel = {.type = MESSAGE_master_login_cancel,
                             .master_login_cancel = {.number = login->number}};
    (void)channel_send(&gate->broker.channel, &cancel);
    master_logins_go_on(gate);
}

static struct master_login *master_logins_find(const struct master_logins *logins, uint64_t number)
{
    struct master_login *login;
    TAILQ_FOREACH (login, &logins->asked, link)
        if (login->number == number)
            break;
    return login;
}

void master_logins_on_done(struct gate *gate, struct message_master_login_done *done)
{
    struct master_logins *logins = &gate->broker.logins;
    struct master_login *login = master_logins_find(logins, done->number);
    if (login == NULL)
        return;
    master_login_leave(logins, login);
    login_on_master_login(login->session, done);
    master_logins_go_on(gate);
}

void master_logins_on_scram_first(struct gate *gate, const struct message_scram_first *first)
{
    struct master_login *login = master_logins_find(&gate->broker.logins, first->number);
    if (login != NULL)
        login_on_scram_first(login->session, first);
}

void master_logins_on_scram_proof(struct gate *gate, const struct message_scram_proof *proof)
{
    struct master_logins *logins = &gate->broker.logins;
    struct master_login *login = master_logins_find(logins, proof->number);
    if (login == NULL)
        return;
    master_login_leave(logins, login);
    login_on_scram_proof(login->session, proof);
    master_logins_go_on(gate);
}

void master_login_challenge(struct session *session, struct span challenge)
{
    struct message message = {.type = MESSAGE_scram_challenge,
                              .scram_challenge = {.number = session->login.master.number,
                                                  .message = challenge}};
    if (session->login.master.state == MASTER_LOGIN_ASKED)
        (void)channel_send(&session->gate->broker.channel, &message);
}

void master_logins_lose(struct gate *gate)
{
    struct master_logins *logins = &gate->broker.logins;
    struct master_login *login;
    while ((login = TAILQ_FIRST(&logins->asked)) != NULL ||
           (login = TAILQ_FIRST(&logins->waiting)) != NULL)
        master_login_fail(gate, login, "the broker is gone");
}
