/* What values can't say alone: whether the settings fit together. */
#ifndef POSTERN_CONFIG_CHECK_H
#define POSTERN_CONFIG_CHECK_H

#include "config/reading.h"

/*
 * Adds a mistake for each disagreement, among all sections of a configuration that has been read.
 * Settings whose own value was refused are left out: they have their mistake.
 */
void check_all(struct reading *reading);

#endif
