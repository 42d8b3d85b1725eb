/*
 * Who is in, over all gates. Called by gate_link.c for what gates say and by the commands that list
 * and kick. Pure memory: no clock, no channel, no store.
 */
#include "keeper/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"

int sessions_init(struct sessions *sessions)
{
    *sessions = (struct sessions){.per_user = 0};
    int result = hash_key_draw(&sessions->key);
    if (result == 0 && (hash_table_init(&sessions->by_id) != 0 ||
                        hash_table_init(&sessions->by_fingerprint) != 0 ||
                        hash_table_init(&sessions->by_login) != 0 ||
                        hash_table_init(&sessions->by_user_and_address) != 0))
        result = -ENOMEM;
    if (result != 0)
        sessions_fini(sessions);
    return result;
}

void sessions_fini(struct sessions *sessions)
{
    for (uint32_t gate = 0; gate < SESSIONS_GATES_MAX; gate++)
        sessions_remove_gate(sessions, gate);
    hash_table_fini(&sessions->by_id);
    hash_table_fini(&sessions->by_fingerprint);
    hash_table_fini(&sessions->by_login);
    hash_table_fini(&sessions->by_user_and_address);
}

void sessions_set_caps(struct sessions *sessions, uint32_t per_user, uint32_t per_user_and_address)
{
    sessions->per_user = per_user;
    sessions->per_user_and_address = per_user_and_address;
}

/* --- Users and places ------------------------------------------------------------------------- */

static struct session_user *user_find(const struct sessions *sessions, struct span login)
{
    struct hash_link *link =
        hash_table_first(&sessions->by_login, hash_span(&sessions->key, login));
    for (; link != NULL; link = hash_table_next(link)) {
        struct session_user *user = hash_holder(link, struct session_user, by_login);
        if (span_equal(span_make(user->login, user->login_len), login))
            return user;
    }
    return NULL;
}

static struct session_user *user_add(struct sessions *sessions, struct span login)
{
    struct session_user *user = malloc(sizeof *user + login.len);
    if (user == NULL)
        return NULL;
    *user = (struct session_user){.login_len = login.len};
    if (login.len > 0)
        memcpy(user->login, login.at, login.len);
    hash_table_insert(&sessions->by_login, &user->by_login, hash_span(&sessions->key, login));
    return user;
}

static void user_free_if_idle(struct sessions *sessions, struct session_user *user)
{
    if (user == NULL || user->session_count > 0)
        return;
    hash_table_remove(&sessions->by_login, &user->by_login);
    free(user);
}

static uint64_t place_hash(const struct sessions *sessions, const struct session_user *user,
                           const struct ip *address)
{
    uint8_t both[sizeof user->by_login.hash + sizeof address->octets];
    memcpy(both, &user->by_login.hash, sizeof user->by_login.hash);
    memcpy(both + sizeof user->by_login.hash, address->octets, sizeof address->octets);
    return hash_span(&sessions->key, span_make(both, sizeof both));
}

static struct session_place *place_find(const struct sessions *sessions,
                                        const struct session_user *user, const struct ip *address)
{
    struct hash_link *link =
        hash_table_first(&sessions->by_user_and_address, place_hash(sessions, user, address));
    for (; link != NULL; link = hash_table_next(link)) {
        struct session_place *place = hash_holder(link, struct session_place, by_user_and_address);
        if (place->user == user && ip_equal(&place->address, address))
            return place;
    }
    return NULL;
}

static struct session_place *place_add(struct sessions *sessions, const struct session_user *user,
                                       const struct ip *address)
{
    struct session_place *place = malloc(sizeof *place);
    if (place == NULL)
        return NULL;
    *place = (struct session_place){.user = user, .address = *address};
    hash_table_insert(&sessions->by_user_and_address, &place->by_user_and_address,
                      place_hash(sessions, user, address));
    return place;
}

static void place_free_if_idle(struct sessions *sessions, struct session_place *place)
{
    if (place == NULL || place->session_count > 0)
        return;
    hash_table_remove(&sessions->by_user_and_address, &place->by_user_and_address);
    free(place);
}

/* --- Sessions --------------------------------------------------------------------------------- */

