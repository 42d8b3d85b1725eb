/* Makes and replaces the keys of session tickets; see ticket_keys.h. Called from broker.c. */
#include "broker/ticket_keys.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"

static int ticket_key_draw(struct ticket_key *ret_key)
{
    ssize_t got;
    do
        got = getrandom(ret_key, sizeof *ret_key, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof *ret_key)
        return got < 0 ? -errno : -EIO;
    return 0;
}

int ticket_keys_rotate(struct ticket_keys *keys)
{
    struct ticket_key drawn;
    int result = ticket_key_draw(&drawn);
    if (result < 0)
        return result;
    keys->former = keys->current;
    keys->has_former = true;
    keys->current = drawn;
    explicit_bzero(&drawn, sizeof drawn);
    return 0;
}

static void ticket_keys_on_time(evutil_socket_t fd, short what, void *argument)
{
    struct ticket_keys *keys = argument;
    (void)fd;
    (void)what;
    if (ticket_keys_rotate(keys) == 0)
        keys->made(keys->owner);
    else
        log_sentence(LOG_ERROR, "ticket_keys_kept", "the kernel gives no random octets: tickets keep their key");
}

int ticket_keys_init(struct ticket_keys *keys, struct event_base *loop, ticket_keys_made_fn *made,
                     void *owner)
{
    struct timeval every = {.tv_sec = TICKET_KEYS_EVERY_S};
    *keys = (struct ticket_keys){.made = made, .owner = owner};
    int result = ticket_key_draw(&keys->current);
    if (result < 0)
        return result;
    if (event_assign(&keys->rotation, loop, -1, EV_PERSIST, ticket_keys_on_time, keys) != 0 ||
        event_add(&keys->rotation, &every) != 0)
        return -ENOMEM;
    return 0;
}

void ticket_keys_fini(struct ticket_keys *keys)
{
    if (keys->made != NULL && event_initialized(&keys->rotation))
        (void)event_del(&keys->rotation);
    explicit_bzero(keys, sizeof *keys);
}

void ticket_keys_print(const struct ticket_keys *keys, struct message *ret_message)
{
    *ret_message = (struct message){.type = MESSAGE_ticket_keys};
    struct message_ticket_keys *out = &ret_message->ticket_keys;
    memcpy(out->name, keys->current.name, sizeof out->name);
    out->secret = span_make(keys->current.secret, TICKET_SECRET_SIZE);
    if (!keys->has_former)
        return;
    memcpy(out->former_name, keys->former.name, sizeof out->former_name);
    out->former_secret = span_make(keys->former.secret, TICKET_SECRET_SIZE);
}
