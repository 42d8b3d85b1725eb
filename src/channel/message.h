/*
 * Messages between our processes, as schema.def lists them: the structs, and how they become packets
 * and packets become them. A packet is
 *
 *     type u16, then the fields in order: integers little-endian, TEXT with a u16 length before it
 *
 * and travels whole on a SOCK_SEQPACKET socket with its descriptors beside it. Decoding trusts
 * nothing: lengths, types, counts of descriptors and the end of the packet must all agree.
 */
#ifndef POSTERN_CHANNEL_MESSAGE_H
#define POSTERN_CHANNEL_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

/* Who is at an end of a channel; or-ed where the schema allows several. */
enum role {
    ROLE_SUPERVISOR = 1,
    ROLE_GATE = 2,
    ROLE_KEEPER = 4,
    ROLE_COMMAND = 8,
    ROLE_BROKER = 16,
    ROLE_REVOCATIONS = 32, /* makes one table of revoked certificates and ends */
};

const char *role_name(enum role role);

enum { SIGN_TEXT_MAX = 512 /* as the schema has it */ };

enum sign_digest {
    SIGN_DIGEST_NONE, /* Ed25519 has its own */
    SIGN_DIGEST_SHA256,
    SIGN_DIGEST_SHA384,
    SIGN_DIGEST_SHA512,
    SIGN_DIGEST_COUNT,
};

enum sign_padding {
    SIGN_PADDING_NONE,
    SIGN_PADDING_PKCS1,
    SIGN_PADDING_PSS, /* the salt as long as the digest */
};

/* What the keeper says to login_ask. */
enum login_answer_code {
    LOGIN_ALLOWED,
    LOGIN_DEVICE_REVOKED,    /* the certificate was revoked by us */
    LOGIN_TOO_MANY_SESSIONS, /* of this user */
    LOGIN_TOO_MANY_FROM_ADDRESS,
    LOGIN_ENROLLED, /* who owns a valid certificate comes with it: as a wrong password */
    LOGIN_STATE_UNAVAILABLE, /* the store can't answer: temporarily unavailable */
    LOGIN_ANSWER_COUNT,
};

/* In account_row: how a user stands. From ACCOUNT_ENROLLED on a valid certificate lets in. */
enum account_standing {
    ACCOUNT_WITHOUT,  /* owned no certificate yet */
    ACCOUNT_REVOKED,  /* the last one was revoked */
    ACCOUNT_EXPIRED,
    ACCOUNT_ENROLLED, /* owns a registered device */
    ACCOUNT_FOREIGN,  /* came with a valid certificate of another authority */
};

/* What became of a master_login. */
enum master_login_result {
    MASTER_LOGIN_DONE,
    MASTER_LOGIN_REFUSED,     /* the backend does not let the user in */
    MASTER_LOGIN_CERTIFICATE, /* the certificate is refused */
    MASTER_LOGIN_UNAVAILABLE, /* backend or keeper away, or it may not be asked for so */
    MASTER_LOGIN_RESULT_COUNT,
};

enum {
    MASTER_LOGINS_MAX = 512, /* of one gate that the broker has under way; the gate keeps the others back */
};

/* In login_ask: whom the keeper must not let in this way because they own a valid certificate. */
enum login_enrolment {
    ENROLMENT_IGNORED,  /* the client shows its certificate, or the listener does not mind */
    ENROLMENT_OF_LOGIN, /* who has exactly this login */
    ENROLMENT_OF_LOCAL, /* and everybody with its local part: the backend sees no domain */
};

/* In journal_add and journal_read, and in the store: numbers stay. */
enum journal_outcome {
    JOURNAL_WOULD_REFUSE,   /* a rule, on a listener that observes */
    JOURNAL_REFUSED,
    JOURNAL_LOGIN_OBSERVED, /* a login succeeded on such a listener: only counted, as what follows */
    JOURNAL_LOGIN,          /* on another */
    JOURNAL_DROPPED,        /* of the first two, what found no room */
    JOURNAL_OUTCOME_COUNT,
};

/* How the process that reads revocation lists ends, when the table is whole. */
enum revocations_end {
    REVOCATIONS_COMPLETE = 0,
    REVOCATIONS_LACKING = 3, /* an authority has no list in it */
};

enum {
    MESSAGE_PACKET_MAX = 65536, /* above the longest message that the schema allows */
    MESSAGE_FDS_MAX = 2,        /* most FD fields of one message */
};

enum message_type {
    MESSAGE_NONE, /* no message: the zero of the type */
#define MESSAGE(name, from, to) MESSAGE_##name,
#define U8(field)
#define U32(field)
#define U64(field)
#define I64(field)
#define TEXT(field, max)
#define SECRET(field, max)
#define FIXED(field, size)
#define FD(field)
#define END(name)
#include "channel/schema.def"
#include "channel/schema_end.h"
    MESSAGE_TYPE_COUNT
};

#define MESSAGE(name, from, to) struct message_##name {
#define U8(field)               uint8_t field;
#define U32(field)              uint32_t field;
#define U64(field)              uint64_t field;
#define I64(field)              int64_t field;
#define TEXT(field, max)        struct span field;
#define SECRET(field, max)      struct span field;
#define FIXED(field, size)      uint8_t field[size];
#define FD(field)               int field;
#define END(name)                                                                                  \
    };
#include "channel/schema.def"
#include "channel/schema_end.h"

/* One message. Spans point into the caller's memory or, after decoding, into the packet. */
struct message {
    enum message_type type;
    union {
#define MESSAGE(name, from, to) struct message_##name name;
#define U8(field)
#define U32(field)
#define U64(field)
#define I64(field)
#define TEXT(field, max)
#define SECRET(field, max)
#define FIXED(field, size)
#define FD(field)
#define END(name)
#include "channel/schema.def"
#include "channel/schema_end.h"
    };
};

/* "login_ask"; "unknown" for a number that is no type. */
const char *message_name(enum message_type type);

/* True when the schema lets from send this type to to. */
bool message_may_pass(enum message_type type, enum role from, enum role to);

/* True for a message whose text has a SECRET field: its packet is wiped after use. */
bool message_has_secret(enum message_type type);

/*
 * Appends the packet to buf (cap MESSAGE_PACKET_MAX) and the descriptors to fds. False when a text is
 * longer than the schema allows: our mistake or our caller's limit, nothing is sent. The descriptors
 * still belong to the caller.
 */
bool message_encode(const struct message *message, struct strbuf *buf, int fds[MESSAGE_FDS_MAX],
                    size_t *ret_fd_count) MUST_USE;

/*
 * Reads one packet. False when it is not exactly one well-formed message with exactly its
 * descriptors; *ret_message is untouched and the descriptors still belong to the caller. On success
 * they belong to the message.
 */
bool message_decode(struct span packet, const int *fds, size_t fd_count,
                    struct message *ret_message) MUST_USE;

/* Closes the descriptors that the receiver did not take (take_fd) out of a decoded message. */
void message_close_fds(struct message *message);

/* One line for a debug record: name and fields; secrets as <secret>, octets escaped. */
void message_print(const struct message *message, struct strbuf *buf);

#endif
