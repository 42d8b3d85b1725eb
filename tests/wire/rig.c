/* Plays supervisor, keeper, client and backend around a gate; see rig.h. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ip.h"
#include "broker/sign.h"
#include "config/terms.h"
#include "gate/gate.h"

#define REQUIRE(claim)                                                                             \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            (void)fprintf(stderr, "rig: %s failed (%s:%d)\n", #claim, __FILE__, __LINE__);         \
            exit(EXIT_FAILURE);                                                                    \
        }                                                                                          \
    } while (0)

/* --- Certificates, made once ------------------------------------------------------------------------ */

struct rig_identity {
    EVP_PKEY *key;
    X509 *certificate;
};

static void rig_extend(X509 *certificate, X509V3_CTX *context, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, kind, value);
    REQUIRE(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static struct rig_identity rig_issue(const char *name, const struct rig_identity *issuer, const char *san)
{
    struct rig_identity made = {.key = EVP_EC_gen("P-256"), .certificate = X509_new()};
    X509 *certificate = made.certificate;
    static long serial = 1;
    REQUIRE(made.key != NULL && certificate != NULL && X509_set_version(certificate, 2) == 1);
    REQUIRE(ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++) == 1);
    REQUIRE(X509_gmtime_adj(X509_getm_notBefore(certificate), -60) != NULL);
    REQUIRE(X509_gmtime_adj(X509_getm_notAfter(certificate), 86400) != NULL);
    REQUIRE(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                       (const unsigned char *)name, -1, -1, 0) == 1);
    X509 *signer = issuer == NULL ? certificate : issuer->certificate;
    REQUIRE(X509_set_issuer_name(certificate, X509_get_subject_name(signer)) == 1);
    REQUIRE(X509_set_pubkey(certificate, made.key) == 1);
    X509V3_CTX context;
    X509V3_set_ctx(&context, signer, certificate, NULL, NULL, 0);
    if (san == NULL) {
        rig_extend(certificate, &context, NID_basic_constraints, "critical,CA:TRUE");
    } else {
        rig_extend(certificate, &context, NID_subject_alt_name, san);
        rig_extend(certificate, &context, NID_ext_key_usage, "serverAuth,clientAuth");
    }
    REQUIRE(X509_sign(certificate, issuer == NULL ? made.key : issuer->key, EVP_sha256()) > 0);
    return made;
}

static int rig_memfd(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    REQUIRE(fd >= 0);
    return fd;
}

static int rig_certificate_fd(X509 *certificate)
{
    int fd = rig_memfd("certificate");
    BIO *bio = BIO_new_fd(fd, BIO_NOCLOSE);
    REQUIRE(PEM_write_bio_X509(bio, certificate) == 1);
    BIO_free(bio);
    return fd;
}

static int rig_text_fd(const char *text)
{
    int fd = rig_memfd("text");
    REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    return fd;
}

enum { RIG_BROKER_MS = 600000 };

static struct {
    struct rig_identity authority;
    struct rig_identity server;
    struct rig_identity alice;
} identities;

static void rig_make_identities(void)
{
    if (identities.authority.key != NULL)
        return;
    identities.authority = rig_issue("Test authority", NULL, NULL);
    identities.server = rig_issue("localhost", &identities.authority, "DNS:localhost");
    identities.alice = rig_issue("alice", &identities.authority, "email:alice@example.org");
}

/* --- Supervisor and keeper ----------------------------------------------------------------------------- */

static void rig_on_gate_to_supervisor(struct channel *channel, struct message *message, void *owner)
{
    struct rig *rig = owner;
    (void)channel;
    if (message->type == MESSAGE_configured)
        rig->is_configured = true;
    if (message->type == MESSAGE_configure_refused) {
        (void)fprintf(stderr, "rig: refused: %.*s\n", (int)message->configure_refused.reason.len,
                      (const char *)message->configure_refused.reason.at);
        rig->is_refused = true;
    }
}

