/* The commands of libexec/postern/pki: they make keys and certificates. */
#ifndef POSTERN_CLI_PKI_H
#define POSTERN_CLI_PKI_H

#include <stdint.h>

#include "cli/arguments.h"

/* A command: gets its words, gives the exit status. */
typedef int pki_command(const struct arguments *arguments);

pki_command pki_ca_init;
pki_command pki_device_add;

/* The option's number of days; otherwise when it is absent. False, said, when it is no number from 1
 * to most. */
bool pki_days(const struct arguments *arguments, unsigned otherwise, unsigned most,
              unsigned *ret_days) MUST_USE;

/* False, said, where an option that must be there is not. */
bool pki_demand(const struct arguments *arguments, const char *name) MUST_USE;

#endif
