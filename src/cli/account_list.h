/*
 * postern device list --without and --external: users instead of devices. All that the keeper knows is
 * fetched and chosen from here, since with --users the operator knows users that the keeper never saw.
 */
#ifndef POSTERN_CLI_ACCOUNT_LIST_H
#define POSTERN_CLI_ACCOUNT_LIST_H

#include "cli/control.h"

enum {
    ACCOUNT_LIST_OCTETS_MAX = 512 << 20, /* of memory: two million users */
};

/* login: the one user who is looked at; empty: all. Not together with --users. The exit status. */
int account_list(const struct arguments *arguments, struct keeper_link *link, struct span login);

#endif
