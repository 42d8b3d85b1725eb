/* Lists of devices, accounts and sessions on their way to a command; see listing.h. */
#include "keeper/listing.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "keeper/keeper.h"
#include "keeper/standing.h"

/* A session may end before its turn, so it is kept by its number; devices and accounts stay for good. */
struct listed_session {
    uint64_t id;
    uint32_t gate;
};

struct listing {
    const struct keeper *keeper; /* NULL: a list of devices */
    bool is_of_accounts;
    size_t count;
    size_t next;
    uint64_t sent;
    union {
        const struct device **devices;
        const struct account **accounts;
        struct listed_session *sessions;
        void *items;
    };
};

static int compare_spans(struct span a, struct span b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.at, b.at, common);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static struct listing *listing_new(const struct keeper *keeper, size_t room, size_t size)
{
    struct listing *listing = calloc(1, sizeof *listing);
    if (listing == NULL)
        return NULL;
    listing->keeper = keeper;
    listing->items = calloc(room == 0 ? 1 : room, size);
    if (listing->items == NULL) {
        free(listing);
        return NULL;
    }
    return listing;
}

void listing_free(struct listing *listing)
{
    if (listing == NULL)
        return;
    free(listing->items);
    free(listing);
}

/* --- Devices ---------------------------------------------------------------------------------- */

static int compare_devices(const void *a, const void *b)
{
    const struct device *left = *(const struct device *const *)a;
    const struct device *right = *(const struct device *const *)b;
    int order = compare_spans(device_login(left), device_login(right));
    if (order == 0)
        order = compare_spans(device_name(left), device_name(right));
    return order != 0 ? order : (left->id > right->id) - (left->id < right->id);
}

struct listing *listing_of_devices(const struct devices *devices, struct span login)
{
    struct listing *listing = listing_new(NULL, devices->count, sizeof(const struct device *));
    if (listing == NULL)
        return NULL;
    for (size_t i = 0; i < devices->count; i++)
        if (login.len == 0 || span_equal(device_login(devices->all[i]), login))
            listing->devices[listing->count++] = devices->all[i];
    if (listing->count > 0)
        qsort(listing->items, listing->count, sizeof(const struct device *), compare_devices);
    return listing;
}

static void send_device(struct channel *channel, const struct device *device)
{
    char address[IP_TEXT_SIZE] = "";
    if (device->has_address)
        ip_format(&device->last_address, address);
    struct message row = {.type = MESSAGE_device_row,
                          .device_row = {.login = device_login(device),
                                         .name = device_name(device),
                                         .serial = device_serial(device),
                                         .added_s = device->added_s,
                                         .not_after_s = device->not_after_s,
                                         .last_used_s = device->last_used_s,
                                         .last_address = span_of(address),
                                         .revoked_s = device->revoked_s}};
    memcpy(row.device_row.fingerprint, device->fingerprint, sizeof row.device_row.fingerprint);
    (void)channel_send(channel, &row);
}

/* --- Accounts --------------------------------------------------------------------------------- */

static int compare_accounts(const void *a, const void *b)
{
    const struct account *left = *(const struct account *const *)a;
    const struct account *right = *(const struct account *const *)b;
    return compare_spans(account_login(left), account_login(right));
}

struct listing *listing_of_accounts(const struct keeper *keeper, struct span login)
{
    const struct accounts *accounts = &keeper->accounts;
    struct listing *listing = listing_new(keeper, accounts->count, sizeof(const struct account *));
    if (listing == NULL)
        return NULL;
    listing->is_of_accounts = true;
    for (size_t i = 0; i < accounts->count; i++)
        if (login.len == 0 || span_equal(account_login(accounts->all[i]), login))
            listing->accounts[listing->count++] = accounts->all[i];
    if (listing->count > 0)
        qsort(listing->items, listing->count, sizeof(const struct account *), compare_accounts);
    return listing;
}