static void rig_on_gate_to_keeper(struct channel *channel, struct message *message, void *owner)
{
    struct rig *rig = owner;
    if (message->type != MESSAGE_login_ask || rig->keeper_answer < 0)
        return;
    struct message answer = {.type = MESSAGE_login_answer};
    answer.login_answer.session = message->login_ask.session;
    answer.login_answer.answer = (uint8_t)rig->keeper_answer;
    (void)channel_send(channel, &answer);
}

/*
 * The broker, in a thread of its own since the gate waits for it: signs until the gate closes the
 * channel.
 */
static void *rig_broker(void *argument)
{
    int fd = *(int *)argument;
    uint8_t *packet = malloc(MESSAGE_PACKET_MAX);
    struct message ask;
    free(argument);
    REQUIRE(packet != NULL);
    while (channel_receive_blocking(fd, ROLE_BROKER, ROLE_GATE, RIG_BROKER_MS, packet, &ask) == 0) {
        auto_strbuf struct strbuf signature = STRBUF(SIGN_SIGNATURE_MAX);
        REQUIRE(sign_text(identities.server.key, &ask.sign_ask, &signature));
        struct message answer = {.type = MESSAGE_sign_answer};
        answer.sign_answer.number = ask.sign_ask.number;
        answer.sign_answer.signature = strbuf_span(&signature);
        REQUIRE(channel_send_blocking(fd, &answer) == 0);
    }
    free(packet);
    (void)close(fd);
    return NULL;
}

static int rig_start_broker(struct rig *rig)
{
    int fds[2];
    int *end = malloc(sizeof *end);
    REQUIRE(end != NULL && channel_pair(fds) == 0);
    *end = fds[1];
    REQUIRE(pthread_create(&rig->signing, NULL, rig_broker, end) == 0);
    return fds[0];
}

static void rig_on_closed(struct channel *channel, enum channel_end end, void *owner)
{
    (void)channel;
    (void)end;
    (void)owner;
}

static int rig_listen(struct endpoint *ret_endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 16) == 0);
    REQUIRE(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    REQUIRE(endpoint_from_sockaddr((struct sockaddr *)&address, ret_endpoint));
    return fd;
}

static void rig_say(struct rig *rig, struct message *message)
{
    REQUIRE(channel_send(&rig->supervisor, message));
    message_close_fds(message);
}

static void rig_configure(struct rig *rig, const struct rig_options *options, int socket,
                          const char *backend_address)
{
    struct message message = {.type = MESSAGE_configure_begin};
    message.configure_begin = (struct message_configure_begin){
        .generation = 1, .hostname = SPAN("mail.example.org"), .default_domain = SPAN("example.org")};
    rig_say(rig, &message);
    message = (struct message){.type = MESSAGE_configure_limits};
    message.configure_limits = (struct message_configure_limits){
        .connections = 100, .connections_per_address = 100, .connections_per_prefix = 100,
        .handshakes_per_prefix_per_s = 1000, .sessions_per_user = 10,
        .sessions_per_user_and_address = 10, .prefix_v4_bits = 24, .prefix_v6_bits = 64,
        .handshake_ms = 10000, .login_ms = 20000, .idle_ms = 60000, .failure_delay_ms = 1,
        .commands_before_login = 20, .failures_per_connection = 3};
    rig_say(rig, &message);
    message = (struct message){.type = MESSAGE_configure_certificate};
    message.configure_certificate = (struct message_configure_certificate){
        .file = SPAN("server.pem"),
        .certificate = rig_certificate_fd(identities.server.certificate),
        .key = -1};
    rig_say(rig, &message);
    message = (struct message){.type = MESSAGE_configure_client_ca};
    message.configure_client_ca = (struct message_configure_client_ca){
        .name = SPAN("own"),
        .map = SPAN("rfc822Name"),
        .pattern = SPAN("*"),
        .login = SPAN("*"),
        .certificate = rig_certificate_fd(identities.authority.certificate),
        .map_file = -1};
    rig_say(rig, &message);
    message = (struct message){.type = MESSAGE_configure_tls};
    message.configure_tls = (struct message_configure_tls){.minimum_version = TLS1_2_VERSION};
    rig_say(rig, &message);
    message = (struct message){.type = MESSAGE_configure_backend};
    message.configure_backend = (struct message_configure_backend){
        .name = SPAN("imap"), .addresses = span_of(backend_address), .identify = options->identify,
        .master_user = span_of(options->master), .master_separator = SPAN("*"), .connect_ms = 5000,
        .reply_ms = 5000, .health_interval_ms = 3600000,
        .master_password = -1, .ca = -1};
    if (options->master[0] != '\0')
        rig_broker_configure(&rig->broker, &message.configure_backend, rig_text_fd("master secret\n"));
    rig_say(rig, &message);
    message = (struct message){.type = MESSAGE_configure_listener};
    message.configure_listener = (struct message_configure_listener){
        .name = SPAN("test"), .address = SPAN("127.0.0.1"), .tls = options->tls,
        .backend = SPAN("imap"), .login = span_of(options->login), .preauth = options->preauth,
        .socket = socket};
    rig_say(rig, &message);
    message = (struct message){.type = MESSAGE_configure_commit, .configure_commit = {1}};
    rig_say(rig, &message);
}

