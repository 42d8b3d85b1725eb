/* Warns of certificates that end; see expiry.h. Called at the keeper's upkeep. */
#include "keeper/expiry.h"

#include "base/clock.h"
#include "base/log.h"

enum { DAY_S = 86400 };

static void log_expires(const struct device *device, int64_t now_s)
{
    struct log_record record;
    char end[CLOCK_TEXT_SIZE];
    clock_format(device->not_after_s, -1, end);
    log_begin(&record, LOG_WARNING, "certificate_expires");
    log_span(&record, "login", device_login(device));
    log_span(&record, "device", device_name(device));
    log_span(&record, "serial", device_serial(device));
    log_text(&record, "not_after", end);
    log_number(&record, "days", (device->not_after_s - now_s) / DAY_S);
    log_end(&record);
}

void expiry_warn(struct expiry *expiry, struct devices *devices, int64_t now_s)
{
    size_t looks = devices->count < EXPIRY_LOOKS_MAX ? devices->count : EXPIRY_LOOKS_MAX;
    unsigned warnings = 0;
    for (size_t i = 0; i < looks && warnings < EXPIRY_WARNINGS_MAX; i++) {
        if (expiry->next >= devices->count)
            expiry->next = 0;
        struct device *device = devices->all[expiry->next++];
        unsigned days = devices_due_warning(device, now_s);
        if (days == 0)
            continue;
        log_expires(device, now_s);
        devices_note_warning(devices, device, days);
        warnings++;
    }
}
