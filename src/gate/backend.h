/*
 * The servers behind the gate: their addresses, which of them answer, and one connection to one of
 * them up to the point where it can be spoken to (PROXY header, TLS). What is said then is in
 * backend_login.c.
 */
#ifndef POSTERN_GATE_BACKEND_H
#define POSTERN_GATE_BACKEND_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"
#include "gate/settings.h"

/* Read the parts of a configure_backend message; complain to settings about what is wrong. */
void backend_take_addresses(struct settings *settings, struct backend *backend, struct span lines);
void backend_take_files(struct settings *settings, struct backend *backend, int master_password_fd,
                        int ca_fd);

/* True when the backend has a master user: a certificate alone can log in. */
bool backend_has_master(const struct backend *backend);

/*
 * A connecting socket to the address, non-blocking, with its options set; -errno when it can't even
 * be tried.
 */
int backend_connect(const struct backend_address *address) MUST_USE;

/* Notes whether the address answered; a change is logged once. why: a phrase, when it did not. */
void backend_note(struct backend *backend, struct backend_address *address, bool is_up,
                  const char *why);

/*
 * The next address to try for one login: those that answered last time come first, in the order of the
 * configuration, then the others. *tried, a bit an address, remembers; it begins as 0. NULL when all
 * were tried.
 */
struct backend_address *backend_choose(struct backend *backend, uint32_t *tried);

#endif