static void send_account(const struct keeper *keeper, struct channel *channel,
                         const struct account *account)
{
    int64_t until_s = 0;
    enum account_standing standing =
        standing_of(&keeper->devices, account, clock_wall_s(), &until_s);
    struct message row = {.type = MESSAGE_account_row,
                          .account_row = {.login = account_login(account),
                                          .standing = (uint8_t)standing,
                                          .until_s = until_s,
                                          .last_login_s = account->last_login_s}};
    (void)channel_send(channel, &row);
}

/* --- Sessions --------------------------------------------------------------------------------- */

static int compare_sessions(const void *a, const void *b)
{
    const struct session *left = *(const struct session *const *)a;
    const struct session *right = *(const struct session *const *)b;
    int order = compare_spans(session_login(left), session_login(right));
    if (order == 0)
        order = (left->started_s > right->started_s) - (left->started_s < right->started_s);
    return order != 0 ? order : (left->id > right->id) - (left->id < right->id);
}

/* Gathers and sorts; how many there are. */
static size_t gather_sessions(const struct sessions *sessions, struct span login,
                              const struct session **all)
{
    size_t count = 0;
    const struct session *session;
    for (uint32_t gate = 0; gate < SESSIONS_GATES_MAX; gate++)
        LIST_FOREACH(session, &sessions->of_gate[gate], of_gate)
            if (session->started_s != 0 &&
                (login.len == 0 || span_equal(session_login(session), login)))
                all[count++] = session;
    if (count > 0)
        qsort((void *)all, count, sizeof(const struct session *), compare_sessions);
    return count;
}

struct listing *listing_of_sessions(const struct keeper *keeper, struct span login)
{
    size_t room = keeper->sessions.by_id.count;
    struct listing *listing = listing_new(keeper, room, sizeof(struct listed_session));
    const struct session **all = calloc(room == 0 ? 1 : room, sizeof(const struct session *));
    if (listing == NULL || all == NULL) {
        listing_free(listing);
        free((void *)all);
        return NULL;
    }
    listing->count = gather_sessions(&keeper->sessions, login, all);
    for (size_t i = 0; i < listing->count; i++)
        listing->sessions[i] = (struct listed_session){.id = all[i]->id, .gate = all[i]->gate};
    free((void *)all);
    return listing;
}

static void send_session(const struct keeper *keeper, struct channel *channel,
                         const struct session *session)
{
    const struct device *device =
        session->has_certificate ? devices_find(&keeper->devices, session->fingerprint) : NULL;
    struct message row = {
        .type = MESSAGE_session_row,
        .session_row = {.session = session->id,
                        .login = session_login(session),
                        .listener = session_listener(session),
                        .protocol = session->protocol,
                        .factor = session_factor(session),
                        .device = device == NULL ? SPAN_NONE : device_name(device),
                        .started_s = session->started_s}};
    memcpy(row.session_row.address, session->place->address.octets, sizeof row.session_row.address);
    (void)channel_send(channel, &row);
}

/* --- Sending ---------------------------------------------------------------------------------- */

static bool send_listed_session(struct listing *listing, struct channel *channel, size_t index)
{
    const struct session *session =
        sessions_find(&listing->keeper->sessions, listing->sessions[index].gate,
                      listing->sessions[index].id);
    if (session == NULL)
        return false;
    send_session(listing->keeper, channel, session);
    return true;
}

static void send_next(struct listing *listing, struct channel *channel)
{
    size_t index = listing->next++;
    bool is_sent = true;
    if (listing->keeper == NULL)
        send_device(channel, listing->devices[index]);
    else if (listing->is_of_accounts)
        send_account(listing->keeper, channel, listing->accounts[index]);
    else
        is_sent = send_listed_session(listing, channel, index);
    listing->sent += is_sent;
}

bool listing_send(struct listing *listing, struct channel *channel)
{
    while (channel_is_open(channel) && channel_is_flushed(channel) && listing->next < listing->count)
        send_next(listing, channel);
    if (listing->next < listing->count || !channel_is_flushed(channel))
        return false;
    struct message done = {.type = MESSAGE_done, .done = {.count = listing->sent}};
    (void)channel_send(channel, &done);
    return true;
}
