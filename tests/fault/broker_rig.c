/* See broker_rig.h. */
#include "broker_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <openssl/pem.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/ip.h"
#include "config/terms.h"
#include "revocations/maker.h"

#define RIG_ROOT     "/tmp/postern-broker-XXXXXX"
#define RIG_GREETING "* OK [CAPABILITY IMAP4rev1 SASL-IR ID AUTH=PLAIN] ready\r\n"

/* --- The broker ---------------------------------------------------------------------------------- */

/* In the child. As root the broker becomes an ordinary user, as postern run has it. */
_Noreturn static void rig_exec(const struct broker_rig *rig, int channel)
{
    int moved = fcntl(channel, F_DUPFD, 10);
    if (moved < 0 || dup2(moved, 3) < 0)
        _exit(126);
    (void)close_range(4, ~0U, 0);
    if (geteuid() == 0)
        (void)execl(BROKER_PROGRAM, "broker", "--log", "text", "--root", rig->root, "--uid", "65534",
                    "--gid", "65534", (char *)NULL);
    else
        (void)execl(BROKER_PROGRAM, "broker", "--log", "text", (char *)NULL);
    _exit(127);
}

static void rig_tell(struct broker_rig *rig, const struct message *message)
{
    assert_int_equal(channel_send_blocking(rig->supervisor, message), 0);
}

static struct message rig_receive(struct broker_rig *rig, int fd, enum role self)
{
    struct message message = {.type = MESSAGE_NONE};
    assert_int_equal(channel_receive_blocking(fd, self, ROLE_BROKER, RIG_WAIT_MS, rig->packet, &message), 0);
    return message;
}

