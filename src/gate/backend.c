/* The servers behind the gate; see backend.h. */
#include "gate/backend.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/stream.h"
#include "gate/pem_file.h"
#include "gate/tls_context.h"

enum { BACKEND_KEEPALIVE_S = 600 };

void backend_take_addresses(struct settings *settings, struct backend *backend, struct span lines)
{
    while (lines.at != NULL && lines.len > 0) {
        struct span line = span_cut(&lines, '\n');
        if (backend->address_count == SETTINGS_ADDRESSES_MAX ||
            !endpoint_parse(line, &backend->addresses[backend->address_count].endpoint)) {
            settings_complain(settings, "backend %s: an address can't be read", backend->name);
            return;
        }
        backend->addresses[backend->address_count++].is_up = true;
    }
    if (backend->address_count == 0)
        settings_complain(settings, "backend %s: no address", backend->name);
}

/* The password is the first line of its file. */
static void backend_take_master_password(struct settings *settings, struct backend *backend, int fd)
{
    auto_strbuf_wipe struct strbuf file = STRBUF(1024);
    if (!pem_file_read(fd, &file)) {
        settings_complain(settings, "backend %s: master_password_file can't be read", backend->name);
        return;
    }
    struct span rest = strbuf_span(&file);
    struct span password = span_cut(&rest, '\n');
    if (password.len > 0 && password.at[password.len - 1] == '\r')
        password.len--;
    if (password.len == 0 || span_has(password, 0) ||
        secret_set(&backend->master_password, password) != 0)
        settings_complain(settings, "backend %s: master_password_file holds no password in its first line",
                          backend->name);
}

void backend_take_files(struct settings *settings, struct backend *backend, int master_password_fd,
                        int ca_fd)
{
    auto_strbuf struct strbuf why = STRBUF(256);
    if (master_password_fd >= 0)
        backend_take_master_password(settings, backend, master_password_fd);
    if (backend->tls == BACKEND_TLS_NONE)
        return;
    backend->tls_context = tls_context_new_client(ca_fd, &why);
    if (backend->tls_context == NULL)
        settings_complain(settings, "backend %s: %s", backend->name, strbuf_text(&why));
}

bool backend_has_master(const struct backend *backend)
{
    return backend->master_user[0] != '\0' && backend->master_password.len > 0;
}

int backend_connect(const struct backend_address *address)
{
    struct sockaddr_storage storage;
    socklen_t len = endpoint_to_sockaddr(&address->endpoint, &storage);
    auto_close int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    socket_set_options(fd, BACKEND_KEEPALIVE_S);
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
