/*
 * What a gate gets of the broker when it says the worst: the broker as it is installed, with a gate, a
 * keeper and a backend that the test plays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/log.h"
#include "broker_rig.h"
#include "certificate_maker.h"
#include "pki/client_certificate.h"

static struct made root;
static struct made stranger;
static X509_CRL *crl;
static struct broker_rig rig;

/* DER of one certificate; freed with the test program. */
static struct strbuf alice = {.cap = 8192};
static struct strbuf expired = {.cap = 8192};
static struct strbuf early = {.cap = 8192};
static struct strbuf listed = {.cap = 8192};
static struct strbuf server = {.cap = 8192};
static struct strbuf nameless = {.cap = 8192};
static struct strbuf master = {.cap = 8192};
static struct strbuf foreign = {.cap = 8192};

static X509 *make(struct made_request request, const char *mailbox, struct strbuf *der)
{
    auto_strbuf struct strbuf buf = STRBUF(1024);
    request.name = "somebody";
    if (request.issuer == NULL)
        request.issuer = &root;
    if (request.purposes == NULL)
        request.purposes = "clientAuth";
    request.names = mailbox == NULL ? SPAN_NONE : made_mailbox(mailbox, &buf);
    struct made made = made_certificate(&request);
    made_append_der(made.certificate, der);
    EVP_PKEY_free(made.key);
    return made.certificate;
}

static void make_certificates(void)
{
    root = made_certificate(&(struct made_request){.name = "Root", .is_ca = true, .path_length = -1});
    stranger = made_certificate(&(struct made_request){.name = "Root", .is_ca = true, .path_length = -1});
    X509 *revoked = make((struct made_request){.ends_s = 0}, "carol@example.org", &listed);
    X509_free(make((struct made_request){.ends_s = 0}, "alice@example.org", &alice));
    X509_free(make((struct made_request){.begins_s = -7200, .ends_s = -3600}, "alice@example.org", &expired));
    X509_free(make((struct made_request){.begins_s = 1800}, "alice@example.org", &early));
    X509_free(make((struct made_request){.purposes = "serverAuth"}, "alice@example.org", &server));
    X509_free(make((struct made_request){.ends_s = 0}, NULL, &nameless));
    X509_free(make((struct made_request){.ends_s = 0}, "postern", &master));
    X509_free(make((struct made_request){.issuer = &stranger}, "alice@example.org", &foreign));
    crl = made_crl(&root, revoked, -60, 3600);
    X509_free(revoked);
}

