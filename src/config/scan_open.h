/* The head of a section: is there such a section, and may it begin here? A part of scan.c. */
#ifndef POSTERN_CONFIG_SCAN_OPEN_H
#define POSTERN_CONFIG_SCAN_OPEN_H

#include "config/reading.h"
#include "config/token.h"

/*
 * Adds the section with that head and title (TOKEN_END: none) to what was found, and returns its
 * place there. NULL after a mistake.
 */
struct found *scan_open(struct reading *reading, struct tokens *tokens, struct token head,
                        struct token title);

#endif
