/*
 * A command's connection to the running keeper, through the control socket. Every wait has a deadline;
 * what goes wrong is said in one line on standard error.
 */
#ifndef POSTERN_CLI_KEEPER_LINK_H
#define POSTERN_CLI_KEEPER_LINK_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "channel/message.h"

#define KEEPER_LINK_SOCKET "/run/postern/control" /* where it is when nobody says otherwise */

enum {
    KEEPER_LINK_WAIT_MS = 20000, /* for one message; a disk may be slow */
    KEEPER_LINK_NAMES_MAX = 8192,
};

struct keeper_link {
    int fd; /* -1: not open */
    const char *path;
    struct strbuf default_domain; /* the running configuration's, for keeper_link_login */
    struct strbuf netbios_domains;
    struct strbuf hostname;
    uint8_t packet[MESSAGE_PACKET_MAX]; /* what the spans of the last message point into */
};

/* Connects to path (NULL: KEEPER_LINK_SOCKET) and greets. False, said, with nothing left open. */
bool keeper_link_open(struct keeper_link *link, const char *path) MUST_USE;
void keeper_link_close(struct keeper_link *link);

/* Appends the canonical login of what a person typed. False, said, when it is none. */
bool keeper_link_login(const struct keeper_link *link, const char *typed,
                       struct strbuf *login) MUST_USE;

/* The same, saying nothing: what is wrong with the name; NULL: nothing is. */
const char *keeper_link_canonicalise(const struct keeper_link *link, struct span typed,
                                     struct strbuf *login) MUST_USE;

/* Sends one message. False, said. */
bool keeper_link_send(struct keeper_link *link, const struct message *message) MUST_USE;

/* Receives one message. False, said, also when it is failed: its text is what is said. */
bool keeper_link_receive(struct keeper_link *link, struct message *ret_message) MUST_USE;

/* Sends a command that is answered by done alone. */
bool keeper_link_command(struct keeper_link *link, const struct message *message,
                         uint64_t *ret_count) MUST_USE;

#endif
