/*
 * A gate, a keeper or a broker, after the name that it is run by, for tests of the supervisor: it takes its
 * configuration, serves a line to each connection, and misbehaves as the host name tells it. A
 * first label such as gate1-refuse is meant for gate 1, gate-refuse for every gate; any other name
 * is a well-behaved one's.
 *
 *     refuse      refuses the configuration
 *     crash       aborts at the commit
 *     forbidden   makes a system call that is barred
 *     mute        never answers
 *     linger      does not end when told to finish, nor when drained
 *     cling       (a keeper) does not answer when it is to let go of the store
 *     babble      sends the supervisor what is no message
 *
 * A certificate that begins with REFUSE makes a gate refuse, one that begins with CRASH makes it crash.
 *
 * The line: gate NUMBER generation G host HOSTNAME certificate FIRST-OCTETS authority FIRST-OCTETS
 * (of client certificates). What a gate says to
 * the keeper over their channel, the keeper logs as event "heard".
 */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "channel/channel.h"
#include "role/role.h"

enum { DOORS_MAX = 16, GATES_MAX = 128, CERTIFICATE_SHOWN = 16, NAME_MAX_OCTETS = 256 };

struct fake;

struct fake_door {
    struct fake *fake;
    struct event accept;
    int fd;
};

/* One configuration. */
struct fake_setup {
    uint64_t generation;
    char host[NAME_MAX_OCTETS];
    char certificate[CERTIFICATE_SHOWN + 1];
    char authority[CERTIFICATE_SHOWN + 1];
    struct fake_door doors[DOORS_MAX];
    size_t door_count;
};

struct fake {
    struct event_base *loop;
    struct channel supervisor;
    struct channel gates[GATES_MAX];
    const char *role;
    int number;
    bool is_lingering;
    struct fake_setup current;
    struct fake_setup pending;
};

static void fake_open_doors(struct fake *fake);

static void close_doors(struct fake_setup *setup)
{
    for (size_t i = 0; i < setup->door_count; i++) {
        if (event_initialized(&setup->doors[i].accept))
            (void)event_del(&setup->doors[i].accept);
        (void)close(setup->doors[i].fd);
    }
    setup->door_count = 0;
}

/* True when the host name asks that of this process. */
static bool is_told_to(const struct fake *fake, const char *host, const char *act)
{
    auto_strbuf struct strbuf mine = STRBUF(64);
    auto_strbuf struct strbuf all = STRBUF(64);
    strbuf_format(&mine, "%s%d-%s.", fake->role, fake->number, act);
    strbuf_format(&all, "%s-%s.", fake->role, act);
    return span_starts_nocase(span_of(host), strbuf_span(&mine)) ||
           span_starts_nocase(span_of(host), strbuf_span(&all));
}

/* --- From the supervisor ------------------------------------------------------------------------
 */

static void copy_text(char *to, size_t size, struct span text)
{
    (void)snprintf(to, size, "%.*s", (int)text.len, (const char *)text.at);
}

static void on_begin(struct fake *fake, struct message *message)
{
    close_doors(&fake->pending);
    fake->pending = (struct fake_setup){.generation = message->configure_begin.generation};
    copy_text(fake->pending.host, sizeof fake->pending.host, message->configure_begin.hostname);
}

/* The first octets of that file, as a word. */
static void read_file(char shown[CERTIFICATE_SHOWN + 1], int file)
{
    ssize_t got = pread(file, shown, CERTIFICATE_SHOWN, 0);
    shown[got < 0 ? 0 : got] = '\0';
    for (char *at = shown; *at != '\0'; at++)
        if (*at <= ' ')
            *at = '_';
}

static void on_certificate(struct fake *fake, struct message *message)
{
    read_file(fake->pending.certificate, message->configure_certificate.certificate);
}

static void on_client_ca(struct fake *fake, struct message *message)
{
    read_file(fake->pending.authority, message->configure_client_ca.certificate);
}

static void on_listener(struct fake *fake, struct message *message)
{
    if (fake->pending.door_count < DOORS_MAX)
        fake->pending.doors[fake->pending.door_count++] =
            (struct fake_door){.fake = fake, .fd = take_fd(&message->configure_listener.socket)};
}

