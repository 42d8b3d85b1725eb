/*
 * Types of values: how each is read from its text, kept in its field, printed back and freed. A
 * setting's row in settings.def names one of them.
 */
#ifndef POSTERN_CONFIG_VALUES_H
#define POSTERN_CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/ip.h"
#include "base/strbuf.h"
#include "config/reading.h"
#include "config/settings.h"

enum { SOCKET_OCTETS = 107 }; /* most of a unix socket's path: sun_path, less its NUL */

/* A value on its way in: what it says, where, and for which setting. */
struct value_in {
    struct reading *reading;
    const struct setting *setting;
    struct span text;
    int line;
};

/* What a value means: one of these, as its type's storage takes it. */
struct value_out {
    struct strbuf text;
    uint32_t number;
    struct ip_prefix prefix;
};

/* How fields of one kind are kept. base is the section's struct. */
struct storage {
    bool is_list;
    bool (*store)(const struct setting *setting, void *base,
                  struct value_out *value); /* false: no memory */
    void (*print)(const struct config *config, const struct setting *setting, const void *base,
                  struct strbuf *buf); /* as the file spells it; nothing for an absent one */
    void (*drop)(const struct setting *setting, void *base);
};

struct value_type {
    const char *form; /* for the manual: "duration"; NULL: one of the setting's terms */
    const struct storage *storage;
    bool (*parse)(const struct value_in *in, struct value_out *ret_out); /* false: mistake added */
    const char *prefix; /* stands before the kept text in the file; NULL: nothing */
    bool is_private;    /* what is no path does not stand in messages: it may be a password */
};

extern const struct value_type value_number, value_duration, value_overdue, value_bool, value_term, value_protocol,
    value_language, value_domain, value_domains, value_netbios, value_state, value_path,
    value_socket, value_file, value_files, value_secret_file, value_secret_files, value_user,
    value_users, value_addresses, value_binds, value_tls_name, value_master_user, value_separator,
    value_backend, value_logins, value_prefixes, value_oids, value_mailboxes, value_pattern, value_names,
    value_members, value_groups, value_listeners;

/* Adds a mistake SETTING "VALUE" TEXT, or SETTING TEXT for what is_private hides; returns false. */
bool value_refuse(const struct value_in *in, const char *format, ...) PRINTF_LIKE(2, 3);

/* Reads one value into its field below base. False after a mistake. */
bool value_read(const struct value_in *in, void *base) MUST_USE;

/* Prints the setting's field as the file would spell it; nothing when it is absent. */
void value_print(const struct config *config, const struct setting *setting, const void *base,
                 struct strbuf *buf);

/* The field of a number, duration or word. */
uint32_t setting_number(const struct setting *setting, const void *base);

/* Sets it. */
void setting_set_number(const struct setting *setting, void *base, uint32_t value);

/* Frees what the field owns. */
void value_drop(const struct setting *setting, void *base);

#endif
