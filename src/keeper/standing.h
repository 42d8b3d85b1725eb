/* How a user stands: whether a certificate lets in, and if not, what became of the last one. */
#ifndef POSTERN_KEEPER_STANDING_H
#define POSTERN_KEEPER_STANDING_H

#include <stdint.h>

#include "channel/message.h"
#include "keeper/accounts.h"
#include "keeper/devices.h"

/*
 * ret_until_s: the latest end of the certificates that make the standing; 0 where there are none. A
 * registered device goes before another authority's certificate.
 */
enum account_standing standing_of(const struct devices *devices, const struct account *account,
                                  int64_t now_s, int64_t *ret_until_s);

#endif
