/* The rules of a listener: its login rule, its backend, its addresses; see check_rules.h. */
#include "config/check_rules.h"

static const struct config_backend *listener_backend(const struct checked *listener)
{
    if (!checked_has(listener, "backend") || !checked_is_sound(listener, "backend"))
        return NULL;
    return &listener->reading->config->backends[listener->listener->backend];
}

static struct found *listener_backend_found(const struct checked *listener)
{
    const struct config_backend *backend = listener_backend(listener);
    return backend == NULL ? NULL : reading_find(listener->reading, SECTION_BACKEND, backend->name);
}

static bool has_way_in(const struct config_listener *listener, unsigned factors)
{
    for (size_t i = 0; i < listener->login_count; i++)
        if (listener->logins[i] == factors)
            return true;
    return false;
}

/*
 * A way in that asks for all that another one asks for, and more, lets nobody in who isn't in already:
 * whoever wrote it believes in a lock that is not there. Beside certificate alone it does no harm: it
 * names what programs do that send a password as well.
 */
static void check_ways_in(const struct checked *listener)
{
    const struct config_listener *values = listener->listener;
    for (size_t i = 0; i < values->login_count; i++) {
        for (size_t other = 0; other < values->login_count; other++) {
            unsigned mine = values->logins[i];
            unsigned theirs = values->logins[other];
            if (other == i || (mine & theirs) != theirs || (mine == theirs && other > i) ||
                (theirs == FACTOR_CERTIFICATE && mine != theirs))
                continue;
            MISTAKE(listener, "login",
                    "\"%s\" can never apply, because %s alone lets in; take one of them out",
                    term_name(factor_terms, mine), term_name(factor_terms, theirs));
            break;
        }
    }
}

static void check_certificate_authority(const struct checked *listener)
{
    bool has_authority = listener->reading->config->client_ca_count > 0;
    for (size_t i = 0; i < listener->listener->login_count; i++) {
        unsigned factors = listener->listener->logins[i];
        if ((factors & FACTOR_CERTIFICATE) == 0 || has_authority)
            continue;
        MISTAKE(listener, "login",
                "\"%s\" can never apply: no authority for client certificates is named; write "
                "a section client_ca NAME {...}",
                term_name(factor_terms, factors));
        return;
    }
}

static void check_certificate_alone(const struct checked *listener)
{
    struct found *backend = listener_backend_found(listener);
    if (backend == NULL || found_has(backend, "master_user") ||
        !has_way_in(listener->listener, FACTOR_CERTIFICATE))
        return;
    MISTAKE(listener, "login",
            "certificate alone can't work with backend %s: it wants a password, and nobody has one "
            "to give "
            "to it; write \"certificate+password\", or master_user in the backend",
            backend->title);
}

static void check_preauth(const struct checked *listener)
{
    if (!listener->listener->preauth || !checked_is_sound(listener, "tls") ||
        !checked_is_sound(listener, "login"))
        return;
    if (checked_has(listener, "tls") && listener->listener->tls != LISTENER_TLS_IMPLICIT)
        MISTAKE(listener, "preauth",
                "preauth can't be used with STARTTLS, where the greeting comes before "
                "the certificate; write tls = implicit, or take it out");
    if (checked_has(listener, "login") && !has_way_in(listener->listener, FACTOR_CERTIFICATE))
        MISTAKE(listener, "preauth",
                "preauth can never apply: certificate is not among the ways in; write it in login, "
                "or take "
                "preauth out");
}

/* The first section of listeners, and the entry in it, that has this address; else NULL. */
static struct found *find_same_bind(const struct checked *listener, size_t index)
{
    struct reading *reading = listener->reading;
    struct endpoint mine;
    size_t number = 0;
    if (!endpoint_parse(span_of(listener->listener->binds.at[index]), &mine))
        return NULL;
    for (size_t i = 0; i < reading->found_count; i++) {
        if (reading->found[i].key != SECTION_LISTENER)
            continue;
        const struct config_listener *other = &reading->config->listeners[number++];
        size_t end = other == listener->listener ? index : other->binds.count;
        for (size_t bind = 0; bind < end; bind++) {
            struct endpoint theirs;
            if (endpoint_parse(span_of(other->binds.at[bind]), &theirs) &&
                theirs.port == mine.port && ip_equal(&theirs.ip, &mine.ip))
                return &reading->found[i];
        }
        if (other == listener->listener)
            return NULL;
    }
    return NULL;
}

static void check_binds(const struct checked *listener)
{
    for (size_t i = 0; i < listener->listener->binds.count; i++) {
        struct found *same = find_same_bind(listener, i);
        if (same != NULL)
            MISTAKE(listener, "bind",
                    "\"%s\" is bound already by listener %s (line %d); write it once",
                    listener->listener->binds.at[i], same->title, found_line(same, "bind"));
    }
}

check_rule *const listener_rules[] = {
    check_ways_in, check_certificate_authority, check_certificate_alone, check_preauth, check_binds,
    NULL};
