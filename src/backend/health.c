/* Asks each backend address how it is; see health.h. */
#include "backend/health.h"

#include <event2/event_struct.h>
#include <stdlib.h>

#include "backend/login.h"
#include "base/cleanup.h"
#include "base/invariant.h"

struct health_check {
    struct event_base *loop;
    struct reaper *reaper;
    struct backend *backend;
    struct backend_address *address;
    struct event timer;
    struct backend_login *login; /* while one is under way */
};

static void health_wait(struct health_check *check, uint32_t ms)
{
    struct timeval after = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(&check->timer, &after);
}

static void health_on_done(struct backend_login *login, enum backend_login_result result, void *owner)
{
    struct health_check *check = owner;
    (void)result; /* backend_login has noted it at the address */
    check->login = NULL;
    backend_login_free(login);
    health_wait(check, check->backend->health_interval_ms);
}

static void health_on_timer(evutil_socket_t fd, short what, void *argument)
{
    struct health_check *check = argument;
    struct backend_login_request request = {
        .backend = check->backend,
        .only = check->address,
        .mechanism = SASL_PLAIN,
        .client = &check->address->endpoint,
        .local = &check->address->endpoint,
    };
    (void)fd;
    (void)what;
    check->login = backend_login_start(check->loop, check->reaper, &request, health_on_done, check);
    if (check->login == NULL)
        health_wait(check, check->backend->health_interval_ms);
}

void health_start(struct health *health, struct event_base *loop, struct reaper *reaper,
                  struct backend *const *backends, size_t backend_count)
{
    size_t count = 0;
    for (size_t i = 0; i < backend_count; i++)
        count += backends[i]->address_count;
    *health = (struct health){.checks = calloc(count, sizeof(struct health_check))};
    for (size_t i = 0; health->checks != NULL && i < backend_count; i++)
        for (size_t j = 0; j < backends[i]->address_count; j++) {
            struct health_check *check = &health->checks[health->count++];
            *check = (struct health_check){.loop = loop,
                                           .reaper = reaper,
                                           .backend = backends[i],
                                           .address = &backends[i]->addresses[j]};
            invariant(event_assign(&check->timer, loop, -1, 0, health_on_timer, check) == 0);
            /* Spread over the first second, so that many addresses are not asked at once. */
            health_wait(check, (uint32_t)(health->count * 1000 / (count + 1)));
        }
}

void health_stop(struct health *health)
{
    for (size_t i = 0; i < health->count; i++) {
        (void)event_del(&health->checks[i].timer);
        backend_login_free(take(&health->checks[i].login));
    }
    free(health->checks);
    *health = (struct health){.checks = NULL};
}
