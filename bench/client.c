/* The scripted client of the load tool; see client.h. Driven by base/stream, told to the mode. */
#include "client.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/invariant.h"

enum { READ_SIZE = 64 * 1024 };

/* Any certificate will do: the client's work is not what is measured. */
static int client_trust_any(X509_STORE_CTX *store, void *argument)
{
    (void)store;
    (void)argument;
    return 1;
}

SSL_CTX *client_tls_new(const char *certificate)
{
    static char groups[] = "X25519"; /* the macro that takes it casts const away */
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(tls, "TLS_AES_256_GCM_SHA384") != 1 ||
        SSL_CTX_set1_groups_list(tls, groups) != 1)
        return NULL;
    (void)SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_cert_verify_callback(tls, client_trust_any, NULL);
    if (certificate != NULL && (SSL_CTX_use_certificate_file(tls, certificate, SSL_FILETYPE_PEM) != 1 ||
                                SSL_CTX_use_PrivateKey_file(tls, certificate, SSL_FILETYPE_PEM) != 1))
        return NULL;
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, READ_SIZE);
    return tls;
}

void client_close(struct client *client)
{
    if (client->phase != CLIENT_CLOSED)
        stream_fini(&client->stream);
    client->phase = CLIENT_CLOSED;
}

static void client_end(struct client *client, const char *why)
{
    char kept[160];
    (void)snprintf(kept, sizeof kept, "%s", why);
    client_close(client);
    client->events->on_end(client, kept);
}

/* True while there is a connection on which lines are expected. */
static bool client_is_reading(const struct client *client)
{
    return client->phase >= CLIENT_GREETING;
}

static void client_flush(struct client *client)
{
    while (client->output_len > 0) {
        size_t sent;
        struct span rest = span_make(client->output, client->output_len);
        enum stream_result result = stream_write(&client->stream, rest, &sent);
        if (result == STREAM_AGAIN)
            break;
        if (result != STREAM_OK) {
            client_end(client, stream_failure(&client->stream));
            return;
        }
        client->output_len = (uint8_t)(client->output_len - sent);
        memmove(client->output, client->output + sent, client->output_len);
    }
    stream_want(&client->stream, STREAM_READ | (client->output_len > 0 ? STREAM_WRITE : 0));
}

void client_send_raw(struct client *client, const char *text)
{
    size_t len = strlen(text);
    invariant(len <= sizeof client->output - client->output_len);
    memcpy(client->output + client->output_len, text, len);
    client->output_len = (uint8_t)(client->output_len + len);
    client_flush(client);
}

void client_send(struct client *client, const char *command)
{
    char text[sizeof client->output];
    client->phase = CLIENT_COMMAND;
    (void)snprintf(text, sizeof text, "a %s\r\n", command);
    client_send_raw(client, text);
}

static void client_log_in(struct client *client)
{
    char text[sizeof client->output];
    struct load *load = client->load;
    client->phase = CLIENT_LOGIN;
    if (load->options.certificate != NULL) {
        client_send_raw(client, "a AUTHENTICATE EXTERNAL =\r\n");
        return;
    }
    (void)snprintf(text, sizeof text, "a LOGIN user%05u@example.org %s\r\n",
                   (unsigned)(load->next_user++ % load->options.users), load->options.password);
    client_send_raw(client, text);
}

static void client_on_greeting(struct client *client, struct span line)
{
    if (!span_starts_nocase(line, SPAN("* OK")))
        client_end(client, "greeting is not OK");
    else if (client->events->on_greeting != NULL)
        client->events->on_greeting(client);
    else
        client_log_in(client);
}

static void client_on_reply(struct client *client, struct span line)
{
    if (span_starts_nocase(line, SPAN("a OK"))) {
        if (client->phase == CLIENT_LOGIN) {
            client->phase = CLIENT_COMMAND;
            client->events->on_login(client);
        } else {
            client->events->on_reply(client);
        }
    } else if (span_starts_nocase(line, SPAN("+ "))) {
        client->events->on_reply(client);
    } else if (span_starts_nocase(line, SPAN("a "))) {
        char text[128];
        (void)snprintf(text, sizeof text, "%.*s", (int)line.len, (const char *)line.at);
        client_end(client, text);
    }
}

static void client_on_line(struct client *client, struct span line)
{
    size_t open = span_find(line, '{');
    uint64_t literal;
    if (line.len > 0 && line.at[line.len - 1] == '}' &&
        span_to_u64(span_first(span_from(line, open + 1), line.len - open - 2), SIZE_MAX, &literal))
        client->literal_left = literal;
    else if (client->phase == CLIENT_GREETING && !client->events->is_clear)
        client_on_greeting(client, line);
    else if (client->events->on_line != NULL)
        client->events->on_line(client, line);
    else
        client_on_reply(client, line);
}

