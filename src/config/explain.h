/*
 * The configuration as it is in force: every setting, defaults included, as postern.conf
 * spells it.
 */
#ifndef POSTERN_CONFIG_EXPLAIN_H
#define POSTERN_CONFIG_EXPLAIN_H

#include "base/strbuf.h"
#include "config/config.h"

/*
 * Appends a text that is itself a valid postern.conf with the same meaning. Names files, shows none
 * of their content; absent settings without a default are left out.
 */
void config_explain(const struct config *config, struct strbuf *buf);

#endif
