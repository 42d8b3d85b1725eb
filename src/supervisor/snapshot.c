/* Copies of files for the roles; see snapshot.h. Taken by setup.c, sent by role_gate.c. */
#include "supervisor/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "base/cleanup.h"

const char system_ca_file[] = "/etc/ssl/certs/ca-certificates.crt";

const char *backend_ca_file(const struct config_backend *backend)
{
    if (backend->tls == BACKEND_TLS_NONE)
        return NULL;
    return backend->ca == NULL ? system_ca_file : backend->ca;
}

struct file_identity file_identity_of(const struct stat *status)
{
    return (struct file_identity){.device = status->st_dev,
                                  .inode = status->st_ino,
                                  .size = status->st_size,
                                  .modified = status->st_mtim,
                                  .changed = status->st_ctim};
}

struct file_identity file_identify(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return (struct file_identity){.size = 0};
    return file_identity_of(&status);
}

static bool time_is_same(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool file_is_same(const struct file_identity *a, const struct file_identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           time_is_same(&a->modified, &b->modified) && time_is_same(&a->changed, &b->changed);
}

static bool client_ca_visit_files(const struct config_client_ca *client_ca, file_visit_fn *visit,
                                  void *argument)
{
    for (size_t i = 0; i < client_ca->crls.count; i++)
        if (!visit(client_ca->crls.at[i], argument))
            return false;
    return visit(client_ca->certificate, argument);
}

bool config_visit_authorities(const struct config *config, file_visit_fn *visit, void *argument)
{
    for (size_t i = 0; i < config->client_ca_count; i++)
        if (!client_ca_visit_files(&config->client_cas[i], visit, argument))
            return false;
    return true;
}

bool config_visit_files(const struct config *config, file_visit_fn *visit, void *argument)
{
    for (size_t i = 0; i < config->tls.certificates.count; i++)
        if (!visit(config->tls.certificates.at[i], argument) ||
            !visit(config->tls.keys.at[i], argument))
            return false;
    if (!config_visit_authorities(config, visit, argument))
        return false;
    for (size_t i = 0; i < config->backend_count; i++) {
        const struct config_backend *backend = &config->backends[i];
        const char *ca = backend_ca_file(backend);
        if (backend->master_password_file != NULL &&
            !visit(backend->master_password_file, argument))
            return false;
        if (ca != NULL && !visit(ca, argument))
            return false;
    }
    return true;
}

/* Moves the content from file to memory inside the kernel. 0 or -errno. */
static int snapshot_copy(int file, int memory)
{
    size_t total = 0;
    for (;;) {
        ssize_t moved = sendfile(memory, file, NULL, SNAPSHOT_MAX + 1 - total);
        if (moved < 0 && errno == EINTR)
            continue;
        if (moved < 0)
            return -errno;
        total += (size_t)moved;
        if (total > SNAPSHOT_MAX)
            return -EFBIG;
        if (moved == 0)
            return 0;
    }
}

/* A sealed memory file with the content of path. Its descriptor or -errno. */
static int snapshot_make(const char *path, struct file_identity *ret_identity)
{
    struct stat status;
    auto_close int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return -errno;
    if (fstat(file, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    auto_close int memory = memfd_create("postern-file", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0)
        return -errno;
    int result = snapshot_copy(file, memory);
    if (result < 0)
        return result;
    if (fcntl(memory, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        return -errno;
    *ret_identity = file_identity_of(&status);
    return take_fd(&memory);
}

static const struct snapshot *snapshots_of(const struct snapshots *snapshots, const char *path)
{
    for (size_t i = 0; i < snapshots->count; i++)
        if (strcmp(snapshots->at[i].path, path) == 0)
            return &snapshots->at[i];
    return NULL;
}

bool snapshots_agree(const struct snapshots *a, const struct snapshots *b, const char *path)
{
    const struct snapshot *one = snapshots_of(a, path);
    const struct snapshot *other = snapshots_of(b, path);
    return one != NULL && other != NULL && file_is_same(&one->identity, &other->identity);
}

int snapshots_find(const struct snapshots *snapshots, const char *path)
{
    const struct snapshot *found = path == NULL ? NULL : snapshots_of(snapshots, path);
    return found == NULL ? -1 : found->fd;
}

struct snapshot_taking {
    struct snapshots *snapshots;
    struct strbuf *problem;
};

static bool snapshot_take(const char *path, void *argument)
{
    struct snapshot_taking *taking = argument;
    struct snapshots *snapshots = taking->snapshots;
    if (snapshots_find(snapshots, path) >= 0)
        return true;
    struct snapshot *grown = reallocarray(snapshots->at, snapshots->count + 1, sizeof *grown);
    if (grown == NULL) {
        strbuf_append(taking->problem, "out of memory");
        return false;
    }
    snapshots->at = grown;
    struct snapshot taken = {.path = path};
    int fd = taken.fd = snapshot_make(path, &taken.identity);
    if (fd < 0) {
        char text[128];
        strbuf_format(taking->problem, "%s can't be read: %s", path,
                      strerror_r(-fd, text, sizeof text));
        return false;
    }
    snapshots->at[snapshots->count++] = taken;
    return true;
}

bool snapshots_take(struct snapshots *snapshots, const struct config *config,
                    struct strbuf *problem)
{
    struct snapshot_taking taking = {.snapshots = snapshots, .problem = problem};
    *snapshots = (struct snapshots){.count = 0};
    if (config_visit_files(config, snapshot_take, &taking))
        return true;
    snapshots_fini(snapshots);
    return false;
}

void snapshots_fini(struct snapshots *snapshots)
{
    for (size_t i = 0; i < snapshots->count; i++)
        (void)close(snapshots->at[i].fd);
    free(snapshots->at);
    *snapshots = (struct snapshots){.count = 0};
}