static int rig_memory(void)
{
    int fd = memfd_create("rig", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* The table that the list makes. */
static void rig_make_table(int certificate, X509_CRL *crl, int table)
{
    static struct maker maker;
    auto_close int list = rig_memory();
    BIO *bio = BIO_new_fd(list, BIO_NOCLOSE);
    assert_int_equal(PEM_write_bio_X509_CRL(bio, crl), 1);
    BIO_free(bio);
    assert_true(maker_init(&maker, SPAN("own"), certificate, -1));
    maker_add(&maker, SPAN("list"), list);
    assert_true(maker_write(&maker, table));
    maker_fini(&maker);
}

static void rig_tell_authority(struct broker_rig *rig, X509 *authority, X509_CRL *crl)
{
    auto_close int certificate = rig_memory();
    auto_close int table = rig_memory();
    BIO *bio = BIO_new_fd(certificate, BIO_NOCLOSE);
    assert_int_equal(PEM_write_bio_X509(bio, authority), 1);
    BIO_free(bio);
    struct message ca = {.type = MESSAGE_configure_client_ca,
                         .configure_client_ca = {.name = SPAN("own"),
                                                 .map = SPAN("rfc822Name"),
                                                 .pattern = SPAN("*"),
                                                 .login = SPAN("*"),
                                                 .map_file = -1,
                                                 .certificate = certificate,
                                                 .needs_lists = crl != NULL}};
    rig_tell(rig, &ca);
    if (crl == NULL)
        return;
    rig_make_table(certificate, crl, table);
    struct message told = {.type = MESSAGE_revocations_table,
                           .revocations_table = {.client_ca = SPAN("own"), .table = table}};
    rig_tell(rig, &told);
}

static void rig_tell_backend(struct broker_rig *rig, const char *name, enum config_backend_tls tls)
{
    static const char password[] = RIG_MASTER_PASSWORD "\n";
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    char text[64];
    auto_close int file = rig_memory();
    assert_int_equal(write(file, password, sizeof password - 1), sizeof password - 1);
    assert_int_equal(getsockname(rig->backend, (struct sockaddr *)&address, &len), 0);
    (void)snprintf(text, sizeof text, "127.0.0.1:%u", ntohs(address.sin_port));
    struct message backend = {.type = MESSAGE_configure_backend,
                              .configure_backend = {.name = span_of(name),
                                                    .tls = (uint8_t)tls,
                                                    .addresses = span_of(text),
                                                    .identify = 1,
                                                    .master_user = SPAN("postern"),
                                                    .master_separator = SPAN("*"),
                                                    .connect_ms = RIG_WAIT_MS,
                                                    .reply_ms = RIG_WAIT_MS,
                                                    .health_interval_ms = 3600000,
                                                    .master_password = file,
                                                    .ca = -1}};
    rig_tell(rig, &backend);
}

static void rig_tell_listener(struct broker_rig *rig, const char *name, const char *backend,
                              const char *login, enum config_listener_mode mode)
{
    struct message listener = {.type = MESSAGE_configure_listener,
                               .configure_listener = {.name = span_of(name),
                                                      .backend = span_of(backend),
                                                      .login = span_of(login),
                                                      .mode = (uint8_t)mode,
                                                      .socket = -1}};
    rig_tell(rig, &listener);
}

/* Alice's rule on a listener; the listener has others for everybody else. */
static void rig_tell_rule(struct broker_rig *rig, const char *listener, const char *login)
{
    struct message group = {.type = MESSAGE_configure_group,
                            .configure_group = {.name = span_of(listener),
                                                .members = SPAN("alice@example.org"),
                                                .content = -1}};
    struct message rule = {.type = MESSAGE_configure_login_rule,
                           .configure_login_rule = {.name = span_of(listener),
                                                    .groups = span_of(listener),
                                                    .listeners = span_of(listener),
                                                    .login = span_of(login),
                                                    .refuse = login[0] == '\0'}};
    rig_tell(rig, &group);
    rig_tell(rig, &rule);
}

static void rig_configure(struct broker_rig *rig, X509 *authority, X509_CRL *crl)
{
    struct message begin = {
        .type = MESSAGE_configure_begin,
        .configure_begin = {.generation = 1, .default_domain = SPAN("example.org")}};
    struct message limits = {.type = MESSAGE_configure_limits,
                             .configure_limits = {.login_ms = RIG_LOGIN_MS}};
    struct message commit = {.type = MESSAGE_configure_commit, .configure_commit = {1}};
    rig_tell(rig, &begin);
    rig_tell(rig, &limits);
    rig_tell_authority(rig, authority, crl);
    rig_tell_backend(rig, "imap", BACKEND_TLS_NONE);
    rig_tell_backend(rig, "imaps", BACKEND_TLS_IMPLICIT);
    rig_tell_rule(rig, "ruled", "certificate+password");
    rig_tell_rule(rig, "closed", "");
    rig_tell_rule(rig, "observed", "certificate+password");
    rig_tell_listener(rig, "cert", "imap", "password\ncertificate", LISTENER_ENFORCE);
    rig_tell_listener(rig, "both", "imap", "certificate+password", LISTENER_ENFORCE);
    rig_tell_listener(rig, "ruled", "imap", "certificate", LISTENER_ENFORCE);
    rig_tell_listener(rig, "closed", "imap", "certificate", LISTENER_ENFORCE);
    rig_tell_listener(rig, "observed", "imap", "certificate", LISTENER_OBSERVE);
    rig_tell_listener(rig, "tls", "imaps", "certificate", LISTENER_ENFORCE);
    rig_tell(rig, &commit);
    struct message answer = rig_receive(rig, rig->supervisor, ROLE_SUPERVISOR);
    if (answer.type == MESSAGE_configure_refused)
        fail_msg("%.*s", (int)answer.configure_refused.reason.len,
                 (const char *)answer.configure_refused.reason.at);
    assert_int_equal(answer.type, MESSAGE_configured);
}

static void rig_join(struct broker_rig *rig)
{
    int keeper[2];
    int gate[2];
    int signing[2];
    assert_int_equal(channel_pair(keeper), 0);
    assert_int_equal(channel_pair(gate), 0);
    assert_int_equal(channel_pair(signing), 0);
    struct message to_keeper = {.type = MESSAGE_keeper_joined, .keeper_joined = {.channel = keeper[1]}};
    struct message to_gate = {.type = MESSAGE_gate_joined,
                              .gate_joined = {.channel = gate[1], .signing = signing[1]}};
    rig_tell(rig, &to_keeper);
    rig_tell(rig, &to_gate);
    (void)close(keeper[1]);
    (void)close(gate[1]);
    (void)close(signing[1]);
    rig->keeper = keeper[0];
    rig->gate = gate[0];
    rig->signing = signing[0];
    assert_int_equal(rig_receive(rig, rig->gate, ROLE_GATE).type, MESSAGE_ticket_keys);
}

static int rig_listen(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 64), 0);
    return fd;
}