/* --- Client and backend ---------------------------------------------------------------------------------- */

static void rig_peer_close(struct rig_peer *peer)
{
    SSL_free(peer->tls);
    if (peer->fd >= 0)
        (void)close(peer->fd);
    peer->tls = NULL;
    peer->fd = -1;
}

/* Takes in what came; notes the end. */
static void rig_peer_receive(struct rig_peer *peer)
{
    char octets[4096];
    while (peer->fd >= 0 && !peer->has_ended) {
        ssize_t got = peer->tls != NULL ? SSL_read(peer->tls, octets, sizeof octets)
                                        : read(peer->fd, octets, sizeof octets);
        if (got > 0) {
            strbuf_append_span(&peer->received, span_make(octets, (size_t)got));
            continue;
        }
        if (peer->tls != NULL)
            peer->has_ended = SSL_get_error(peer->tls, (int)got) != SSL_ERROR_WANT_READ;
        else
            peer->has_ended = got == 0 || errno != EAGAIN;
        return;
    }
}

/* A login of its own is a connection of its own: the next is taken when the last has ended. */
static void rig_accept_backend(struct rig *rig)
{
    if (rig->backend.fd >= 0 && !(rig->backend.has_ended && rig->backend.received.len == 0))
        return;
    int fd = accept4(rig->backend_socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    rig_peer_close(&rig->backend);
    rig->backend.fd = fd;
    rig->backend.has_ended = false;
}

void rig_turn(struct rig *rig)
{
    for (int i = 0; i < 4; i++)
        (void)event_base_loop(rig->loop, EVLOOP_NONBLOCK);
    rig_accept_backend(rig);
    if (rig->client.tls == NULL || SSL_is_init_finished(rig->client.tls))
        rig_peer_receive(&rig->client);
    rig_peer_receive(&rig->backend);
}

bool rig_send(struct rig *rig, struct rig_peer *peer, struct span octets)
{
    while (octets.len > 0) {
        ssize_t sent = peer->fd < 0          ? -1
                       : peer->tls != NULL   ? SSL_write(peer->tls, octets.at, (int)octets.len)
                                             : send(peer->fd, octets.at, octets.len, MSG_NOSIGNAL);
        if (sent > 0)
            octets = span_from(octets, (size_t)sent);
        else if (peer->has_ended || peer->fd < 0)
            return false;
        rig_turn(rig);
    }
    return true;
}

bool rig_handshake(struct rig *rig)
{
    struct rig_peer *client = &rig->client;
    client->tls = SSL_new(rig->client_context);
    REQUIRE(client->tls != NULL && SSL_set_fd(client->tls, client->fd) == 1);
    SSL_set_connect_state(client->tls);
    for (int i = 0; i < 1000; i++) {
        int result = SSL_do_handshake(client->tls);
        if (result == 1)
            return true;
        if (SSL_get_error(client->tls, result) != SSL_ERROR_WANT_READ)
            return false;
        rig_turn(rig);
    }
    return false;
}

void rig_drop_keeper(struct rig *rig)
{
    channel_fini(&rig->keeper);
    rig_turn(rig);
}

/* --- Life --------------------------------------------------------------------------------------------------- */

static void rig_connect_channels(struct rig *rig)
{
    int fds[2];
    REQUIRE(channel_pair(fds) == 0);
    gate_init(rig->gate, rig->loop, 0, fds[0]);
    REQUIRE(channel_init(&rig->supervisor, rig->loop, fds[1], ROLE_SUPERVISOR, ROLE_GATE,
                         rig_on_gate_to_supervisor, rig_on_closed, rig) == 0);
    REQUIRE(channel_pair(fds) == 0);
    struct message joined = {.type = MESSAGE_keeper_joined, .keeper_joined = {.channel = fds[0]}};
    rig_say(rig, &joined);
    REQUIRE(channel_init(&rig->keeper, rig->loop, fds[1], ROLE_KEEPER, ROLE_GATE,
                         rig_on_gate_to_keeper, rig_on_closed, rig) == 0);
    REQUIRE(channel_pair(fds) == 0);
    rig_broker_init(&rig->broker, rig->loop, fds[1]);
    struct message with_broker = {
        .type = MESSAGE_broker_joined,
        .broker_joined = {.channel = fds[0], .signing = rig_start_broker(rig)}};
    rig_say(rig, &with_broker);
}

static void rig_connect_client(struct rig *rig, const struct rig_options *options,
                               const struct endpoint *gate)
{
    struct sockaddr_storage address;
    socklen_t len = endpoint_to_sockaddr(gate, &address);
    rig->client_context = SSL_CTX_new(TLS_client_method());
    REQUIRE(rig->client_context != NULL);
    if (options->has_certificate) {
        REQUIRE(SSL_CTX_use_certificate(rig->client_context, identities.alice.certificate) == 1);
        REQUIRE(SSL_CTX_use_PrivateKey(rig->client_context, identities.alice.key) == 1);
    }
    rig->client.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(rig->client.fd >= 0 && connect(rig->client.fd, (struct sockaddr *)&address, len) == 0);
    socket_set_options(rig->client.fd, 0);
    REQUIRE(fcntl(rig->client.fd, F_SETFL, O_NONBLOCK) == 0);
}

void rig_start(struct rig *rig, const struct rig_options *options)
{
    struct endpoint gate;
    struct endpoint backend;
    char address[IP_TEXT_SIZE + 8];
    rig_make_identities();
    *rig = (struct rig){.loop = event_base_new(),
                        .gate = calloc(1, sizeof *rig->gate),
                        .client = {.fd = -1, .received = STRBUF(1 << 20)},
                        .backend = {.fd = -1, .received = STRBUF(1 << 20)}};
    REQUIRE(rig->loop != NULL && rig->gate != NULL);
    rig->backend_socket = rig_listen(&backend);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", backend.port);
    rig_connect_channels(rig);
    rig_configure(rig, options, rig_listen(&gate), address);
    for (int i = 0; i < 100 && !rig->is_configured && !rig->is_refused; i++)
        rig_turn(rig);
    REQUIRE(rig->is_configured);
    health_stop(&rig->gate->health); /* its connections would be taken for logins */
    rig_connect_client(rig, options, &gate);
}

void rig_stop(struct rig *rig)
{
    rig_peer_close(&rig->client);
    rig_peer_close(&rig->backend);
    gate_fini(rig->gate);
    /* The gate has closed its end. What OpenSSL keeps for a thread is freed when the thread ends. */
    REQUIRE(pthread_join(rig->signing, NULL) == 0);
    channel_fini(&rig->supervisor);
    channel_fini(&rig->keeper);
    rig_broker_fini(&rig->broker);
    (void)close(rig->backend_socket);
    SSL_CTX_free(rig->client_context);
    strbuf_fini(&rig->client.received);
    strbuf_fini(&rig->backend.received);
    event_base_free(rig->loop);
    free(rig->gate);
}
