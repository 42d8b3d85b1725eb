/* The kinds of fields that values are kept in; see struct storage in values.h. */
#ifndef POSTERN_CONFIG_STORAGE_H
#define POSTERN_CONFIG_STORAGE_H

#include "config/values.h"

extern const struct storage storage_text;     /* char * */
extern const struct storage storage_texts;    /* struct config_strings */
extern const struct storage storage_number;   /* uint32_t */
extern const struct storage storage_duration; /* uint32_t, milliseconds */
extern const struct storage storage_overdue;  /* uint32_t, milliseconds; 0 is "refuse" */
extern const struct storage storage_term;     /* uint32_t or enum, spelled by the setting's terms */
extern const struct storage storage_bool;
extern const struct storage storage_backend;  /* size_t: index of a backend */
extern const struct storage storage_factors;  /* unsigned *, count apart */
extern const struct storage storage_prefixes; /* struct ip_prefix *, count apart */

/* The word for no time at all where a list is overdue. */
extern const char overdue_refuse[];

#endif