void rig_start(struct broker_rig *rig, X509 *authority, X509_CRL *crl)
{
    int ends[2];
    assert_int_equal(channel_pair(ends), 0);
    memcpy(rig->root, RIG_ROOT, sizeof RIG_ROOT);
    assert_non_null(mkdtemp(rig->root));
    assert_int_equal(chmod(rig->root, 0755), 0);
    rig->backend = rig_listen();
    rig->pid = fork();
    assert_true(rig->pid >= 0);
    if (rig->pid == 0)
        rig_exec(rig, ends[1]);
    (void)close(ends[1]);
    rig->supervisor = ends[0];
    rig_configure(rig, authority, crl);
    rig_join(rig);
    int check = rig_backend_accept(rig);
    rig_backend_expect_end(check);
}

void rig_stop(struct broker_rig *rig)
{
    int status = 0;
    struct message finish = {.type = MESSAGE_finish, .finish = {.within_ms = RIG_WAIT_MS}};
    rig_tell(rig, &finish);
    assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)close(rig->supervisor);
    (void)close(rig->keeper);
    cleanup_close(&rig->gate);
    (void)close(rig->signing);
    (void)close(rig->backend);
    assert_int_equal(rmdir(rig->root), 0);
}

/* --- Gate and keeper ------------------------------------------------------------------------------ */

void rig_ask(struct broker_rig *rig, uint64_t number, const char *listener, struct span certificates,
             uint32_t octets, struct span client_id)
{
    struct message ask = {.type = MESSAGE_master_login,
                          .master_login = {.number = number,
                                           .session = number,
                                           .listener = span_of(listener),
                                           .certificate_octets = octets,
                                           .certificates = certificates,
                                           .client_id = client_id}};
    assert_int_equal(channel_send_blocking(rig->gate, &ask), 0);
}

void rig_cancel(struct broker_rig *rig, uint64_t number)
{
    struct message cancel = {.type = MESSAGE_master_login_cancel, .master_login_cancel = {number}};
    assert_int_equal(channel_send_blocking(rig->gate, &cancel), 0);
}

struct message_master_login_done rig_answer(struct broker_rig *rig)
{
    struct message message = rig_receive(rig, rig->gate, ROLE_GATE);
    assert_int_equal(message.type, MESSAGE_master_login_done);
    return message.master_login_done;
}

struct message rig_gate_receive(struct broker_rig *rig)
{
    return rig_receive(rig, rig->gate, ROLE_GATE);
}

struct message_device_ask rig_keeper_question(struct broker_rig *rig)
{
    struct message message = rig_receive(rig, rig->keeper, ROLE_KEEPER);
    assert_int_equal(message.type, MESSAGE_device_ask);
    return message.device_ask;
}

void rig_keeper_answer(struct broker_rig *rig, uint64_t number, enum login_answer_code answer)
{
    struct message message = {.type = MESSAGE_device_answer,
                              .device_answer = {.number = number, .answer = (uint8_t)answer}};
    assert_int_equal(channel_send_blocking(rig->keeper, &message), 0);
}

/* --- The backend ---------------------------------------------------------------------------------- */

static bool rig_wait(int fd, int ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, ms) == 1;
}

bool rig_is_quiet(int fd)
{
    return !rig_wait(fd, 0);
}

int rig_backend_accept(struct broker_rig *rig)
{
    assert_true(rig_wait(rig->backend, RIG_WAIT_MS));
    int fd = accept4(rig->backend, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    rig_backend_say(fd, RIG_GREETING);
    return fd;
}

const char *rig_backend_line(struct broker_rig *rig, int fd)
{
    size_t len = 0;
    while (len < sizeof rig->line - 1) {
        assert_true(rig_wait(fd, RIG_WAIT_MS));
        assert_int_equal(read(fd, &rig->line[len], 1), 1);
        if (rig->line[len] == '\n')
            break;
        len++;
    }
    rig->line[len > 0 && rig->line[len - 1] == '\r' ? len - 1 : len] = '\0';
    return rig->line;
}

void rig_backend_say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void rig_backend_expect_end(int fd)
{
    char octet;
    do
        assert_true(rig_wait(fd, RIG_WAIT_MS));
    while (read(fd, &octet, 1) > 0);
    (void)close(fd);
}
