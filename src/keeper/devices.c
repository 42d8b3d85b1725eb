/*
 * Devices in memory over the store; see devices.h. Called by gate_link.c at each login with a
 * certificate, and by the commands of people.
 */
#include "keeper/devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/invariant.h"
#include "base/utf8.h"

enum { DAY_S = 86400 };

/* --- In memory -------------------------------------------------------------------------------- */

static struct span local_part(struct span login)
{
    return span_cut(&login, '@');
}

static uint64_t fingerprint_hash(const struct devices *devices, const uint8_t *fingerprint)
{
    return hash_span(&devices->key, span_make(fingerprint, STORE_FINGERPRINT_SIZE));
}

/* Makes room for one more in the list of all. */
static bool devices_make_room(struct devices *devices)
{
    if (devices->count < devices->room)
        return true;
    if (devices->count >= DEVICES_MAX)
        return false;
    size_t room = devices->room == 0 ? 256 : devices->room * 2;
    struct device **all = realloc(devices->all, room * sizeof(struct device *));
    if (all == NULL)
        return false;
    devices->all = all;
    devices->room = room;
    return true;
}

static void append_text(struct device *device, size_t *offset, struct span text)
{
    if (text.len > 0)
        memcpy(device->texts + *offset, text.at, text.len);
    *offset += text.len;
}

static bool stored_device_fits(const struct stored_device *stored)
{
    return stored->login.len <= DEVICE_LOGIN_MAX && stored->name.len <= DEVICE_NAME_MAX &&
           stored->serial.len <= DEVICE_SERIAL_MAX && stored->warned_days >= 0 &&
           stored->warned_days <= DEVICE_WARN_DAYS;
}

/* A device that is in no table yet. NULL without memory, or for a row that no release of ours wrote. */
static struct device *device_new(const struct stored_device *stored)
{
    if (!stored_device_fits(stored))
        return NULL;
    struct device *device =
        malloc(sizeof *device + stored->login.len + stored->name.len + stored->serial.len);
    if (device == NULL)
        return NULL;
    *device = (struct device){.login_len = (uint16_t)stored->login.len,
                              .name_len = (uint8_t)stored->name.len,
                              .serial_len = (uint8_t)stored->serial.len,
                              .id = stored->id,
                              .added_s = stored->added_s,
                              .not_after_s = stored->not_after_s,
                              .last_used_s = stored->last_used_s,
                              .noted_s = stored->last_used_s,
                              .revoked_s = stored->revoked_s,
                              .warned_days = (uint8_t)stored->warned_days};
    device->has_address = ip_parse(stored->last_address, &device->last_address);
    memcpy(device->fingerprint, stored->fingerprint, sizeof device->fingerprint);
    size_t offset = 0;
    append_text(device, &offset, stored->login);
    append_text(device, &offset, stored->name);
    append_text(device, &offset, stored->serial);
    return device;
}

/* Room has been made. */
static void devices_link(struct devices *devices, struct device *device)
{
    invariant(devices->count < devices->room);
    devices->all[devices->count++] = device;
    hash_table_insert(&devices->by_fingerprint, &device->by_fingerprint,
                      fingerprint_hash(devices, device->fingerprint));
    hash_table_insert(&devices->by_login, &device->by_login,
                      hash_span(&devices->key, device_login(device)));
    hash_table_insert(&devices->by_local, &device->by_local,
                      hash_span(&devices->key, local_part(device_login(device))));
}

static bool devices_take_row(const struct stored_device *stored, void *owner)
{
    struct devices *devices = owner;
    struct device *device = devices_make_room(devices) ? device_new(stored) : NULL;
    if (device == NULL)
        return false;
    devices_link(devices, device);
    return true;
}

bool devices_open(struct devices *devices, const char *file, struct strbuf *ret_reason)
{
    *devices = (struct devices){.store = NULL};
    if (hash_key_draw(&devices->key) != 0 || hash_table_init(&devices->by_fingerprint) != 0 ||
        hash_table_init(&devices->by_login) != 0 || hash_table_init(&devices->by_local) != 0) {
        strbuf_append(ret_reason, "state database: out of memory");
        devices_close(devices);
        return false;
    }
    devices->store = store_open(file, ret_reason);
    if (devices->store == NULL ||
        !store_read_devices(devices->store, devices_take_row, devices, ret_reason)) {
        devices_close(devices);
        return false;
    }
    return true;
}

void devices_release(struct devices *devices)
{
    store_close(take(&devices->store));
}

