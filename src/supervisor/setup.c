/*
 * Makes and unmakes what a configuration consists of; see setup.h. Used at start and by reload.c.
 */
#include "supervisor/setup.h"

#include <sched.h>
#include <stddef.h>

#include "base/invariant.h"

unsigned config_gate_count(const struct config *config)
{
    cpu_set_t cores;
    unsigned count = config->gates;
    if (count == 0 && sched_getaffinity(0, sizeof cores, &cores) == 0)
        count = (unsigned)CPU_COUNT(&cores);
    return count == 0 ? 1 : count < DOOR_GATES_MAX ? count : DOOR_GATES_MAX;
}

/* What roles got when they were started, and can't be told anew. */
static const struct {
    const char *name;
    size_t offset; /* of a char * in struct config */
} config_lasting[] = {
    {"state", offsetof(struct config, state_file)},
    {"control", offsetof(struct config, control)},
    {"empty_root", offsetof(struct config, empty_root)},
    {"gate_user", offsetof(struct config, gate_user)},
    {"keeper_user", offsetof(struct config, keeper_user)},
    {"broker_user", offsetof(struct config, broker_user)},
};

static const char *config_text(const struct config *config, size_t offset)
{
    return *(char *const *)(const void *)((const char *)config + offset);
}

bool config_can_replace(const struct config *config, const struct config *running,
                        struct strbuf *problem)
{
    const char *changed = NULL;
    for (size_t i = 0; i < sizeof config_lasting / sizeof *config_lasting; i++)
        if (strcmp(config_text(config, config_lasting[i].offset),
                   config_text(running, config_lasting[i].offset)) != 0)
            changed = config_lasting[i].name;
    if (config_gate_count(config) != config_gate_count(running))
        changed = "gates";
    if (changed != NULL)
        strbuf_format(problem,
                      "%s: %s can't change while Postern runs; restart it, or put the former "
                      "value back",
                      config->file, changed);
    return changed == NULL;
}

static bool setup_open(struct setup *setup, const struct setup *running,
                       struct inherited *inherited, struct guard *guard, struct strbuf *problem)
{
    strbuf_init(&setup->operators, SETUP_OPERATORS_MAX);
    if (!places_list_operators(setup->config, &setup->operators, problem))
        return false;
    if (strbuf_failed(&setup->operators)) {
        strbuf_append(problem, "operators: too many users");
        return false;
    }
    return snapshots_take(&setup->files, setup->config, running == NULL ? NULL : &running->files, guard,
                          problem) &&
           doors_open(&setup->doors, setup->config, config_gate_count(setup->config),
                      running == NULL ? NULL : &running->doors, inherited, problem);
}

struct setup *setup_new(struct config *config, const struct setup *running,
                        struct inherited *inherited, struct guard *guard, struct strbuf *problem)
{
    struct setup *setup = calloc(1, sizeof *setup);
    if (setup == NULL) {
        strbuf_append(problem, "out of memory");
        if (running == NULL || running->config != config)
            config_free(config);
        return NULL;
    }
    invariant(config->client_ca_count <= SETUP_CLIENT_CAS_MAX);
    setup->config = config;
    for (size_t i = 0; i < SETUP_CLIENT_CAS_MAX; i++)
        setup->tables[i] = -1;
    if (setup_open(setup, running, inherited, guard, problem))
        return setup;
    setup_replace(setup, running);
    return NULL;
}

void setup_replace(struct setup *going, const struct setup *staying)
{
    if (going == NULL)
        return;
    doors_fini(&going->doors);
    snapshots_fini(&going->files);
    for (size_t i = 0; i < SETUP_CLIENT_CAS_MAX; i++)
        if (going->tables[i] >= 0)
            (void)close(going->tables[i]);
    strbuf_fini(&going->operators);
    if (staying == NULL || staying->config != going->config)
        config_free(going->config);
    free(going);
}