static void refuse(struct fake *fake)
{
    struct message answer = {.type = MESSAGE_configure_refused,
                             .configure_refused = {.generation = fake->pending.generation,
                                                   .reason = SPAN("it was told to refuse")}};
    (void)channel_send(&fake->supervisor, &answer);
    close_doors(&fake->pending);
}

static void accept_setup(struct fake *fake)
{
    struct message answer = {.type = MESSAGE_configured,
                             .configured = {.generation = fake->pending.generation}};
    close_doors(&fake->current);
    fake->current = fake->pending;
    fake->pending.door_count = 0;
    fake_open_doors(fake);
    fake->is_lingering = is_told_to(fake, fake->current.host, "linger");
    (void)channel_send(&fake->supervisor, &answer);
}

static void on_commit(struct fake *fake, struct message *message)
{
    (void)message;
    const char *host = fake->pending.host;
    struct span certificate = span_of(fake->pending.certificate);
    if (is_told_to(fake, host, "crash") || span_starts_nocase(certificate, SPAN("CRASH")))
        abort();
    if (is_told_to(fake, host, "forbidden"))
        (void)syscall(SYS_setuid, 0);
    if (is_told_to(fake, host, "mute"))
        return;
    if (is_told_to(fake, host, "babble"))
        (void)send(ROLE_CHANNEL_FD, "\377\377babble", 8, 0);
    if (is_told_to(fake, host, "refuse") || span_starts_nocase(certificate, SPAN("REFUSE")))
        refuse(fake);
    else
        accept_setup(fake);
}

static void on_finish(struct fake *fake, struct message *message)
{
    (void)message;
    close_doors(&fake->current);
    if (!fake->is_lingering)
        (void)event_base_loopbreak(fake->loop);
}

/* There are no sessions: a drained gate is done at once. */
static void on_drain(struct fake *fake, struct message *message)
{
    struct log_record record;
    log_begin(&record, LOG_INFO, "draining");
    log_number(&record, "seconds", message->drain.within_ms / 1000);
    log_end(&record);
    on_finish(fake, message);
}

static void on_end_certified(struct fake *fake, struct message *message)
{
    (void)fake;
    (void)message;
    log_sentence(LOG_INFO, "end_certified", "told");
}

static void on_hand_over(struct fake *fake, struct message *message)
{
    struct message answer = {.type = MESSAGE_handed_over, .handed_over = {.is_stored = 1}};
    (void)message;
    log_sentence(LOG_INFO, "state_handed_over", "told");
    if (!is_told_to(fake, fake->current.host, "cling"))
        (void)channel_send(&fake->supervisor, &answer);
}

static void on_successor_joined(struct fake *fake, struct message *message)
{
    struct message greeting = {.type = MESSAGE_session_ended, .session_ended = {.session = 77}};
    (void)fake;
    if (channel_send_blocking(message->successor_joined.channel, &greeting) < 0)
        log_sentence(LOG_WARNING, "unheard", "the new keeper is gone");
}

/* --- Between gate and keeper --------------------------------------------------------------------
 */

static void on_keeper_joined(struct fake *fake, struct message *message)
{
    if (fake->supervisor.self == ROLE_BROKER) {
        log_sentence(LOG_INFO, "joined_keeper", "by the supervisor");
        return;
    }
    struct message greeting = {.type = MESSAGE_session_started,
                               .session_started = {.session = (uint64_t)fake->number}};
    if (channel_send_blocking(message->keeper_joined.channel, &greeting) < 0)
        log_sentence(LOG_WARNING, "unheard", "the keeper is gone");
}

static void on_gate_message(struct channel *channel, struct message *message, void *owner)
{
    struct log_record record;
    (void)channel;
    (void)owner;
    log_begin(&record, LOG_INFO, "heard");
    log_number(&record, "gate", (int64_t)message->session_started.session);
    log_end(&record);
}

static void on_gate_closed(struct channel *channel, enum channel_end end, void *owner)
{
    (void)channel;
    (void)end;
    (void)owner;
}

/* The broker logs who was joined to it, and whether with both channels. */
static void fake_note_gate(uint32_t gate, bool has_signing)
{
    struct log_record record;
    log_begin(&record, LOG_INFO, "joined");
    log_number(&record, "gate", gate);
    log_number(&record, "signing", has_signing);
    log_end(&record);
}

