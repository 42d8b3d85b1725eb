/*
 * Starts the real broker and plays all that it talks to: supervisor, keeper, a gate that says whatever the
 * test wants, and an IMAP backend. Everything waits for an answer with a deadline; what does not come fails
 * the test.
 */
#ifndef POSTERN_TESTS_BROKER_RIG_H
#define POSTERN_TESTS_BROKER_RIG_H

#include <openssl/x509.h>
#include <stdint.h>
#include <sys/types.h>

#include "channel/channel.h"

enum { RIG_WAIT_MS = 20000, RIG_LOGIN_MS = 3000, RIG_LINE_MAX = 4096 };

#define RIG_MASTER_PASSWORD "master secret"

struct broker_rig {
    pid_t pid;
    char root[32]; /* an empty directory */
    int supervisor; /* our ends */
    int keeper;
    int gate;
    int signing;
    int backend; /* listens */
    uint8_t packet[MESSAGE_PACKET_MAX]; /* what the last message's spans point into */
    char line[RIG_LINE_MAX];            /* the last that the backend read */
};

/*
 * Starts the broker with one authority and its CRL (NULL: none); listener "cert" takes a certificate alone,
 * "both" a certificate with a password, "tls" a certificate towards a backend under TLS. The backend's health
 * check is over.
 */
void rig_start(struct broker_rig *rig, X509 *authority, X509_CRL *crl);
void rig_stop(struct broker_rig *rig);

/* The gate asks. certificates: DER, of which the first octets are the user's own. */
void rig_ask(struct broker_rig *rig, uint64_t number, const char *listener, struct span certificates,
             uint32_t octets, struct span client_id);
void rig_cancel(struct broker_rig *rig, uint64_t number);

/* The answer to the gate. */
struct message_master_login_done rig_answer(struct broker_rig *rig);

/* Whatever comes to the gate. */
struct message rig_gate_receive(struct broker_rig *rig);

/* The question to the keeper, and its answer. */
struct message_device_ask rig_keeper_question(struct broker_rig *rig);
void rig_keeper_answer(struct broker_rig *rig, uint64_t number, enum login_answer_code answer);

/* A connection to the backend, greeted. */
int rig_backend_accept(struct broker_rig *rig);

/* A line of it, without its end; in rig->line. */
const char *rig_backend_line(struct broker_rig *rig, int fd);
void rig_backend_say(int fd, const char *text);

/* Waits for the other side to close. */
void rig_backend_expect_end(int fd);

/* True when nothing can be read there. */
bool rig_is_quiet(int fd);

#endif
