/* See keeper_rig.h. */
#include "keeper_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/ip.h"

static void rig_forget_ends(struct keeper_rig *rig)
{
    cleanup_close(&rig->supervisor);
    rig->supervisor = -1;
    for (int i = 0; i < RIG_GATES_MAX; i++) {
        cleanup_close(&rig->gates[i]);
        rig->gates[i] = -1;
    }
}

void rig_open(struct keeper_rig *rig)
{
    *rig = (struct keeper_rig){.dir = "/tmp/postern-keeper-XXXXXX",
                               .supervisor = -1,
                               .gates = {-1, -1, -1, -1},
                               .sessions_per_user = 50,
                               .sessions_per_user_and_address = 50,
                               .operators = ""};
    assert_non_null(mkdtemp(rig->dir));
    (void)snprintf(rig->state, sizeof rig->state, "%s/state", rig->dir);
    (void)snprintf(rig->control, sizeof rig->control, "%s/control", rig->dir);
    (void)snprintf(rig->log, sizeof rig->log, "%s/log", rig->dir);
    assert_int_equal(chmod(rig->dir, 0755), 0);
    assert_int_equal(mkdir(rig->state, 0700), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(rig->state, RIG_ORDINARY_ID, RIG_ORDINARY_ID), 0);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void rig_close(struct keeper_rig *rig)
{
    if (rig->pid != 0)
        rig_kill(rig);
    assert_int_equal(nftw(rig->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* In the child. As root the keeper becomes an ordinary user, as postern run has it. */
_Noreturn static void rig_exec(const struct keeper_rig *rig, int channel)
{
    int log = open(rig->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log < 0 || dup2(log, STDERR_FILENO) < 0)
        _exit(126);
    /* dup2 to the same number would leave close-on-exec set */
    int moved = fcntl(channel, F_DUPFD, 10);
    if (moved < 0 || dup2(moved, 3) < 0)
        _exit(126);
    (void)close_range(4, ~0U, 0);
    if (geteuid() == 0)
        (void)execl(KEEPER_PROGRAM, "keeper", "--log", "text", "--root", rig->state, "--uid", "65534",
                    "--gid", "65534", (char *)NULL);
    else
        (void)execl(KEEPER_PROGRAM, "keeper", "--log", "text", "--root", rig->state, (char *)NULL);
    _exit(127);
}

void rig_spawn(struct keeper_rig *rig)
{
    int ends[2];
    assert_int_equal(channel_pair(ends), 0);
    rig->pid = fork();
    assert_true(rig->pid >= 0);
    if (rig->pid == 0)
        rig_exec(rig, ends[1]);
    (void)close(ends[1]);
    rig->supervisor = ends[0];
}

static int rig_listen(const struct keeper_rig *rig)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, rig->control, strlen(rig->control));
    (void)unlink(rig->control);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(chmod(rig->control, 0666), 0);
    assert_int_equal(listen(fd, 128), 0);
    return fd;
}

static void rig_tell(struct keeper_rig *rig, const struct message *message)
{
    assert_int_equal(channel_send_blocking(rig->supervisor, message), 0);
}

void rig_configure(struct keeper_rig *rig, const char *state)
{
    auto_close int control = rig_listen(rig);
    uint64_t generation = ++rig->generation;
    struct message begin = {.type = MESSAGE_configure_begin,
                            .configure_begin = {.generation = generation,
                                                .default_domain = SPAN("example.org"),
                                                .netbios_domains = SPAN("CORP=example.org")}};
    struct message limits = {
        .type = MESSAGE_configure_limits,
        .configure_limits = {.sessions_per_user = rig->sessions_per_user,
                             .sessions_per_user_and_address = rig->sessions_per_user_and_address}};
    struct message keeper = {.type = MESSAGE_configure_keeper,
                             .configure_keeper = {.state = span_of(state),
                                                  .operators = span_of(rig->operators),
                                                  .journal_age_s = 86400,
                                                  .journal_rows = 1000,
                                                  .control = control}};
    struct message commit = {.type = MESSAGE_configure_commit, .configure_commit = {generation}};
    rig_tell(rig, &begin);
    rig_tell(rig, &limits);
    rig_tell(rig, &keeper);
    rig_tell(rig, &commit);
}

struct message rig_supervisor_receive(struct keeper_rig *rig)
{
    struct message message = {.type = MESSAGE_NONE};
    assert_int_equal(channel_receive_blocking(rig->supervisor, ROLE_SUPERVISOR, ROLE_KEEPER,
                                              RIG_WAIT_MS, rig->packet, &message),
                     0);
    return message;
}

void rig_start(struct keeper_rig *rig)
{
    rig_spawn(rig);
    rig_configure(rig, "state.db");
    struct message answer = rig_supervisor_receive(rig);
    if (answer.type == MESSAGE_configure_refused)
        fail_msg("%.*s", (int)answer.configure_refused.reason.len,
                 (const char *)answer.configure_refused.reason.at);
    assert_int_equal(answer.type, MESSAGE_configured);
    assert_true(answer.configured.generation == rig->generation);
}

static int rig_reap(struct keeper_rig *rig)
{
    int status = 0;
    assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
    rig->pid = 0;
    return status;
}

void rig_kill(struct keeper_rig *rig)
{
    assert_int_equal(kill(rig->pid, SIGKILL), 0);
    (void)rig_reap(rig);
    rig_forget_ends(rig);
}

int rig_stop(struct keeper_rig *rig)
{
    struct message finish = {.type = MESSAGE_finish, .finish = {.within_ms = RIG_WAIT_MS}};
    rig_tell(rig, &finish);
    for (int i = 0; i < RIG_GATES_MAX; i++) {
        cleanup_close(&rig->gates[i]);
        rig->gates[i] = -1;
    }
    int status = rig_reap(rig);
    rig_forget_ends(rig);
    return status;
}

void rig_join(struct keeper_rig *rig, uint32_t gate)
{
    int ends[2];
    assert_int_equal(channel_pair(ends), 0);
    struct message joined = {.type = MESSAGE_gate_joined, .gate_joined = {.gate = gate, .channel = ends[1]}};
    rig_tell(rig, &joined);
    (void)close(ends[1]);
    cleanup_close(&rig->gates[gate]);
    rig->gates[gate] = ends[0];
}

void rig_gate_send(struct keeper_rig *rig, uint32_t gate, const struct message *message)
{
    assert_int_equal(channel_send_blocking(rig->gates[gate], message), 0);
}

struct message rig_gate_receive(struct keeper_rig *rig, uint32_t gate)
{
    struct message message = {.type = MESSAGE_NONE};
    assert_int_equal(channel_receive_blocking(rig->gates[gate], ROLE_GATE, ROLE_KEEPER, RIG_WAIT_MS,
                                              rig->packet, &message),
                     0);
    return message;
}

bool rig_gate_is_quiet(struct keeper_rig *rig, uint32_t gate)
{
    struct pollfd wait = {.fd = rig->gates[gate], .events = POLLIN};
    return poll(&wait, 1, 0) == 0;
}

int rig_connect(const struct keeper_rig *rig)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, rig->control, strlen(rig->control));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    cleanup_close(&fd);
    return -1;
}

