/*
 * Has lists of revoked certificates read; see tables.h. Called at start, at a reload, and when a list has
 * changed; the other end is revocations/main.c.
 */
#include "supervisor/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "supervisor/spawn.h"
#include "supervisor/supervisor.h"

enum { TABLES_REASON_MAX = 1024 };

static const struct config_client_ca *tables_client_ca(const struct tables *tables)
{
    return &tables->setup->config->client_cas[tables->client_ca];
}

/* The table in force of the authority of that name; still owned there. -1: none. */
static int tables_former(const struct tables *tables)
{
    const char *name = tables_client_ca(tables)->name;
    const struct config *config = tables->former->config;
    for (size_t i = 0; i < config->client_ca_count; i++)
        if (strcmp(config->client_cas[i].name, name) == 0)
            return tables->former->tables[i];
    return -1;
}

static void tables_log_failure(const struct tables *tables, const char *reason)
{
    struct log_record record;
    log_begin(&record, LOG_ERROR, "crl_unread");
    log_text(&record, "authority", tables_client_ca(tables)->name);
    log_text(&record, "reason", reason);
    log_end(&record);
}

/* --- One table ------------------------------------------------------------------------------------ */

/* What can't be opened is as one that does not count: the list in force stays. */
static int tables_open_list(const struct tables *tables, const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0)
        return fd;
    auto_strbuf struct strbuf reason = STRBUF(TABLES_REASON_MAX);
    char text[128];
    strbuf_format(&reason, "it can't be opened: %s", strerror_r(errno, text, sizeof text));
    struct log_record record;
    log_begin(&record, LOG_ERROR, "crl_refused");
    log_text(&record, "authority", tables_client_ca(tables)->name);
    log_text(&record, "file", file);
    log_text(&record, "reason", strbuf_text(&reason));
    log_end(&record);
    return -1;
}

static bool tables_send_list(struct tables *tables, const char *file, int fd)
{
    struct message message = {
        .type = MESSAGE_revocations_list,
        .revocations_list = {.file = span_first(span_of(file), 512), .list = fd}};
    return channel_send(&tables->channel, &message);
}

static bool tables_send_lists(struct tables *tables, const int fds[TABLES_LISTS_MAX], uint32_t count)
{
    const struct config_client_ca *client_ca = tables_client_ca(tables);
    struct message begin = {
        .type = MESSAGE_revocations_begin,
        .revocations_begin = {.authority = span_of(client_ca->name),
                              .lists = count,
                              .certificates = snapshots_find(&tables->setup->files, client_ca->certificate),
                              .former = tables_former(tables)}};
    struct message write = {.type = MESSAGE_revocations_write, .revocations_write = {.table = tables->table}};
    bool is_sent = channel_send(&tables->channel, &begin);
    for (size_t i = 0; is_sent && i < client_ca->crls.count; i++)
        is_sent = fds[i] < 0 || tables_send_list(tables, client_ca->crls.at[i], fds[i]);
    return is_sent && channel_send(&tables->channel, &write);
}

/* False when the process could not be told what to do. */
static bool tables_tell(struct tables *tables)
{
    const struct config_client_ca *client_ca = tables_client_ca(tables);
    int fds[TABLES_LISTS_MAX];
    uint32_t count = 0;
    invariant(client_ca->crls.count <= TABLES_LISTS_MAX);
    for (size_t i = 0; i < client_ca->crls.count; i++) {
        fds[i] = tables_open_list(tables, client_ca->crls.at[i]);
        count += fds[i] >= 0;
    }
    bool is_told = tables_send_lists(tables, fds, count);
    for (size_t i = 0; i < client_ca->crls.count; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    return is_told;
}

static void tables_kill(struct tables *tables)
{
    if (tables->pid != 0)
        (void)kill(tables->pid, SIGKILL);
}

static void tables_on_message(struct channel *channel, struct message *message, void *owner)
{
    (void)channel;
    (void)message;
    (void)owner; /* the schema lets it say nothing */
}

/* Its end is SIGCHLD's to tell; one that sent something is ended. */
static void tables_on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    (void)channel;
    if (end != CHANNEL_PEER_GONE)
        tables_kill(owner);
}

