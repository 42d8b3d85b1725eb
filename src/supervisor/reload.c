/*
 * Reload and what happens when it fails; see reload.h. Called by supervisor.c on signals and
 * answers.
 */
#include "supervisor/reload.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "supervisor/notify.h"
#include "supervisor/start.h"

static void reload_try(struct supervisor *supervisor, bool reads_file);

static void reload_log_refusal(struct span sentence)
{
    struct log_record record;
    log_begin(&record, LOG_ERROR, "reload_refused");
    log_span(&record, "text", sentence);
    log_end(&record);
}

/* config_read() says everything that is wrong, a line each. */
static void reload_log_refusals(const struct strbuf *problem)
{
    struct span rest = strbuf_span(problem);
    while (rest.len > 0) {
        struct span line = span_cut(&rest, '\n');
        if (line.len > 0)
            reload_log_refusal(line);
    }
}

void reload_end(struct supervisor *supervisor)
{
    supervisor->phase = supervisor->phase == SUPERVISOR_UPGRADING ? supervisor->phase_before
                                                                  : SUPERVISOR_RUNNING;
    if (supervisor->phase == SUPERVISOR_STARTING) {
        start_advance(supervisor); /* the former roles serve on, and ours are tried on */
        return;
    }
    notify_manager(NOTIFY_READY);
    start_absent(supervisor);
    watch_look_soon(&supervisor->watch);
    if (supervisor->reload_is_asked)
        reload_begin(supervisor, supervisor->reload_reads);
    else
        reload_try_next(supervisor);
}

void reload_try_next(struct supervisor *supervisor)
{
    if (supervisor->phase == SUPERVISOR_RUNNING && supervisor_is_whole(supervisor) &&
        guard_begin_next(&supervisor->guard))
        reload_try(supervisor, false);
}

/* A new configuration from the file, or the running one once more. NULL with problem. */
static struct config *reload_read(struct supervisor *supervisor, bool reads_file,
                                  struct strbuf *problem)
{
    if (!reads_file)
        return supervisor->running->config;
    struct config *config = config_read(supervisor->arguments->config_file, problem);
    if (config == NULL || config_can_replace(config, supervisor->running->config, problem))
        return config;
    config_free(config);
    return NULL;
}

static void reload_send(struct supervisor *supervisor, struct process *process)
{
    const struct setup *setup =
        supervisor->phase == SUPERVISOR_RELOADING ? supervisor->candidate : supervisor->running;
    if (process->phase == PROCESS_READY || process->phase == PROCESS_CONFIGURING)
        process_configure(process, setup, supervisor->generation, supervisor->control);
}

static void reload_send_all(struct supervisor *supervisor, enum supervisor_phase phase)
{
    supervisor->phase = phase;
    supervisor->generation++;
    supervisor_each(supervisor, reload_send);
    reload_advance(supervisor);
}

/*
 * Also while the roles of the last upgrade don't come up, and the former ones serve: a corrected
 * configuration, or another release, may be what they need.
 */
static bool reload_is_upgrade(const struct supervisor *supervisor)
{
    bool is_stuck = supervisor->phase == SUPERVISOR_STARTING && supervisor->arguments->handover >= 0 &&
                    (process_is_alive(&supervisor->keeper) || evtimer_pending(supervisor->keeper.restart, NULL));
    return is_stuck || (supervisor->phase == SUPERVISOR_RUNNING &&
                        executables_have_changed(&supervisor->executables));
}

void reload_begin(struct supervisor *supervisor, bool reads_file)
{
    if (reads_file && reload_is_upgrade(supervisor)) {
        upgrade_begin(supervisor);
        return;
    }
    if (supervisor->phase != SUPERVISOR_RUNNING) {
        supervisor->reload_reads |= reads_file;
        supervisor->reload_is_asked = true;
        return;
    }
    supervisor->reload_is_asked = false;
    supervisor->reload_reads = false;
    guard_begin(&supervisor->guard, reads_file);
    reload_try(supervisor, reads_file);
}

/* All that changed, or the one file whose turn it is (guard.h). */
static void reload_try(struct supervisor *supervisor, bool reads_file)
{
    auto_strbuf struct strbuf problem = STRBUF(SUPERVISOR_PROBLEM_MAX);
    notify_manager(NOTIFY_RELOADING);
    log_sentence(LOG_INFO, "reload_started", "%s",
                 reads_file ? "asked by SIGHUP" : "a file has changed");
    struct config *config = reload_read(supervisor, reads_file, &problem);
    if (config != NULL) {
        watch_remember(&supervisor->watch, config);
        inherited_unmark(&supervisor->inherited);
        supervisor->candidate =
            setup_new(config, supervisor->running, &supervisor->inherited, &supervisor->guard,
                      &problem);
    }
    if (supervisor->candidate == NULL) {
        reload_log_refusals(&problem);
        reload_end(supervisor);
        return;
    }
    supervisor->phase = SUPERVISOR_PREPARING;
    tables_make(&supervisor->tables, supervisor->candidate, supervisor->running,
                tables_all(supervisor->candidate));
}

/* --- Lists of revoked certificates ---------------------------------------------------------- */

/* Those whose lists have changed. */
static unsigned reload_changed_tables(const struct supervisor *supervisor)
{
    const struct config *config = supervisor->running->config;
    unsigned changed = 0;
    for (size_t i = 0; i < config->client_ca_count; i++)
        for (size_t j = 0; j < config->client_cas[i].crls.count; j++)
            if (watch_has_changed(&supervisor->watch, config->client_cas[i].crls.at[j]))
                changed |= 1U << i;
    return changed;
}

