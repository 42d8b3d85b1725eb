/* Tests of broker/scram.h with the exchange of RFC 7677 section 3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "broker/scram.h"

#define NONCE     "rOprNGfwEbeRWgbNEkqO"
#define CHALLENGE "r=" NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"

static unsigned done_count;

static void on_done(struct scram_derivation *derivation, void *owner)
{
    auto_strbuf struct strbuf auth_message = STRBUF(1024);
    auto_strbuf struct strbuf proof = STRBUF(64);
    auto_strbuf struct strbuf verifier = STRBUF(64);
    strbuf_append(&auth_message, "n=user,r=" NONCE "," CHALLENGE ",");
    scram_append_final(&auth_message, SPAN("n,,"), SPAN(NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"));
    assert_true(scram_prove(derivation, strbuf_span(&auth_message), &proof, &verifier));
    assert_string_equal(strbuf_text(&proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    assert_string_equal(strbuf_text(&verifier), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    assert_ptr_equal(owner, &done_count);
    done_count++;
}

static void begin(struct scram_queue *queue, struct scram_derivation *derivation)
{
    struct scram_challenge challenge;
    assert_true(scram_parse_challenge(SPAN(CHALLENGE), SPAN(NONCE), &challenge));
    assert_true(scram_derive(queue, derivation, SPAN("pencil"), &challenge, on_done, &done_count));
}

static void test_several_are_derived_in_turn(void **state)
{
    (void)state;
    struct event_base *loop = event_base_new();
    struct scram_queue queue;
    struct scram_derivation one;
    struct scram_derivation given_up;
    struct scram_derivation two;
    scram_queue_init(&queue, loop);
    begin(&queue, &one);
    begin(&queue, &given_up);
    begin(&queue, &two);
    assert_int_equal(event_base_loop(loop, EVLOOP_ONCE), 0);
    assert_int_equal(done_count, 0); /* 4096 take more than one turn */
    scram_derivation_fini(&given_up);
    (void)event_base_dispatch(loop);
    assert_int_equal(done_count, 2);
    scram_derivation_fini(&one);
    scram_derivation_fini(&two);
    scram_queue_fini(&queue);
    event_base_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_are_derived_in_turn),
    };
    return cmocka_run_group_tests_name("scram", tests, NULL, NULL);
}