static void tables_on_patience(evutil_socket_t fd, short what, void *argument)
{
    struct tables *tables = argument;
    (void)fd;
    (void)what;
    tables_log_failure(tables, "the process that reads the lists did not end in time");
    tables_kill(tables);
}

/* Starts the process for the client_ca at work. False with a sentence in problem. */
static bool tables_start(struct tables *tables, struct strbuf *problem)
{
    const struct timeval patience = {.tv_sec = TABLES_PATIENCE_MS / 1000};
    int fd = -1;
    tables->table = memfd_create("postern-revocations", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (tables->table < 0) {
        strbuf_append(problem, "no memory file to be had");
        return false;
    }
    int executable = executables_find(&tables->supervisor->executables, role_kind_revocations.executable);
    pid_t pid = spawn_role(&role_kind_revocations, executable, PROCESS_NUMBER_NONE,
                           &tables->supervisor->places, tables->supervisor->relay.input, &fd, problem);
    if (pid < 0)
        return false;
    tables->pid = pid;
    tables->started_ms = clock_monotonic_ms();
    (void)event_add(tables->patience, &patience);
    if (channel_init(&tables->channel, tables->supervisor->loop, fd, ROLE_SUPERVISOR, ROLE_REVOCATIONS,
                     tables_on_message, tables_on_closed, tables) != 0 ||
        !tables_tell(tables))
        tables_kill(tables); /* how it ended is logged when it has */
    return true;
}

static void tables_stop(struct tables *tables)
{
    (void)event_del(tables->patience);
    channel_fini(&tables->channel);
    if (tables->table >= 0)
        (void)close(tables->table);
    tables->table = -1;
    tables->pid = 0;
}

/* --- All of them ---------------------------------------------------------------------------------- */

static void tables_adopt(struct tables *tables, bool is_lacking)
{
    unsigned bit = 1U << tables->client_ca;
    struct stat status = {.st_size = 0};
    int *place = &tables->setup->tables[tables->client_ca];
    (void)fstat(tables->table, &status);
    if (*place >= 0)
        (void)close(*place);
    *place = take_fd(&tables->table);
    tables->made |= bit;
    tables->setup->lacking = (tables->setup->lacking & ~bit) | (is_lacking ? bit : 0);
    struct log_record record;
    log_begin(&record, LOG_INFO, "crl_table_made");
    log_text(&record, "authority", tables_client_ca(tables)->name);
    log_number(&record, "octets", status.st_size);
    log_number(&record, "ms", (int64_t)(clock_monotonic_ms() - tables->started_ms));
    log_end(&record);
}

/* A setup that is to come gets the table that is in force, and lacks what that lacked. */
static void tables_keep_former(struct tables *tables)
{
    int former = tables_former(tables);
    int *place = &tables->setup->tables[tables->client_ca];
    if (*place < 0 && former >= 0)
        *place = fcntl(former, F_DUPFD_CLOEXEC, 0);
    if (*place < 0)
        tables->setup->lacking |= 1U << tables->client_ca;
}

static void tables_go_on(struct tables *tables)
{
    while (tables->wanted != 0) {
        auto_strbuf struct strbuf problem = STRBUF(TABLES_REASON_MAX);
        tables->client_ca = (size_t)__builtin_ctz(tables->wanted);
        tables->wanted &= tables->wanted - 1;
        if (tables_start(tables, &problem))
            return;
        tables_log_failure(tables, strbuf_text(&problem));
        tables_keep_former(tables);
        tables_stop(tables);
    }
    tables->setup = NULL;
    supervisor_tables_made(tables->supervisor, tables->made);
}

bool tables_reaped(struct tables *tables, pid_t pid, int status)
{
    if (tables->pid == 0 || tables->pid != pid)
        return false;
    bool is_lacking = WIFEXITED(status) && WEXITSTATUS(status) == REVOCATIONS_LACKING;
    bool is_made = (is_lacking || (WIFEXITED(status) && WEXITSTATUS(status) == REVOCATIONS_COMPLETE)) &&
                   fcntl(tables->table, F_ADD_SEALS,
                         F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0;
    if (is_made) {
        tables_adopt(tables, is_lacking);
    } else {
        auto_strbuf struct strbuf reason = STRBUF(TABLES_REASON_MAX);
        strbuf_append(&reason, "the process that reads the lists ");
        process_print_end(status, &reason);
        tables_log_failure(tables, strbuf_text(&reason));
        tables_keep_former(tables);
    }
    tables_stop(tables);
    tables_go_on(tables);
    return true;
}

/* --- What others ask ------------------------------------------------------------------------------ */

/* Whether both memory files, or neither, hold the same. */
static bool table_is_same(int a, int b)
{
    struct stat one;
    struct stat two;
    if (a < 0 || b < 0)
        return a < 0 && b < 0;
    if (fstat(a, &one) != 0 || fstat(b, &two) != 0 || one.st_size != two.st_size)
        return false;
    size_t len = (size_t)one.st_size;
    void *first = mmap(NULL, len, PROT_READ, MAP_SHARED, a, 0);
    void *second = mmap(NULL, len, PROT_READ, MAP_SHARED, b, 0);
    bool is_same = first != MAP_FAILED && second != MAP_FAILED && memcmp(first, second, len) == 0;
    if (first != MAP_FAILED)
        (void)munmap(first, len);
    if (second != MAP_FAILED)
        (void)munmap(second, len);
    return is_same;
}

bool tables_agree(const struct setup *a, const struct setup *b)
{
    bool are_same = a->config->client_ca_count == b->config->client_ca_count;
    for (size_t i = 0; are_same && i < a->config->client_ca_count; i++)
        are_same = strcmp(a->config->client_cas[i].name, b->config->client_cas[i].name) == 0 &&
                   table_is_same(a->tables[i], b->tables[i]);
    return are_same;
}

static bool is_lacking_too(const struct setup *setup, const char *name)
{
    for (size_t i = 0; i < setup->config->client_ca_count; i++)
        if (strcmp(setup->config->client_cas[i].name, name) == 0)
            return (setup->lacking & 1U << i) != 0;
    return false;
}

const char *tables_find_lack(const struct setup *setup, const struct setup *former)
{
    for (size_t i = 0; i < setup->config->client_ca_count; i++)
        if ((setup->lacking & 1U << i) != 0 && !is_lacking_too(former, setup->config->client_cas[i].name))
            return setup->config->client_cas[i].name;
    return NULL;
}

unsigned tables_all(const struct setup *setup)
{
    unsigned all = 0;
    for (size_t i = 0; i < setup->config->client_ca_count; i++)
        all |= setup->config->client_cas[i].crls.count > 0 ? 1U << i : 0;
    return all;
}

void tables_make(struct tables *tables, struct setup *setup, const struct setup *former, unsigned wanted)
{
    invariant(tables->setup == NULL);
    tables->setup = setup;
    tables->former = former;
    tables->wanted = wanted;
    tables->made = 0;
    tables_go_on(tables);
}

void tables_cancel(struct tables *tables)
{
    if (tables->setup == NULL)
        return;
    tables_kill(tables);
    tables_stop(tables);
    tables->setup = NULL;
    tables->wanted = 0;
}

int tables_init(struct tables *tables, struct supervisor *supervisor)
{
    *tables = (struct tables){.supervisor = supervisor, .table = -1, .channel = {.fd = -1}};
    tables->patience = evtimer_new(supervisor->loop, tables_on_patience, tables);
    return tables->patience == NULL ? -ENOMEM : 0;
}

void tables_fini(struct tables *tables)
{
    if (tables->patience == NULL)
        return; /* never came to tables_init */
    tables_cancel(tables);
    event_free(tables->patience);
    tables->patience = NULL;
}