static void session_count(struct session *session)
{
    if (session->is_counted)
        return;
    session->is_counted = true;
    session->user->counted++;
    session->place->counted++;
}

/* A session without its user and place. NULL without memory. */
static struct session *session_new(const struct session_facts *facts)
{
    invariant(facts->listener.len <= UINT8_MAX && facts->factor.len <= UINT8_MAX);
    struct session *session =
        malloc(sizeof *session + facts->listener.len + facts->factor.len);
    if (session == NULL)
        return NULL;
    *session = (struct session){.id = facts->id,
                                .gate = facts->gate,
                                .protocol = facts->protocol,
                                .has_certificate = facts->fingerprint != NULL,
                                .certificate_end_s = facts->certificate_end_s,
                                .listener_len = (uint8_t)facts->listener.len,
                                .factor_len = (uint8_t)facts->factor.len};
    if (facts->fingerprint != NULL)
        memcpy(session->fingerprint, facts->fingerprint, sizeof session->fingerprint);
    if (facts->listener.len > 0)
        memcpy(session->texts, facts->listener.at, facts->listener.len);
    if (facts->factor.len > 0)
        memcpy(session->texts + facts->listener.len, facts->factor.at, facts->factor.len);
    return session;
}

static uint64_t id_hash(const struct sessions *sessions, uint64_t id)
{
    return hash_span(&sessions->key, span_make(&id, sizeof id));
}

static uint64_t fingerprint_hash(const struct sessions *sessions, const uint8_t *fingerprint)
{
    return hash_span(&sessions->key, span_make(fingerprint, SESSION_FINGERPRINT_SIZE));
}

static void session_link(struct sessions *sessions, struct session *session,
                         struct session_user *user, struct session_place *place)
{
    session->user = user;
    session->place = place;
    user->session_count++;
    place->session_count++;
    LIST_INSERT_HEAD(&user->sessions, session, of_user);
    LIST_INSERT_HEAD(&sessions->of_gate[session->gate], session, of_gate);
    hash_table_insert(&sessions->by_id, &session->by_id, id_hash(sessions, session->id));
    if (session->has_certificate)
        hash_table_insert(&sessions->by_fingerprint, &session->by_fingerprint,
                          fingerprint_hash(sessions, session->fingerprint));
}

/* Makes the session and whatever of user and place is not there yet. NULL without room. */
static struct session *session_add(struct sessions *sessions, const struct session_facts *facts)
{
    if (sessions->by_id.count >= SESSIONS_MAX)
        return NULL;
    struct session *session = session_new(facts);
    struct session_user *user = user_find(sessions, facts->login);
    if (user == NULL)
        user = user_add(sessions, facts->login);
    struct session_place *place = NULL;
    if (user != NULL)
        place = place_find(sessions, user, &facts->address);
    if (user != NULL && place == NULL)
        place = place_add(sessions, user, &facts->address);
    if (session == NULL || place == NULL) {
        free(session);
        place_free_if_idle(sessions, place);
        user_free_if_idle(sessions, user);
        return NULL;
    }
    session_link(sessions, session, user, place);
    return session;
}

/* The cap that would be broken with so many more sessions. */
static enum login_answer_code caps_allow(const struct sessions *sessions,
                                         const struct session_user *user,
                                         const struct session_place *place, uint32_t more)
{
    if ((user == NULL ? 0 : user->counted) + more > sessions->per_user)
        return LOGIN_TOO_MANY_SESSIONS;
    /* An address of zeros is no place: the gate does not know where the user is. */
    if (place != NULL && ip_equal(&place->address, &(struct ip){.octets = {0}}))
        return LOGIN_ALLOWED;
    if ((place == NULL ? 0 : place->counted) + more > sessions->per_user_and_address)
        return LOGIN_TOO_MANY_FROM_ADDRESS;
    return LOGIN_ALLOWED;
}