static int set_up(void **state)
{
    (void)state;
    rig_start(&rig, root.certificate, crl);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static void ask(uint64_t number, const char *listener, const struct strbuf *der)
{
    rig_ask(&rig, number, listener, strbuf_span(der), (uint32_t)der->len, SPAN_NONE);
}

/* Asks with alice's certificate, and the keeper allows it. */
static void ask_for_alice(uint64_t number)
{
    ask(number, "cert", &alice);
    rig_keeper_answer(&rig, rig_keeper_question(&rig).number, LOGIN_ALLOWED);
}

/* Takes ID and the credentials off the connection; they must be the master user's, for alice. */
static void expect_master_login(int fd)
{
    static const char message[] = "alice@example.org\0postern\0" RIG_MASTER_PASSWORD;
    auto_strbuf struct strbuf expected = STRBUF(256);
    assert_int_equal(strncmp(rig_backend_line(&rig, fd), "p3 ID (", 7), 0);
    strbuf_append(&expected, "p4 AUTHENTICATE PLAIN ");
    base64_encode(span_make(message, sizeof message - 1), &expected);
    assert_string_equal(rig_backend_line(&rig, fd), strbuf_text(&expected));
}

/* --- What it is for ------------------------------------------------------------------------------- */

static void test_a_certificate_opens_its_users_mailbox(void **state)
{
    (void)state;
    ask_for_alice(7);
    int backend = rig_backend_accept(&rig);
    expect_master_login(backend);
    rig_backend_say(backend, "p4 OK [CAPABILITY IMAP4rev1] in\r\n* OK more\r\n");
    struct message_master_login_done done = rig_answer(&rig);
    assert_int_equal(done.result, MASTER_LOGIN_DONE);
    assert_true(done.number == 7 && span_equal(done.login, SPAN("alice@example.org")));
    assert_true(span_equal(done.capabilities, SPAN("IMAP4rev1")));
    assert_true(done.socket >= 0);
    /* The connection itself came; what the backend says reaches who has it, in the answer or behind it. */
    assert_int_equal(write(done.socket, "x NOOP\r\n", 8), 8);
    assert_string_equal(rig_backend_line(&rig, backend), "x NOOP");
    (void)close(done.socket);
    rig_backend_expect_end(backend);
}

static void test_a_backend_that_refuses(void **state)
{
    (void)state;
    ask_for_alice(1);
    int backend = rig_backend_accept(&rig);
    expect_master_login(backend);
    rig_backend_say(backend, "p4 NO [AUTHORIZATIONFAILED] no\r\n");
    struct message_master_login_done done = rig_answer(&rig);
    assert_true(done.result == MASTER_LOGIN_REFUSED && done.socket < 0);
    rig_backend_expect_end(backend);
}

/* --- What no gate gets ---------------------------------------------------------------------------- */

/* The question came to that, and neither keeper nor backend has heard of it. */
static void expect_refusal(enum master_login_result result, enum certificate_refusal refusal)
{
    struct message_master_login_done done = rig_answer(&rig);
    assert_int_equal(done.result, result);
    assert_int_equal(done.refusal, refusal);
    assert_int_equal(done.socket, -1);
    assert_true(rig_is_quiet(rig.keeper) && rig_is_quiet(rig.backend));
}

static void test_certificates_that_are_no_good(void **state)
{
    (void)state;
    static const struct {
        const struct strbuf *der;
        enum certificate_refusal refusal;
    } rows[] = {
        {&expired, CERTIFICATE_EXPIRED},     {&early, CERTIFICATE_NOT_YET_VALID},
        {&listed, CERTIFICATE_REVOKED},      {&server, CERTIFICATE_WRONG_PURPOSE},
        {&nameless, CERTIFICATE_NO_NAME},    {&master, CERTIFICATE_BAD_NAME},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ask(i, "cert", rows[i].der);
        expect_refusal(MASTER_LOGIN_CERTIFICATE, rows[i].refusal);
    }
    ask(99, "cert", &foreign); /* of an authority that has the same name */
    expect_refusal(MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK);
}

static void test_what_is_no_certificate(void **state)
{
    (void)state;
    auto_strbuf struct strbuf altered = STRBUF(8192);
    struct span der = strbuf_span(&alice);
    rig_ask(&rig, 1, "cert", SPAN_NONE, 0, SPAN_NONE);
    expect_refusal(MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK);
    rig_ask(&rig, 2, "cert", SPAN("alice@example.org"), 17, SPAN_NONE);
    expect_refusal(MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK);
    rig_ask(&rig, 3, "cert", der, (uint32_t)der.len + 1, SPAN_NONE); /* says more than it sends */
    expect_refusal(MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK);
    rig_ask(&rig, 4, "cert", der, (uint32_t)der.len - 1, SPAN_NONE);
    expect_refusal(MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK);
    rig_ask(&rig, 5, "cert", der, UINT32_MAX, SPAN_NONE);
    expect_refusal(MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK);
    /* Another user's name under alice's signature. */
    strbuf_append_span(&altered, der);
    char *name = memmem(altered.at, altered.len, "alice@", 6);
    assert_non_null(name);
    memcpy(name, "carol@", 6);
    rig_ask(&rig, 6, "cert", strbuf_span(&altered), (uint32_t)altered.len, SPAN_NONE);
    struct message_master_login_done done = rig_answer(&rig);
    assert_true(done.result != MASTER_LOGIN_DONE && done.socket < 0);
    assert_true(rig_is_quiet(rig.keeper) && rig_is_quiet(rig.backend));
}

static void test_a_listener_that_wants_more_than_a_certificate(void **state)
{
    (void)state;
    ask(1, "both", &alice);
    expect_refusal(MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK);
    ask(2, "nowhere", &alice);
    expect_refusal(MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK);
}

static void test_a_user_whose_rule_wants_more_than_a_certificate(void **state)
{
    (void)state;
    ask(1, "ruled", &alice);
    expect_refusal(MASTER_LOGIN_REFUSED, CERTIFICATE_OK);
    ask(2, "closed", &alice);
    expect_refusal(MASTER_LOGIN_REFUSED, CERTIFICATE_OK);
    assert_true(rig_is_quiet(rig.keeper));
    ask(3, "observed", &alice);
    (void)rig_keeper_question(&rig);
}

static void test_what_is_said_of_the_client_becomes_no_command(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\"a\" \"b\")\r\np9 LOGOUT\r\np8 ID (\"c\" \"d\" ", "\"a\" {3+}\r\nabc ", "\"a\" \"b\r\n\" ",
        "\"a\" \"b ", "x", "\"a\" \"b\" \"a\" \"c\" ",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        rig_ask(&rig, i, "cert", strbuf_span(&alice), (uint32_t)alice.len, span_of(texts[i]));
        /* A literal may be read; then it does not go on. */
        if (strchr(texts[i], '{') == NULL) {
            expect_refusal(MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK);
            continue;
        }
        rig_keeper_answer(&rig, rig_keeper_question(&rig).number, LOGIN_ALLOWED);
        int backend = rig_backend_accept(&rig);
        assert_null(strstr(rig_backend_line(&rig, backend), "{"));
        (void)close(backend);
        (void)rig_answer(&rig);
    }
}

