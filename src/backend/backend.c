/* The servers behind the gate; see backend.h. */
#include "backend/backend.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/tls_client.h"
#include "base/cleanup.h"
#include "base/file_read.h"
#include "base/log.h"
#include "base/stream.h"

enum { BACKEND_KEEPALIVE_S = 600 };

static bool backend_read_addresses(struct backend *backend, struct span lines, struct strbuf *why)
{
    while (lines.at != NULL && lines.len > 0) {
        struct span line = span_cut(&lines, '\n');
        if (backend->address_count == BACKEND_ADDRESSES_MAX ||
            !endpoint_parse(line, &backend->addresses[backend->address_count].endpoint)) {
            strbuf_format(why, "backend %s: an address can't be read", backend->name);
            return false;
        }
        backend->addresses[backend->address_count++].is_up = true;
    }
    if (backend->address_count == 0)
        strbuf_format(why, "backend %s: no address", backend->name);
    return backend->address_count > 0;
}

/* The password is the first line of its file. */
static bool backend_read_master_password(struct backend *backend, int fd, struct strbuf *why)
{
    auto_strbuf_wipe struct strbuf file = STRBUF(1024);
    struct span password = SPAN_NONE;
    if (file_read(fd, &file)) {
        struct span rest = strbuf_span(&file);
        password = span_cut(&rest, '\n');
    }
    if (password.len > 0 && password.at[password.len - 1] == '\r')
        password.len--;
    if (password.len > 0 && !span_has(password, 0) &&
        secret_set(&backend->master_password, password) == 0)
        return true;
    strbuf_format(why, "backend %s: master_password_file holds no password in its first line",
                  backend->name);
    return false;
}

static bool backend_read_files(struct backend *backend, int master_password_fd, int ca_fd,
                               struct strbuf *why)
{
    auto_strbuf struct strbuf reason = STRBUF(256);
    if (master_password_fd >= 0 && !backend_read_master_password(backend, master_password_fd, why))
        return false;
    if (backend->tls == BACKEND_TLS_NONE)
        return true;
    backend->tls_context = tls_client_context_new(ca_fd, &reason);
    if (backend->tls_context == NULL)
        strbuf_format(why, "backend %s: %s", backend->name, strbuf_text(&reason));
    return backend->tls_context != NULL;
}

bool backend_configure(struct backend *backend, const struct message_configure_backend *message,
                       struct arena *arena, struct strbuf *why)
{
    backend->name = arena_copy(arena, message->name);
    backend->protocol = (enum config_protocol)message->protocol;
    backend->tls = (enum config_backend_tls)message->tls;
    backend->identify = (enum config_identify)message->identify;
    backend->username = (enum config_username)message->username;
    backend->tls_name = arena_copy(arena, message->tls_name);
    backend->master_user = arena_copy(arena, message->master_user);
    backend->connect_ms = message->connect_ms;
    backend->reply_ms = message->reply_ms;
    backend->health_interval_ms = message->health_interval_ms;
    if (backend->name == NULL || backend->tls_name == NULL || backend->master_user == NULL) {
        strbuf_append(why, "the configuration needs more memory than is allowed");
        return false;
    }
    return backend_read_addresses(backend, message->addresses, why) &&
           backend_read_files(backend, message->master_password, message->ca, why);
}

void backend_fini(struct backend *backend)
{
    secret_fini(&backend->master_password);
    SSL_CTX_free(backend->tls_context);
    backend->tls_context = NULL;
}

bool backend_has_master(const struct backend *backend)
{
    return backend->master_user[0] != '\0';
}

int backend_connect(const struct backend_address *address)
{
    struct sockaddr_storage storage;
    socklen_t len = endpoint_to_sockaddr(&address->endpoint, &storage);
    auto_close int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* On loopback the kernel itself notices when the other end is gone. */
    socket_set_options(fd, ip_is_loopback(&address->endpoint.ip) ? 0 : BACKEND_KEEPALIVE_S);
    if (connect(fd, (struct sockaddr *)&storage, len) != 0 && errno != EINPROGRESS)
        return -errno;
    return take_fd(&fd);
}

void backend_note(struct backend *backend, struct backend_address *address, bool is_up,
                  const char *why)
{
    struct log_record record;
    if (address->is_up == is_up)
        return;
    address->is_up = is_up;
    log_begin(&record, is_up ? LOG_INFO : LOG_WARNING, is_up ? "backend_up" : "backend_down");
    log_text(&record, "backend", backend->name);
    log_ip(&record, "address", &address->endpoint.ip);
    log_number(&record, "port", address->endpoint.port);
    if (!is_up)
        log_text(&record, "reason", why);
    log_end(&record);
}

struct backend_address *backend_choose(struct backend *backend, uint32_t *tried)
{
    for (int is_up = 1; is_up >= 0; is_up--)
        for (size_t i = 0; i < backend->address_count; i++) {
            if (backend->addresses[i].is_up != (is_up == 1) || (*tried & 1U << i) != 0)
                continue;
            *tried |= 1U << i;
            return &backend->addresses[i];
        }
    return NULL;
}
