/*
 * Why a certificate of an authority of ours lets nobody in. The words stand in records and, after a
 * prefix, in what the client is told.
 */
#ifndef POSTERN_PKI_CERTIFICATE_REFUSAL_H
#define POSTERN_PKI_CERTIFICATE_REFUSAL_H

enum certificate_refusal {
    CERTIFICATE_OK,
    CERTIFICATE_EXPIRED,
    CERTIFICATE_NOT_YET_VALID,
    CERTIFICATE_REVOKED,
    CERTIFICATE_NO_CRL,        /* a CRL is configured, and none fits or it is overdue */
    CERTIFICATE_WRONG_PURPOSE, /* not for TLS clients */
    CERTIFICATE_WRONG_POLICY,  /* issued under none of the policies that its authority must name */
    CERTIFICATE_BAD_CHAIN,     /* signature, path length, constraints, algorithm … */
    CERTIFICATE_NO_NAME,       /* the field that names the user is missing or empty, or no row does */
    CERTIFICATE_SEVERAL_NAMES,
    CERTIFICATE_BAD_NAME,      /* NUL, control, not ASCII, another type or form, no canonical login */
    CERTIFICATE_FOREIGN_NAME,  /* a user whom its authority may not name */
    CERTIFICATE_REFUSAL_COUNT,
};

/* "expired", "revoked" … */
const char *certificate_refusal_text(enum certificate_refusal refusal);

#endif