static void test_the_keeper_has_the_last_word(void **state)
{
    (void)state;
    uint8_t fingerprint[CERTIFICATE_FINGERPRINT_SIZE];
    const unsigned char *at = (const unsigned char *)alice.at;
    X509 *certificate = d2i_X509(NULL, &at, (long)alice.len);
    assert_true(certificate_fingerprint(certificate, fingerprint));
    X509_free(certificate);
    ask(1, "cert", &alice);
    struct message_device_ask question = rig_keeper_question(&rig);
    assert_memory_equal(question.fingerprint, fingerprint, sizeof fingerprint);
    rig_keeper_answer(&rig, question.number, LOGIN_DEVICE_REVOKED);
    expect_refusal(MASTER_LOGIN_CERTIFICATE, CERTIFICATE_REVOKED);
    ask(2, "cert", &alice);
    rig_keeper_answer(&rig, rig_keeper_question(&rig).number, LOGIN_STATE_UNAVAILABLE);
    expect_refusal(MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK);
    ask(3, "cert", &alice);
    (void)rig_keeper_question(&rig);
    expect_refusal(MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK); /* it does not answer */
}

static void test_no_more_at_once_than_are_allowed(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= MASTER_LOGINS_MAX; i++)
        ask(i, "cert", &alice);
    ask(1000, "cert", &alice);
    assert_true(rig_answer(&rig).number == 1000);
    /* The keeper says nothing: the others end with their time. */
    for (uint64_t i = 1; i <= MASTER_LOGINS_MAX; i++) {
        (void)rig_keeper_question(&rig);
        assert_int_equal(rig_answer(&rig).result, MASTER_LOGIN_UNAVAILABLE);
    }
    ask_for_alice(1001);
    (void)close(rig_backend_accept(&rig));
    (void)rig_answer(&rig);
}

/* --- A backend under TLS: the gate has the connection ------------------------------------------------ */

/* Asks for alice there; the exchange's nonce is appended. */
static void begin_exchange(uint64_t number, struct strbuf *nonce)
{
    static const char opening[] = "n,a=alice@example.org,n=postern,r=";
    ask(number, "tls", &alice);
    rig_keeper_answer(&rig, rig_keeper_question(&rig).number, LOGIN_ALLOWED);
    struct message first = rig_gate_receive(&rig);
    assert_int_equal(first.type, MESSAGE_scram_first);
    assert_true(first.scram_first.number == number);
    assert_true(span_equal(first.scram_first.login, SPAN("alice@example.org")));
    assert_true(span_starts_nocase(first.scram_first.message, span_of(opening)));
    strbuf_append_span(nonce, span_from(first.scram_first.message, sizeof opening - 1));
    assert_true(nonce->len >= 20);
}

static void challenge(uint64_t number, const char *before, const struct strbuf *nonce, const char *behind)
{
    auto_strbuf struct strbuf text = STRBUF(1024);
    strbuf_append(&text, before);
    strbuf_append_span(&text, strbuf_span(nonce));
    strbuf_append(&text, behind);
    struct message message = {
        .type = MESSAGE_scram_challenge,
        .scram_challenge = {.number = number, .message = strbuf_span(&text)}};
    assert_int_equal(channel_send_blocking(rig.gate, &message), 0);
}

static void test_an_exchange_is_proven_once(void **state)
{
    (void)state;
    auto_strbuf struct strbuf nonce = STRBUF(256);
    begin_exchange(1, &nonce);
    challenge(1, "r=", &nonce, "server,s=c2FsdA==,i=4096");
    struct message proof = rig_gate_receive(&rig);
    assert_int_equal(proof.type, MESSAGE_scram_proof);
    assert_true(span_starts_nocase(proof.scram_proof.message, SPAN("c=")));
    assert_true(span_starts_nocase(proof.scram_proof.verifier, SPAN("v=")));
    challenge(1, "r=", &nonce, "server,s=c2FsdA==,i=4096"); /* it is over: nobody answers */
    ask(2, "nowhere", &alice);
    assert_true(rig_answer(&rig).number == 2);
    assert_true(rig_is_quiet(rig.backend));
}

