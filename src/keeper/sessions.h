/*
 * The sessions of all gates, in memory only: a gate tells a new keeper what lives (session_announce).
 * A session begins when a gate asks for a login and ends when the gate says so or is gone.
 *
 * Two caps hold across all gates: sessions of a user, and of a user from one address. A session counts
 * from the question on where a certificate proves who asks, and from its start where only the backend
 * can tell: else a stranger who types alice's name often enough would lock alice out. So a session by
 * password can be found to be one too many only when it starts, and is then told to close.
 *
 * Owns its sessions and copies what it is given. Bounded by SESSIONS_MAX.
 */
#ifndef POSTERN_KEEPER_SESSIONS_H
#define POSTERN_KEEPER_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attributes.h"
#include "base/hash.h"
#include "base/ip.h"
#include "base/span.h"
#include "channel/message.h"

enum {
    SESSIONS_MAX = 262144,    /* about 100 MB; a gate that asks for more is answered "unavailable" */
    SESSIONS_GATES_MAX = 256, /* gates are numbered below this */
    SESSION_FINGERPRINT_SIZE = 32,
};

/* What a gate says of a session. Spans are copied. */
struct session_facts {
    uint32_t gate;
    uint64_t id;
    struct span login;
    struct ip address;
    struct span listener;
    struct span factor;
    uint8_t protocol;
    const uint8_t *fingerprint; /* SESSION_FINGERPRINT_SIZE octets; NULL: no certificate */
    int64_t certificate_end_s;  /* of a question; 0 in what is announced */
};

struct session;
LIST_HEAD(session_list, session);

/* A login that has sessions. */
struct session_user {
    struct hash_link by_login;
    struct session_list sessions;
    uint32_t session_count; /* all, those that don't count too */
    uint32_t counted;
    size_t login_len;
    uint8_t login[];
};

/* An address from which a user has sessions. */
struct session_place {
    struct hash_link by_user_and_address;
    const struct session_user *user;
    struct ip address;
    uint32_t session_count;
    uint32_t counted;
};

struct session {
    struct hash_link by_id;
    struct hash_link by_fingerprint;
    LIST_ENTRY(session) of_user;
    LIST_ENTRY(session) of_gate;
    struct session_user *user;
    struct session_place *place;
    uint64_t id; /* unique within a gate */
    uint32_t gate;
    uint8_t protocol;
    bool has_certificate;
    bool is_counted;
    bool is_closing;   /* the gate was told to close it */
    int64_t started_s; /* wall clock; 0: the backend has not let the user in yet */
    int64_t certificate_end_s;
    uint8_t fingerprint[SESSION_FINGERPRINT_SIZE];
    uint8_t listener_len;
    uint8_t factor_len;
    uint8_t texts[]; /* listener, then factor */
};

struct sessions {
    struct hash_key key;
    struct hash_table by_id;
    struct hash_table by_fingerprint;
    struct hash_table by_login;            /* of session_user */
    struct hash_table by_user_and_address; /* of session_place */
    struct session_list of_gate[SESSIONS_GATES_MAX];
    uint32_t per_user; /* caps; 0: no session at all */
    uint32_t per_user_and_address;
};

/* 0 or -errno. No session is allowed before the caps are set. */
int sessions_init(struct sessions *sessions) MUST_USE;
void sessions_fini(struct sessions *sessions);

/* New caps; sessions that live stay. */
void sessions_set_caps(struct sessions *sessions, uint32_t per_user, uint32_t per_user_and_address);

/*
 * A gate asks for a login. LOGIN_ALLOWED with the new session; or the cap that is reached, or
 * LOGIN_STATE_UNAVAILABLE when there is no room, with *ret_session untouched. A session of that gate
 * with the same id is over, and forgotten first.
 */
enum login_answer_code sessions_ask(struct sessions *sessions, const struct session_facts *facts,
                                    struct session **ret_session) MUST_USE;

/*
 * A session that was there before this keeper was; started_s 0: the backend has not let the user in
 * yet. NULL when there is no room. Caps are not looked at.
 */
struct session *sessions_announce(struct sessions *sessions, const struct session_facts *facts,
                                  int64_t started_s) MUST_USE;

/*
 * The backend let the user in. LOGIN_ALLOWED, or the cap that the session breaks: it lives and counts
 * then all the same, until the gate has closed it.
 */
enum login_answer_code sessions_start(struct sessions *sessions, struct session *session,
                                      int64_t now_s) MUST_USE;

/* Forgets and frees. */
void sessions_remove(struct sessions *sessions, struct session *session);

/* Forgets all that gate has. */
void sessions_remove_gate(struct sessions *sessions, uint32_t gate);

/* The gate's session of that id; NULL when there is none. */
struct session *sessions_find(const struct sessions *sessions, uint32_t gate, uint64_t id);

/* The sessions of any gate by id, login or fingerprint: the first one, and the one after it. */
struct session *sessions_with_id(const struct sessions *sessions, uint64_t id,
                                 const struct session *after);
struct session *sessions_of_login(const struct sessions *sessions, struct span login,
                                  const struct session *after);
struct session *sessions_with_fingerprint(const struct sessions *sessions,
                                          const uint8_t fingerprint[SESSION_FINGERPRINT_SIZE],
                                          const struct session *after);

static inline struct span session_login(const struct session *session)
{
    return span_make(session->user->login, session->user->login_len);
}

static inline struct span session_listener(const struct session *session)
{
    return span_make(session->texts, session->listener_len);
}

static inline struct span session_factor(const struct session *session)
{
    return span_make(session->texts + session->listener_len, session->factor_len);
}

#endif
