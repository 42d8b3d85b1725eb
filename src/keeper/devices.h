/*
 * The registered devices: all of them in memory, each change first on the disk. Reading never touches
 * the disk, so logins and lists go on while it is full or broken; a change that can't be stored is
 * refused and nothing is half done.
 *
 * A device is a client certificate by its fingerprint. A revoked one stays, so that it stays refused;
 * its name is free again. Owns its store. Bounded by DEVICES_MAX.
 */
#ifndef POSTERN_KEEPER_DEVICES_H
#define POSTERN_KEEPER_DEVICES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attributes.h"
#include "base/hash.h"
#include "base/ip.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "keeper/store.h"

enum {
    DEVICES_MAX = 500000,      /* about 250 MB; more are refused */
    DEVICE_LOGIN_MAX = 320,    /* octets, as LOGIN_OCTETS_MAX */
    DEVICE_NAME_MAX = 128,
    DEVICE_SERIAL_MAX = 64,    /* hexadecimal digits; RFC 5280 allows 40 */
    DEVICE_ISSUER_MAX = 512,
    DEVICE_TOUCH_EVERY_S = 60, /* last use is noted at most this often for a device */
    DEVICE_WARN_DAYS = 30,     /* the first of the warnings before a certificate ends */
};

struct device {
    struct hash_link by_fingerprint;
    struct hash_link by_login;
    struct hash_link by_local; /* what stands before the @ */
    LIST_ENTRY(device) unwritten; /* in the list of those of which something is not on the disk yet */
    bool is_unwritten;
    bool has_address;
    uint16_t login_len;
    uint8_t name_len;
    uint8_t serial_len;
    uint8_t warned_days; /* 30, 7, 1: the last warning of its end; 0: none yet */
    int64_t id;
    int64_t added_s;
    int64_t not_after_s;
    int64_t last_used_s; /* 0: never */
    int64_t noted_s;     /* last_used_s as it was last put down for storing */
    int64_t revoked_s;   /* 0: not */
    struct ip last_address;
    uint8_t fingerprint[STORE_FINGERPRINT_SIZE];
    uint8_t texts[]; /* login, name, serial */
};

LIST_HEAD(device_list, device);

struct devices {
    struct hash_key key;
    struct hash_table by_fingerprint;
    struct hash_table by_login;
    struct hash_table by_local;
    struct device_list unwritten;
    struct store *store;
    struct device **all; /* oldest first */
    size_t count;
    size_t room;
};

/* What became of a change. */
enum device_result {
    DEVICE_DONE,
    DEVICE_REFUSED,      /* it may not be; the reason is a sentence for the person who asked */
    DEVICE_STORE_FAILED, /* it could not be stored; likewise */
};

/* What a person registers. */
struct device_facts {
    struct span login;
    struct span name;
    const uint8_t *fingerprint; /* STORE_FINGERPRINT_SIZE octets */
    struct span serial;
    struct span issuer;
    int64_t not_after_s;
};

/* Opens the store in file and reads it all. False with a sentence; nothing is left open then. */
bool devices_open(struct devices *devices, const char *file, struct strbuf *ret_reason) MUST_USE;

/* Closes the store; what is known stays and can be read. */
void devices_release(struct devices *devices);

/* Closes the store and frees all. Also for devices that are all zero, or closed already. */
void devices_close(struct devices *devices);

/* The device of that fingerprint, revoked or not; NULL when there is none. */
struct device *devices_find(const struct devices *devices,
                            const uint8_t fingerprint[STORE_FINGERPRINT_SIZE]);

/*
 * The login's device of that name, or of that serial number (upper and lower case are one, zeros at
 * its beginning nothing) when name is empty. One that is not revoked goes first. NULL: there is none.
 */
struct device *devices_find_named(const struct devices *devices, struct span login,
                                  struct span name, struct span serial);

/* The devices of exactly that login, revoked or not: the first one, and the one after it. */
const struct device *devices_of_login(const struct devices *devices, struct span login,
                                      const struct device *after);

/*
 * Whether the login owns a device whose certificate is valid at now_s: registered, neither revoked
 * nor expired. With is_local_enough every login with the same local part is the same user.
 */
bool devices_has_valid(const struct devices *devices, struct span login, bool is_local_enough,
                       int64_t now_s);

/* Registers a device, now_s being the time of it. */
enum device_result devices_add(struct devices *devices, const struct device_facts *facts,
                               int64_t now_s, struct strbuf *ret_reason) MUST_USE;

/* Revokes. Refused when it is revoked already. */
enum device_result devices_revoke(struct devices *devices, struct device *device, int64_t now_s,
                                  struct strbuf *ret_reason) MUST_USE;

/* Notes in memory that the device was used; devices_flush puts it on the disk. Never fails. */
void devices_touch(struct devices *devices, struct device *device, const struct ip *address,
                   int64_t now_s);

/*
 * The warning that is due for a valid device's certificate, as its days before the end: 30, 7 or 1, the
 * nearest one where several were missed; 0 when none is due, or it has been given.
 */
unsigned devices_due_warning(const struct device *device, int64_t now_s);

/* Notes in memory that this warning was given; devices_flush puts it on the disk. Never fails. */
void devices_note_warning(struct devices *devices, struct device *device, unsigned days);

/* Stores what was noted, if anything. False with the reason; it is tried again next time. */
bool devices_flush(struct devices *devices, struct strbuf *ret_reason) MUST_USE;

static inline struct span device_login(const struct device *device)
{
    return span_make(device->texts, device->login_len);
}

static inline struct span device_name(const struct device *device)
{
    return span_make(device->texts + device->login_len, device->name_len);
}

static inline struct span device_serial(const struct device *device)
{
    return span_make(device->texts + device->login_len + device->name_len, device->serial_len);
}

#endif