/* Takes a part of a line, or a whole one; returns how many octets that were. */
static size_t client_take_line(struct client *client, struct span bytes)
{
    size_t end = span_find(bytes, '\n');
    size_t room = sizeof client->line - client->line_len;
    size_t kept = end < room ? end : room; /* no more of a long line is needed */
    memcpy(client->line + client->line_len, bytes.at, kept);
    client->line_len = (uint8_t)(client->line_len + kept);
    if (end == bytes.len)
        return end;

    struct span line = span_make(client->line, client->line_len);
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    client->line_len = 0;
    client_on_line(client, line);
    return end + 1;
}

static size_t client_take_literal(struct client *client, struct span bytes)
{
    size_t len = bytes.len < client->literal_left ? bytes.len : client->literal_left;
    client->literal_left -= len;
    if (client->events->on_literal != NULL)
        client->events->on_literal(client, len);
    return len;
}

static void client_take(struct client *client, struct span bytes)
{
    int fd = client->stream.fd;
    while (bytes.len > 0 && client_is_reading(client) && client->stream.fd == fd) {
        size_t taken = client->literal_left > 0 ? client_take_literal(client, bytes)
                                                : client_take_line(client, bytes);
        bytes = span_from(bytes, taken);
    }
}

static void client_read(struct client *client)
{
    static uint8_t buffer[READ_SIZE]; /* nothing of it is kept */
    while (client_is_reading(client)) {
        size_t got;
        enum stream_result result = stream_read(&client->stream, buffer, sizeof buffer, &got);
        if (result == STREAM_OK) {
            client_take(client, span_make(buffer, got));
        } else if (result == STREAM_AGAIN) {
            stream_want(&client->stream,
                        STREAM_READ | (client->output_len > 0 ? STREAM_WRITE : 0));
            return;
        } else {
            client_end(client,
                       result == STREAM_END ? "closed" : stream_failure(&client->stream));
            return;
        }
    }
}

static void client_on_connected(struct client *client)
{
    if (client->events->is_clear) {
        client->phase = CLIENT_GREETING;
        stream_want(&client->stream, STREAM_READ);
        if (client->events->on_connected != NULL)
            client->events->on_connected(client);
        return;
    }
    SSL *tls = SSL_new(client->load->tls);
    if (tls == NULL) {
        client_end(client, "no memory for TLS");
        return;
    }
    SSL_set_connect_state(tls);
    if (stream_start_tls(&client->stream, tls) != 0) {
        client_end(client, "no memory for TLS");
        return;
    }
    client->phase = CLIENT_HANDSHAKE;
}

static void client_on_ready(struct stream *stream, void *owner)
{
    struct client *client = owner;
    (void)stream;
    if (client->phase == CLIENT_CONNECTING)
        client_on_connected(client);
    if (client->phase == CLIENT_HANDSHAKE) {
        enum stream_result result = stream_handshake(&client->stream);
        if (result == STREAM_OK)
            client->phase = CLIENT_GREETING;
        else if (result != STREAM_AGAIN)
            client_end(client, stream_failure(&client->stream));
        if (client->phase == CLIENT_HANDSHAKE)
            stream_want(&client->stream, STREAM_READ);
    }
    if (client_is_reading(client) && client->output_len > 0)
        client_flush(client);
    client_read(client);
}

/* The source address without a port, so that the kernel may use a port for several peers. */
static int client_bind(int fd, struct load *load)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    uint64_t offset = load->next_source++ % load->options.source_count;
    int on = 1;
    source.sin_addr.s_addr = htonl(load->options.source + (uint32_t)offset);
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0)
        return -1;
    return bind(fd, (struct sockaddr *)&source, sizeof source);
}

static void client_on_no_socket(struct client *client, int fd)
{
    const char *why = strerror(errno);
    if (fd >= 0)
        (void)close(fd);
    client->events->on_end(client, why);
}

void client_open(struct client *client, struct load *load, const struct client_events *events,
                 void *mode)
{
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)load->options.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    invariant(client->phase == CLIENT_CLOSED);
    *client = (struct client){.load = load, .mode = mode, .events = events,
                              .started_us = load_now_us()};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || client_bind(fd, load) != 0 ||
        (connect(fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS)) {
        client_on_no_socket(client, fd);
        return;
    }
    socket_set_options(fd, 0);
    stream_init(&client->stream, load->loop, fd, client_on_ready, client);
    client->phase = CLIENT_CONNECTING;
    stream_want(&client->stream, STREAM_WRITE);
}