enum login_answer_code sessions_ask(struct sessions *sessions, const struct session_facts *facts,
                                    struct session **ret_session)
{
    invariant(facts->gate < SESSIONS_GATES_MAX);
    struct session *former = sessions_find(sessions, facts->gate, facts->id);
    if (former != NULL)
        sessions_remove(sessions, former);
    struct session_user *user = user_find(sessions, facts->login);
    struct session_place *place = user == NULL ? NULL : place_find(sessions, user, &facts->address);
    enum login_answer_code answer = caps_allow(sessions, user, place, 1);
    if (answer != LOGIN_ALLOWED)
        return answer;
    struct session *session = session_add(sessions, facts);
    if (session == NULL)
        return LOGIN_STATE_UNAVAILABLE;
    if (session->has_certificate)
        session_count(session);
    *ret_session = session;
    return LOGIN_ALLOWED;
}

struct session *sessions_announce(struct sessions *sessions, const struct session_facts *facts,
                                  int64_t started_s)
{
    invariant(facts->gate < SESSIONS_GATES_MAX);
    struct session *former = sessions_find(sessions, facts->gate, facts->id);
    if (former != NULL)
        sessions_remove(sessions, former);
    struct session *session = session_add(sessions, facts);
    if (session == NULL)
        return NULL;
    session->started_s = started_s > 0 ? started_s : 0;
    if (session->has_certificate || session->started_s != 0)
        session_count(session);
    return session;
}

enum login_answer_code sessions_start(struct sessions *sessions, struct session *session,
                                      int64_t now_s)
{
    session->started_s = now_s > 0 ? now_s : 1;
    if (session->is_counted)
        return LOGIN_ALLOWED;
    session_count(session);
    return caps_allow(sessions, session->user, session->place, 0);
}

void sessions_remove(struct sessions *sessions, struct session *session)
{
    struct session_user *user = session->user;
    struct session_place *place = session->place;
    LIST_REMOVE(session, of_user);
    LIST_REMOVE(session, of_gate);
    hash_table_remove(&sessions->by_id, &session->by_id);
    hash_table_remove(&sessions->by_fingerprint, &session->by_fingerprint);
    if (session->is_counted) {
        user->counted--;
        place->counted--;
    }
    user->session_count--;
    place->session_count--;
    free(session);
    place_free_if_idle(sessions, place);
    user_free_if_idle(sessions, user);
}

void sessions_remove_gate(struct sessions *sessions, uint32_t gate)
{
    while (!LIST_EMPTY(&sessions->of_gate[gate]))
        sessions_remove(sessions, LIST_FIRST(&sessions->of_gate[gate]));
}

/* --- Finding ---------------------------------------------------------------------------------- */

struct session *sessions_with_id(const struct sessions *sessions, uint64_t id,
                                 const struct session *after)
{
    struct hash_link *link = after == NULL
                                 ? hash_table_first(&sessions->by_id, id_hash(sessions, id))
                                 : hash_table_next(&after->by_id);
    for (; link != NULL; link = hash_table_next(link)) {
        struct session *session = hash_holder(link, struct session, by_id);
        if (session->id == id)
            return session;
    }
    return NULL;
}

struct session *sessions_find(const struct sessions *sessions, uint32_t gate, uint64_t id)
{
    struct session *session = sessions_with_id(sessions, id, NULL);
    while (session != NULL && session->gate != gate)
        session = sessions_with_id(sessions, id, session);
    return session;
}

struct session *sessions_of_login(const struct sessions *sessions, struct span login,
                                  const struct session *after)
{
    if (after != NULL)
        return LIST_NEXT(after, of_user);
    struct session_user *user = user_find(sessions, login);
    return user == NULL ? NULL : LIST_FIRST(&user->sessions);
}

struct session *sessions_with_fingerprint(const struct sessions *sessions,
                                          const uint8_t fingerprint[SESSION_FINGERPRINT_SIZE],
                                          const struct session *after)
{
    struct hash_link *link = after == NULL
                                 ? hash_table_first(&sessions->by_fingerprint,
                                                    fingerprint_hash(sessions, fingerprint))
                                 : hash_table_next(&after->by_fingerprint);
    for (; link != NULL; link = hash_table_next(link)) {
        struct session *session = hash_holder(link, struct session, by_fingerprint);
        if (memcmp(session->fingerprint, fingerprint, SESSION_FINGERPRINT_SIZE) == 0)
            return session;
    }
    return NULL;
}
