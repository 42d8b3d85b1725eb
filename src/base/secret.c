/* Wiped, constant-time secrets; see secret.h. */
#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int secret_set(struct secret *secret, struct span bytes)
{
    secret_fini(secret);
    if (bytes.len == 0)
        return 0;
    secret->at = malloc(bytes.len);
    if (secret->at == NULL)
        return -ENOMEM;
    memcpy(secret->at, bytes.at, bytes.len);
    secret->len = bytes.len;
    return 0;
}

void secret_fini(struct secret *secret)
{
    if (secret->at != NULL) {
        explicit_bzero(secret->at, secret->len);
        free(secret->at);
    }
    *secret = (struct secret){NULL, 0};
}

bool secret_equal(struct span a, struct span b)
{
    volatile uint8_t difference = 0;
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        difference = (uint8_t)(difference | (a.at[i] ^ b.at[i]));
    return difference == 0;
}