void devices_close(struct devices *devices)
{
    devices_release(devices);
    for (size_t i = 0; i < devices->count; i++)
        free(devices->all[i]);
    free(devices->all);
    hash_table_fini(&devices->by_fingerprint);
    hash_table_fini(&devices->by_login);
    hash_table_fini(&devices->by_local);
    *devices = (struct devices){.store = NULL};
}

/* --- Finding ---------------------------------------------------------------------------------- */

struct device *devices_find(const struct devices *devices,
                            const uint8_t fingerprint[STORE_FINGERPRINT_SIZE])
{
    struct hash_link *link =
        hash_table_first(&devices->by_fingerprint, fingerprint_hash(devices, fingerprint));
    for (; link != NULL; link = hash_table_next(link)) {
        struct device *device = hash_holder(link, struct device, by_fingerprint);
        if (memcmp(device->fingerprint, fingerprint, STORE_FINGERPRINT_SIZE) == 0)
            return device;
    }
    return NULL;
}

/* Some programs print a serial number without the zeros that it begins with. */
static struct span serial_digits(struct span serial)
{
    while (serial.len > 1 && serial.at[0] == '0')
        serial = span_from(serial, 1);
    return serial;
}

static bool device_is_meant(const struct device *device, struct span login, struct span name,
                            struct span serial)
{
    if (!span_equal(device_login(device), login))
        return false;
    if (name.len > 0 && !span_equal(device_name(device), name))
        return false;
    return name.len > 0 ||
           span_equal_nocase(serial_digits(device_serial(device)), serial_digits(serial));
}

struct device *devices_find_named(const struct devices *devices, struct span login,
                                  struct span name, struct span serial)
{
    struct device *revoked = NULL;
    struct hash_link *link = hash_table_first(&devices->by_login, hash_span(&devices->key, login));
    for (; link != NULL; link = hash_table_next(link)) {
        struct device *device = hash_holder(link, struct device, by_login);
        if (!device_is_meant(device, login, name, serial))
            continue;
        if (device->revoked_s == 0)
            return device;
        if (revoked == NULL)
            revoked = device;
    }
    return revoked;
}

const struct device *devices_of_login(const struct devices *devices, struct span login,
                                      const struct device *after)
{
    struct hash_link *link =
        after == NULL ? hash_table_first(&devices->by_login, hash_span(&devices->key, login))
                      : hash_table_next(&after->by_login);
    for (; link != NULL; link = hash_table_next(link)) {
        const struct device *device = hash_holder(link, struct device, by_login);
        if (span_equal(device_login(device), login))
            return device;
    }
    return NULL;
}

static bool device_is_valid(const struct device *device, int64_t now_s)
{
    return device->revoked_s == 0 && device->not_after_s >= now_s;
}

bool devices_has_valid(const struct devices *devices, struct span login, bool is_local_enough,
                       int64_t now_s)
{
    struct span local = local_part(login);
    struct hash_link *link =
        hash_table_first(&devices->by_local, hash_span(&devices->key, local));
    for (; link != NULL; link = hash_table_next(link)) {
        const struct device *device = hash_holder(link, struct device, by_local);
        struct span owner = device_login(device);
        bool is_owner = is_local_enough ? span_equal(local_part(owner), local)
                                        : span_equal(owner, login);
        if (is_owner && device_is_valid(device, now_s))
            return true;
    }
    return false;
}

/* --- Changes ---------------------------------------------------------------------------------- */

static bool is_hexadecimal(struct span digits)
{
    for (size_t i = 0; i < digits.len; i++) {
        uint8_t c = ascii_lower(digits.at[i]);
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
            return false;
    }
    return true;
}

/* A sentence where facts are none that a device may have; NULL when they are fine. */
static const char *device_facts_fault(const struct device_facts *facts)
{
    if (facts->login.len == 0 || facts->login.len > DEVICE_LOGIN_MAX || !utf8_is_clean(facts->login))
        return "a device needs a user: up to 320 octets without control characters";
    if (facts->name.len == 0 || facts->name.len > DEVICE_NAME_MAX || !utf8_is_clean(facts->name))
        return "a device needs a name: up to 128 octets without control characters";
    if (facts->serial.len == 0 || facts->serial.len > DEVICE_SERIAL_MAX ||
        !is_hexadecimal(facts->serial))
        return "a device needs the serial number of its certificate: up to 64 hexadecimal digits";
    if (facts->issuer.len > DEVICE_ISSUER_MAX || !utf8_is_clean(facts->issuer))
        return "the issuer's name is too long, or has control characters";
    return NULL;
}

