/* Keeps what is needed of a certificate whose session lives; see certificate_mark.h. */
#include "pki/certificate_mark.h"

#include <string.h>

bool certificate_mark_read(const X509 *certificate, const struct client_certificate *read,
                           const struct issuer *issuer, struct certificate_mark *ret_mark)
{
    struct certificate_mark mark = {.not_after_s = read->not_after_s};
    struct span serial;
    if (!serial_read(X509_get0_serialNumber(certificate), &serial))
        return false;
    if (serial.len > 0)
        memcpy(mark.serial, serial.at, serial.len);
    mark.serial_size = (uint8_t)serial.len;
    memcpy(mark.fingerprint, read->fingerprint, sizeof mark.fingerprint);
    if (issuer != NULL)
        mark.issuer = *issuer;
    *ret_mark = mark;
    return true;
}