void reload_lists(struct supervisor *supervisor)
{
    if (supervisor->phase != SUPERVISOR_RUNNING)
        return; /* the end of what goes on looks again */
    if (supervisor->reload_waits_for_lists) {
        guard_release(&supervisor->guard);
        reload_begin(supervisor, false);
        return;
    }
    unsigned changed = reload_changed_tables(supervisor);
    watch_take_lists(&supervisor->watch);
    supervisor->phase = SUPERVISOR_PREPARING;
    tables_make(&supervisor->tables, supervisor->running, supervisor->running, changed);
}

static void reload_send_tables_to(struct supervisor *supervisor, struct process *process, unsigned made)
{
    bool is_open = channel_is_open(&process->channel); /* if not, the next process gets them as it starts */
    for (size_t i = 0; is_open && i < SETUP_CLIENT_CAS_MAX; i++)
        is_open = (made & 1U << i) == 0 || role_send_table(&process->channel, supervisor->running, i);
}

void reload_send_tables(struct supervisor *supervisor, unsigned made)
{
    reload_send_tables_to(supervisor, &supervisor->broker, made);
    for (unsigned i = 0; i < supervisor->gate_count; i++)
        reload_send_tables_to(supervisor, &supervisor->gates[i], made);
}

/* Where nothing but files has changed, one of them is the reason. */
static void reload_blame(struct supervisor *supervisor, const char *sentence)
{
    if (supervisor->candidate->config == supervisor->running->config)
        guard_blame(&supervisor->guard, supervisor->running->config, &supervisor->candidate->files,
                    &supervisor->running->files, sentence);
}

/* With it every certificate of that authority would be refused, which nobody can mean. */
static void reload_refuse_lack(struct supervisor *supervisor, const char *client_ca)
{
    auto_strbuf struct strbuf sentence = STRBUF(SUPERVISOR_SENTENCE_MAX);
    strbuf_format(&sentence, "client_ca %s: an authority in its certificate has no revocation list that counts; "
                             "the records crl_missing and crl_refused say which and why", client_ca);
    reload_log_refusal(strbuf_span(&sentence));
    reload_blame(supervisor, strbuf_text(&sentence));
    setup_replace(take(&supervisor->candidate), supervisor->running);
    supervisor->reload_waits_for_lists = true;
    reload_end(supervisor);
}

static void reload_try_candidate(struct supervisor *supervisor)
{
    const char *client_ca = tables_find_lack(supervisor->candidate, supervisor->running);
    supervisor->reload_waits_for_lists = false;
    if (client_ca == NULL)
        reload_send_all(supervisor, SUPERVISOR_RELOADING);
    else
        reload_refuse_lack(supervisor, client_ca);
}

void reload_tables_made(struct supervisor *supervisor, unsigned made)
{
    if (supervisor->candidate != NULL) {
        reload_try_candidate(supervisor);
        return;
    }
    reload_send_tables(supervisor, made);
    if (made != 0) {
        log_sentence(LOG_INFO, "crl_in_force", "new tables of revoked certificates are with every gate");
        formers_end_certified(supervisor); /* they hear no more of lists */
    }
    reload_end(supervisor);
}

/* --- The end of a reload -------------------------------------------------------------------- */

/* At start this is an error; here a listener that went may come again. */
static void reload_warn_of_unused_socket(const struct supervisor *supervisor)
{
    const struct inherited_socket *unused = inherited_unused(&supervisor->inherited);
    if (unused == NULL)
        return;
    auto_strbuf struct strbuf address = STRBUF(64);
    struct log_record record;
    endpoint_print(&unused->endpoint, &address);
    log_begin(&record, LOG_WARNING, "socket_unused");
    log_span(&record, "address", strbuf_span(&address));
    log_end(&record);
}

struct authority_search {
    const struct snapshots *before;
    const struct snapshots *now;
};

static bool authority_is_same(const struct config_file *file, void *argument)
{
    const struct authority_search *search = argument;
    return snapshots_agree(search->before, search->now, file->path);
}

/* Gates that drain hear no more of settings: whom these let in may be let in no longer. */
static void reload_tell_formers(struct supervisor *supervisor, const struct setup *former)
{
    struct authority_search search = {.before = &former->files, .now = &supervisor->running->files};
    if (formers_exist(supervisor) &&
        !(config_visit_authorities(supervisor->running->config, authority_is_same, &search) &&
          config_visit_authorities(former->config, authority_is_same, &search) &&
          tables_agree(former, supervisor->running)))
        formers_end_certified(supervisor);
}

static void reload_accept(struct supervisor *supervisor)
{
    struct setup *former = supervisor->running;
    supervisor->running = take(&supervisor->candidate);
    reload_tell_formers(supervisor, former);
    doors_steer(&supervisor->running->doors, supervisor->running->config);
    setup_replace(former, supervisor->running);
    reload_warn_of_unused_socket(supervisor);
    struct log_record record;
    log_begin(&record, LOG_INFO, "reload_done");
    log_number(&record, "generation", (int64_t)supervisor->generation);
    log_end(&record);
    reload_end(supervisor);
}

void reload_fail(struct supervisor *supervisor, const char *sentence)
{
    if (supervisor->phase != SUPERVISOR_RELOADING)
        return; /* restoring: that process is started anew, with what all others have */
    reload_log_refusal(span_of(sentence));
    reload_blame(supervisor, sentence);
    setup_replace(take(&supervisor->candidate), supervisor->running);
    reload_send_all(supervisor, SUPERVISOR_RESTORING);
}

void reload_advance(struct supervisor *supervisor)
{
    if (!supervisor_is_settled(supervisor))
        return;
    if (supervisor->phase == SUPERVISOR_RELOADING)
        reload_accept(supervisor);
    else if (supervisor->phase == SUPERVISOR_RESTORING)
        reload_end(supervisor);
}