struct message rig_command_receive(struct keeper_rig *rig, int fd)
{
    struct message message = {.type = MESSAGE_NONE};
    assert_int_equal(channel_receive_blocking(fd, ROLE_COMMAND, ROLE_KEEPER, RIG_WAIT_MS,
                                              rig->packet, &message),
                     0);
    return message;
}

struct message rig_command(struct keeper_rig *rig, const struct message *command)
{
    auto_close int fd = rig_connect(rig);
    assert_true(fd >= 0);
    assert_int_equal(channel_send_blocking(fd, command), 0);
    return rig_command_receive(rig, fd);
}

/* --- Messages in short ---------------------------------------------------------------------------- */

static struct ip address_of(const char *text)
{
    struct ip ip;
    assert_true(ip_parse(span_of(text), &ip));
    return ip;
}

enum login_answer_code rig_ask(struct keeper_rig *rig, struct rig_session session)
{
    struct ip address = address_of(session.address);
    struct message ask = {.type = MESSAGE_login_ask,
                          .login_ask = {.session = session.id,
                                        .login = span_of(session.login),
                                        .listener = SPAN("imaps"),
                                        .factor = SPAN("certificate"),
                                        .has_certificate = session.mark != 0,
                                        .fingerprint = {session.mark},
                                        .certificate_end_s = rig->certificate_end_s,
                                        .enrolment = (uint8_t)rig->enrolment}};
    memcpy(ask.login_ask.address, address.octets, sizeof address.octets);
    rig_gate_send(rig, session.gate, &ask);
    struct message answer = rig_gate_receive(rig, session.gate);
    assert_int_equal(answer.type, MESSAGE_login_answer);
    assert_true(answer.login_answer.session == session.id);
    return (enum login_answer_code)answer.login_answer.answer;
}

