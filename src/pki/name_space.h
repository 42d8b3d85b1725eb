/*
 * The users whom an authority may name: all of some domains, and single ones. A certificate that names
 * anybody else is refused, however good it is: who runs one authority is not to become the users of
 * another.
 */
#ifndef POSTERN_PKI_NAME_SPACE_H
#define POSTERN_PKI_NAME_SPACE_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/span.h"

enum { NAME_OCTETS_MAX = 320 /* as long as a login may be */ };

/* Both one a line, owned elsewhere. Both empty: everybody. */
struct name_space {
    struct span domains; /* lower case, in their A-labels; without their subdomains */
    struct span users;   /* lower case, with a domain */
};

/*
 * Whether a name can be a login at all: visible ASCII with one "@" inside, and neither "\" nor "*",
 * which would make it another's. The grammar of logins is login_name.h's, and makes of such a name no
 * more than lower case.
 */
bool name_is_login(struct span name) MUST_USE;

/* Whether that name, which is one, is among them; ASCII letters folded. */
bool name_space_holds(const struct name_space *space, struct span name) MUST_USE;

#endif
