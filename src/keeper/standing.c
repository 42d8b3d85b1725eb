/* Who is enrolled, from devices and accounts together; see standing.h. Called by listing.c. */
#include "keeper/standing.h"

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

enum account_standing standing_of(const struct devices *devices, const struct account *account,
                                  int64_t now_s, int64_t *ret_until_s)
{
    int64_t until_s = 0;
    bool has_revoked = false;
    const struct device *device = NULL;
    while ((device = devices_of_login(devices, account_login(account), device)) != NULL) {
        if (device->revoked_s != 0)
            has_revoked = true;
        else
            until_s = later(until_s, device->not_after_s);
    }
    bool is_enrolled = until_s != 0 && until_s >= now_s;
    if (!is_enrolled)
        until_s = later(until_s, account->certificate_until_s);
    *ret_until_s = until_s;
    if (is_enrolled)
        return ACCOUNT_ENROLLED;
    if (until_s != 0)
        return until_s >= now_s ? ACCOUNT_FOREIGN : ACCOUNT_EXPIRED;
    return has_revoked ? ACCOUNT_REVOKED : ACCOUNT_WITHOUT;
}