static void on_gate_joined(struct fake *fake, struct message *message)
{
    if (fake->supervisor.self == ROLE_BROKER) {
        fake_note_gate(message->gate_joined.gate, message->gate_joined.signing >= 0);
        return;
    }
    struct channel *gate = &fake->gates[message->gate_joined.gate % GATES_MAX];
    channel_fini(gate);
    if (channel_init(gate, fake->loop, take_fd(&message->gate_joined.channel), ROLE_KEEPER,
                     ROLE_GATE, on_gate_message, on_gate_closed, fake) < 0)
        abort();
}

/* --- Connections --------------------------------------------------------------------------------
 */

static void on_accept(evutil_socket_t fd, short what, void *argument)
{
    struct fake_door *door = argument;
    const struct fake_setup *setup = &door->fake->current;
    char line[512];
    (void)what;
    auto_close int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0)
        return;
    int len = snprintf(line, sizeof line, "gate %d generation %llu host %s certificate %s authority %s\n",
                       door->fake->number, (unsigned long long)setup->generation, setup->host,
                       setup->certificate, setup->authority);
    (void)send(client, line, (size_t)len, MSG_NOSIGNAL);
}

static void fake_open_doors(struct fake *fake)
{
    for (size_t i = 0; i < fake->current.door_count; i++) {
        struct fake_door *door = &fake->current.doors[i];
        if (event_assign(&door->accept, fake->loop, door->fd, EV_READ | EV_PERSIST, on_accept,
                         door) != 0 ||
            event_add(&door->accept, NULL) != 0)
            abort();
    }
}

/* --- The process --------------------------------------------------------------------------------
 */

typedef void fake_message_fn(struct fake *fake, struct message *message);

static fake_message_fn *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_configure_begin] = on_begin,
    [MESSAGE_configure_certificate] = on_certificate,
    [MESSAGE_configure_client_ca] = on_client_ca,
    [MESSAGE_configure_listener] = on_listener,
    [MESSAGE_configure_commit] = on_commit,
    [MESSAGE_keeper_joined] = on_keeper_joined,
    [MESSAGE_gate_joined] = on_gate_joined,
    [MESSAGE_finish] = on_finish,
    [MESSAGE_drain] = on_drain,
    [MESSAGE_end_certified] = on_end_certified,
    [MESSAGE_hand_over] = on_hand_over,
    [MESSAGE_successor_joined] = on_successor_joined,
};

static void on_message(struct channel *channel, struct message *message, void *owner)
{
    (void)channel;
    if (handlers[message->type] != NULL)
        handlers[message->type](owner, message);
}

static void on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    struct fake *fake = owner;
    (void)channel;
    (void)end;
    (void)event_base_loopbreak(fake->loop);
}

struct fake_kind {
    const char *name;
    enum role role;
    const struct role_profile *profile;
};

static const struct fake_kind *fake_kind_of(const char *name)
{
    static const struct fake_kind kinds[] = {{"keeper", ROLE_KEEPER, &role_profile_keeper},
                                             {"broker", ROLE_BROKER, &role_profile_broker},
                                             {"gate", ROLE_GATE, &role_profile_gate}};
    const struct fake_kind *kind = kinds;
    while (kind->role != ROLE_GATE && strcmp(kind->name, name) != 0)
        kind++;
    return kind;
}

int main(int argc, char **argv)
{
    static struct fake fake;
    struct role_start start;
    const struct fake_kind *kind = fake_kind_of(argv[0]);
    role_begin(&start, argc, argv, kind->profile);
    fake.role = kind->name;
    fake.number = start.number;
    fake.loop = event_base_new();
    for (size_t i = 0; i < GATES_MAX; i++)
        fake.gates[i].fd = -1;
    if (fake.loop == NULL || channel_init(&fake.supervisor, fake.loop, ROLE_CHANNEL_FD, kind->role,
                                          ROLE_SUPERVISOR, on_message, on_closed, &fake) < 0)
        return EXIT_FAILURE;
    role_confine(&start);
    (void)event_base_dispatch(fake.loop);
    return EXIT_SUCCESS;
}