static void test_challenges_that_would_ease_guessing(void **state)
{
    (void)state;
    static const char *const behind[] = {"server,s=c2FsdA==,i=1", "server,s=c2FsdA==,i=4095",
                                         "server,s=c2FsdA==,i=100001", "server,s=,i=4096", ",s=c2FsdA==,i=4096"};
    for (uint64_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        auto_strbuf struct strbuf nonce = STRBUF(256);
        begin_exchange(i, &nonce);
        challenge(i, "r=", &nonce, behind[i]);
        expect_refusal(MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK);
    }
    auto_strbuf struct strbuf nonce = STRBUF(256);
    begin_exchange(10, &nonce);
    challenge(10, "r=another", &nonce, "server,s=c2FsdA==,i=4096");
    expect_refusal(MASTER_LOGIN_UNAVAILABLE, CERTIFICATE_OK);
    challenge(11, "r=", &nonce, "server,s=c2FsdA==,i=4096"); /* of an exchange that never was */
    assert_true(rig_is_quiet(rig.gate));
}

static void test_nobody_waits_for_long_derivations(void **state)
{
    (void)state;
    enum { EXCHANGES = 32 };
    for (uint64_t i = 0; i < EXCHANGES; i++) {
        auto_strbuf struct strbuf nonce = STRBUF(256);
        begin_exchange(i, &nonce);
        challenge(i, "r=", &nonce, "server,s=c2FsdA==,i=100000");
    }
    struct message sign = {.type = MESSAGE_sign_ask, .sign_ask = {.number = 1}};
    assert_int_equal(channel_send_blocking(rig.signing, &sign), 0);
    struct message answer;
    assert_int_equal(channel_receive_blocking(rig.signing, ROLE_GATE, ROLE_BROKER, RIG_WAIT_MS, rig.packet,
                                              &answer),
                     0);
    assert_int_equal(answer.type, MESSAGE_sign_answer);
    assert_true(rig_is_quiet(rig.gate)); /* not one is derived yet */
}

/* --- Giving up ------------------------------------------------------------------------------------ */

static void test_what_is_cancelled_is_not_answered(void **state)
{
    (void)state;
    ask(1, "cert", &alice);
    uint64_t question = rig_keeper_question(&rig).number;
    rig_cancel(&rig, 1);
    rig_cancel(&rig, 1);
    rig_cancel(&rig, 5);
    ask_for_alice(2);
    rig_keeper_answer(&rig, question, LOGIN_ALLOWED); /* to nobody */
    int backend = rig_backend_accept(&rig);
    expect_master_login(backend);
    rig_cancel(&rig, 2);
    rig_backend_expect_end(backend);
    ask(3, "nowhere", &alice);
    assert_true(rig_answer(&rig).number == 3);
}

static void test_a_gate_that_goes_leaves_nothing(void **state)
{
    (void)state;
    ask_for_alice(1);
    int backend = rig_backend_accept(&rig);
    expect_master_login(backend);
    (void)close(rig.gate);
    rig.gate = -1;
    rig_backend_expect_end(backend);
}

static void test_a_gate_that_says_what_it_may_not_is_cut_off(void **state)
{
    (void)state;
    struct message forged = {.type = MESSAGE_device_answer, .device_answer = {.answer = LOGIN_ALLOWED}};
    struct message answer;
    ask(1, "cert", &alice);
    (void)rig_keeper_question(&rig);
    assert_int_equal(channel_send_blocking(rig.gate, &forged), 0);
    assert_true(channel_receive_blocking(rig.gate, ROLE_GATE, ROLE_BROKER, RIG_WAIT_MS, rig.packet,
                                         &answer) < 0);
    assert_true(rig_is_quiet(rig.backend));
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_a_certificate_opens_its_users_mailbox),
        ROW(test_a_backend_that_refuses),
        ROW(test_certificates_that_are_no_good),
        ROW(test_what_is_no_certificate),
        ROW(test_a_listener_that_wants_more_than_a_certificate),
        ROW(test_a_user_whose_rule_wants_more_than_a_certificate),
        ROW(test_what_is_said_of_the_client_becomes_no_command),
        ROW(test_the_keeper_has_the_last_word),
        ROW(test_no_more_at_once_than_are_allowed),
        ROW(test_an_exchange_is_proven_once),
        ROW(test_challenges_that_would_ease_guessing),
        ROW(test_nobody_waits_for_long_derivations),
        ROW(test_what_is_cancelled_is_not_answered),
        ROW(test_a_gate_that_goes_leaves_nothing),
        ROW(test_a_gate_that_says_what_it_may_not_is_cut_off),
    };
    make_certificates();
    int failed = cmocka_run_group_tests_name("broker", tests, NULL, NULL);
    X509_CRL_free(crl);
    made_free(&root);
    made_free(&stranger);
    struct strbuf *all[] = {&alice, &expired, &early, &listed, &server, &nameless, &master, &foreign};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        strbuf_fini(all[i]);
    return failed;
}
