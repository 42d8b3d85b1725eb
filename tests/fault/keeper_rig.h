/*
 * Starts the real keeper in a directory of its own and plays its supervisor, its gates and the people
 * who command it. Everything waits for an answer with a deadline; what does not come fails the test.
 */
#ifndef POSTERN_TESTS_KEEPER_RIG_H
#define POSTERN_TESTS_KEEPER_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "channel/channel.h"

enum { RIG_GATES_MAX = 4, RIG_WAIT_MS = 20000, RIG_ORDINARY_ID = 65534 };

struct keeper_rig {
    char dir[64];      /* holds the state directory, the socket and the log */
    char state[80];    /* the keeper's root */
    char control[96];  /* path of the control socket */
    char log[80];      /* what the keeper wrote to standard error */
    pid_t pid;         /* 0: not running */
    int supervisor;    /* our end */
    int gates[RIG_GATES_MAX]; /* our ends; -1: none */
    uint64_t generation;
    enum login_enrolment enrolment; /* what rig_ask says of the way in */
    int64_t certificate_end_s;      /* and of the certificate */
    uint32_t sessions_per_user;
    uint32_t sessions_per_user_and_address;
    const char *operators;
    uint8_t packet[MESSAGE_PACKET_MAX]; /* what the last message's spans point into */
};

/* The directories; no keeper yet. */
void rig_open(struct keeper_rig *rig);
void rig_close(struct keeper_rig *rig);

/* Starts, configures and waits until configured. */
void rig_start(struct keeper_rig *rig);

/* Starts only. */
void rig_spawn(struct keeper_rig *rig);

/* Tells the whole configuration; the answer is received with rig_supervisor_receive. */
void rig_configure(struct keeper_rig *rig, const char *state);
struct message rig_supervisor_receive(struct keeper_rig *rig);

/* SIGKILL and reaped; our ends are closed. */
void rig_kill(struct keeper_rig *rig);

/* Asks it to finish; its exit status. */
int rig_stop(struct keeper_rig *rig);

/* A gate of that number joins. */
void rig_join(struct keeper_rig *rig, uint32_t gate);
void rig_gate_send(struct keeper_rig *rig, uint32_t gate, const struct message *message);
struct message rig_gate_receive(struct keeper_rig *rig, uint32_t gate);

/* True when nothing has come to the gate. */
bool rig_gate_is_quiet(struct keeper_rig *rig, uint32_t gate);

/* A connection to the control socket; -1 when refused by the system. */
int rig_connect(const struct keeper_rig *rig);
struct message rig_command_receive(struct keeper_rig *rig, int fd);

/* Sends a command on a connection of its own and receives its answer. */
struct message rig_command(struct keeper_rig *rig, const struct message *command);

/* --- Messages in short ---------------------------------------------------------------------------- */

struct rig_session {
    uint32_t gate;
    uint64_t id;
    const char *login;
    const char *address;
    uint8_t mark; /* the fingerprint's first octet; 0: no certificate */
};

/* Asks, and gives back the answer. */
enum login_answer_code rig_ask(struct keeper_rig *rig, struct rig_session session);

/* Asks, must be allowed, and starts. */
void rig_log_in(struct keeper_rig *rig, struct rig_session session);

void rig_announce(struct keeper_rig *rig, struct rig_session session);

/* Expects session_close for a session of the gate; its id. */
uint64_t rig_expect_close(struct keeper_rig *rig, uint32_t gate, const char *reason);

struct message rig_add_message(const char *login, const char *name, uint32_t mark, int64_t not_after_s);

/* Registers, and must be answered done. */
void rig_add(struct keeper_rig *rig, const char *login, const char *name, uint32_t mark);

struct message rig_revoke_message(const char *login, const char *name);

/* Revokes, must be answered done; how many sessions were told to close. */
uint64_t rig_revoke(struct keeper_rig *rig, const char *login, const char *name);

/* How often the log holds that text; whether it does. */
unsigned rig_log_count(const struct keeper_rig *rig, const char *text);
bool rig_log_has(const struct keeper_rig *rig, const char *text);

#endif