void rig_log_in(struct keeper_rig *rig, struct rig_session session)
{
    assert_int_equal(rig_ask(rig, session), LOGIN_ALLOWED);
    struct message started = {.type = MESSAGE_session_started, .session_started = {session.id}};
    rig_gate_send(rig, session.gate, &started);
}

void rig_announce(struct keeper_rig *rig, struct rig_session session)
{
    struct ip address = address_of(session.address);
    struct message announce = {.type = MESSAGE_session_announce,
                               .session_announce = {.session = session.id,
                                                    .login = span_of(session.login),
                                                    .listener = SPAN("imaps"),
                                                    .factor = SPAN("certificate"),
                                                    .has_certificate = session.mark != 0,
                                                    .fingerprint = {session.mark},
                                                    .started_s = 12345}};
    memcpy(announce.session_announce.address, address.octets, sizeof address.octets);
    rig_gate_send(rig, session.gate, &announce);
}

uint64_t rig_expect_close(struct keeper_rig *rig, uint32_t gate, const char *reason)
{
    struct message order = rig_gate_receive(rig, gate);
    assert_int_equal(order.type, MESSAGE_session_close);
    assert_true(span_equal(order.session_close.reason, span_of(reason)));
    return order.session_close.session;
}

struct message rig_add_message(const char *login, const char *name, uint32_t mark, int64_t not_after_s)
{
    struct message add = {.type = MESSAGE_device_add,
                          .device_add = {.login = span_of(login),
                                         .name = span_of(name),
                                         .serial = SPAN("00ff"),
                                         .issuer = SPAN("CN=Postern CA"),
                                         .not_after_s = not_after_s}};
    for (size_t i = 0; i < 4; i++)
        add.device_add.fingerprint[i] = (uint8_t)(mark >> (8 * i));
    return add;
}

void rig_add(struct keeper_rig *rig, const char *login, const char *name, uint32_t mark)
{
    struct message add = rig_add_message(login, name, mark, INT64_C(4000000000));
    assert_int_equal(rig_command(rig, &add).type, MESSAGE_done);
}

struct message rig_revoke_message(const char *login, const char *name)
{
    return (struct message){.type = MESSAGE_device_revoke,
                            .device_revoke = {.login = span_of(login), .name = span_of(name)}};
}

uint64_t rig_revoke(struct keeper_rig *rig, const char *login, const char *name)
{
    struct message revoke = rig_revoke_message(login, name);
    struct message answer = rig_command(rig, &revoke);
    assert_int_equal(answer.type, MESSAGE_done);
    return answer.done.count;
}

unsigned rig_log_count(const struct keeper_rig *rig, const char *text)
{
    char whole[65536] UNINITIALIZED;
    auto_close int fd = open(rig->log, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, whole, sizeof whole - 1);
    assert_true(got >= 0);
    whole[got] = '\0';
    unsigned count = 0;
    for (const char *at = whole; (at = strstr(at, text)) != NULL; at += strlen(text))
        count++;
    return count;
}

bool rig_log_has(const struct keeper_rig *rig, const char *text)
{
    return rig_log_count(rig, text) > 0;
}