static bool devices_would_refuse(const struct devices *devices, const struct device_facts *facts,
                                 struct strbuf *ret_reason)
{
    const char *fault = device_facts_fault(facts);
    if (fault != NULL) {
        strbuf_append(ret_reason, fault);
        return true;
    }
    const struct device *same = devices_find_named(devices, facts->login, facts->name, SPAN_NONE);
    if (same != NULL && same->revoked_s == 0) {
        strbuf_append_span(ret_reason, facts->login);
        strbuf_append(ret_reason, " has a device of that name already: ");
        strbuf_append_span(ret_reason, facts->name);
        return true;
    }
    if (devices_find(devices, facts->fingerprint) != NULL) {
        strbuf_append(ret_reason, "this certificate is registered already");
        return true;
    }
    return false;
}

enum device_result devices_add(struct devices *devices, const struct device_facts *facts,
                               int64_t now_s, struct strbuf *ret_reason)
{
    if (devices_would_refuse(devices, facts, ret_reason))
        return DEVICE_REFUSED;
    struct stored_device stored = {.login = facts->login,
                                   .name = facts->name,
                                   .serial = facts->serial,
                                   .issuer = facts->issuer,
                                   .added_s = now_s,
                                   .not_after_s = facts->not_after_s};
    memcpy(stored.fingerprint, facts->fingerprint, sizeof stored.fingerprint);
    /* What can fail for want of memory comes first: after the store has it, nothing may. */
    auto_free struct device *device = devices_make_room(devices) ? device_new(&stored) : NULL;
    if (device == NULL) {
        strbuf_append(ret_reason, "no memory for another device");
        return DEVICE_REFUSED;
    }
    if (!store_add_device(devices->store, &stored, &device->id, ret_reason))
        return DEVICE_STORE_FAILED;
    devices_link(devices, take(&device));
    return DEVICE_DONE;
}

enum device_result devices_revoke(struct devices *devices, struct device *device, int64_t now_s,
                                  struct strbuf *ret_reason)
{
    if (device->revoked_s != 0) {
        strbuf_append(ret_reason, "this device is revoked already");
        return DEVICE_REFUSED;
    }
    int64_t revoked_s = now_s > 0 ? now_s : 1;
    if (!store_revoke_device(devices->store, device->id, revoked_s, ret_reason))
        return DEVICE_STORE_FAILED;
    device->revoked_s = revoked_s;
    return DEVICE_DONE;
}

/* --- Last use, warnings ----------------------------------------------------------------------- */

static void devices_put_down(struct devices *devices, struct device *device)
{
    if (device->is_unwritten)
        return;
    device->is_unwritten = true;
    LIST_INSERT_HEAD(&devices->unwritten, device, unwritten);
}

void devices_touch(struct devices *devices, struct device *device, const struct ip *address,
                   int64_t now_s)
{
    device->last_used_s = now_s;
    device->last_address = *address;
    device->has_address = true;
    int64_t since_s = now_s - device->noted_s;
    if (since_s >= 0 && since_s < DEVICE_TOUCH_EVERY_S)
        return;
    device->noted_s = now_s;
    devices_put_down(devices, device);
}

unsigned devices_due_warning(const struct device *device, int64_t now_s)
{
    static const unsigned char warnings[] = {1, 7, DEVICE_WARN_DAYS};
    if (!device_is_valid(device, now_s))
        return 0;
    for (size_t i = 0; i < sizeof warnings; i++)
        if (device->not_after_s - now_s <= warnings[i] * DAY_S)
            return device->warned_days == 0 || device->warned_days > warnings[i] ? warnings[i] : 0;
    return 0;
}

void devices_note_warning(struct devices *devices, struct device *device, unsigned days)
{
    device->warned_days = (uint8_t)days;
    devices_put_down(devices, device);
}

static bool device_store_touch(struct devices *devices, const struct device *device,
                               struct strbuf *ret_reason)
{
    char address[IP_TEXT_SIZE] = "";
    if (device->has_address)
        ip_format(&device->last_address, address);
    struct stored_device stored = {.id = device->id,
                                   .last_used_s = device->last_used_s,
                                   .last_address = span_of(address),
                                   .warned_days = device->warned_days};
    return store_touch_device(devices->store, &stored, ret_reason);
}

bool devices_flush(struct devices *devices, struct strbuf *ret_reason)
{
    struct device *device;
    if (LIST_EMPTY(&devices->unwritten))
        return true;
    if (!store_begin_touches(devices->store, ret_reason))
        return false;
    LIST_FOREACH(device, &devices->unwritten, unwritten)
        if (!device_store_touch(devices, device, ret_reason))
            return false;
    if (!store_end_touches(devices->store, ret_reason))
        return false;
    while (!LIST_EMPTY(&devices->unwritten)) {
        device = LIST_FIRST(&devices->unwritten);
        LIST_REMOVE(device, unwritten);
        device->is_unwritten = false;
    }
    return true;
}
