/*
 * Groups and login rules of a configuration that nobody runs, read as the gates read them: their names
 * and files can be wrong, and a person wants to know which rule counts for whom.
 */
#ifndef POSTERN_CLI_CONFIG_RULES_H
#define POSTERN_CLI_CONFIG_RULES_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "config/config.h"

/*
 * Reads them all. Where user is not NULL, appends to text what is left to this user, a line a listener.
 * False with lines FILE:LINE: … in ret_errors.
 */
bool config_rules_explain(const struct config *config, const char *user, struct strbuf *text,
                          struct strbuf *ret_errors) MUST_USE;

#endif
