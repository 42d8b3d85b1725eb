/* Copies of files for the roles; see snapshot.h. Taken by setup.c, sent by role_gate.c. */
#include "supervisor/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "base/cleanup.h"
#include "supervisor/guard.h"

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

bool config_visit_lists(const struct config *config, file_visit_fn *visit, void *argument)
{
    for (size_t i = 0; i < config->client_ca_count; i++)
        for (size_t j = 0; j < config->client_cas[i].crls.count; j++)
            if (!visit(&(struct config_file){.path = config->client_cas[i].crls.at[j]}, argument))
                return false;
    return true;
}

static bool client_ca_visit_files(const struct config_client_ca *client_ca, file_visit_fn *visit,
                                  void *argument)
{
    if (client_ca->map_file != NULL &&
        !visit(&(struct config_file){.path = client_ca->map_file, .is_list = true}, argument))
        return false;
    return visit(&(struct config_file){.path = client_ca->certificate, .is_list = true}, argument);
}

bool config_visit_authorities(const struct config *config, file_visit_fn *visit, void *argument)
{
    for (size_t i = 0; i < config->client_ca_count; i++)
        if (!client_ca_visit_files(&config->client_cas[i], visit, argument))
            return false;
    return true;
}

static bool config_visit_keys(const struct config *config, file_visit_fn *visit, void *argument)
{
    for (size_t i = 0; i < config->tls.certificates.count; i++) {
        const char *certificate = config->tls.certificates.at[i];
        const char *key = config->tls.keys.at[i];
        if (!visit(&(struct config_file){.path = certificate, .partner = key}, argument) ||
            !visit(&(struct config_file){.path = key, .partner = certificate}, argument))
            return false;
    }
    return true;
}

bool config_visit_files(const struct config *config, file_visit_fn *visit, void *argument)
{
    if (!config_visit_keys(config, visit, argument) ||
        !config_visit_authorities(config, visit, argument))
        return false;
    for (size_t i = 0; i < config->group_count; i++) {
        const struct config_file group = {.path = config->groups[i].file, .is_list = true};
        if (group.path != NULL && !visit(&group, argument))
            return false;
    }
    for (size_t i = 0; i < config->backend_count; i++) {
        const struct config_backend *backend = &config->backends[i];
        const struct config_file password = {.path = backend->master_password_file};
        const struct config_file ca = {.path = backend_ca_file(backend), .is_list = true};
        if ((password.path != NULL && !visit(&password, argument)) ||
            (ca.path != NULL && !visit(&ca, argument)))
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

const struct snapshot *snapshots_entry(const struct snapshots *snapshots, const char *path)
{
    for (size_t i = 0; i < snapshots->count; i++)
        if (strcmp(snapshots->at[i].path, path) == 0)
            return &snapshots->at[i];
    return NULL;
}

bool snapshots_agree(const struct snapshots *a, const struct snapshots *b, const char *path)
{
    const struct snapshot *one = snapshots_entry(a, path);
    const struct snapshot *other = snapshots_entry(b, path);
    return one != NULL && other != NULL && file_is_same(&one->identity, &other->identity);
}

int snapshots_find(const struct snapshots *snapshots, const char *path)
{
    const struct snapshot *found = path == NULL ? NULL : snapshots_entry(snapshots, path);
    return found == NULL ? -1 : found->fd;
}

struct snapshot_taking {
    struct snapshots *snapshots;
    const struct snapshots *former; /* NULL at start */
    struct guard *guard;
    struct strbuf *problem;
};

/* The copy in force once more. False when there is no descriptor to be had. */
static bool snapshot_keep(struct snapshot *kept, const struct snapshot *former)
{
    *kept = *former;
    kept->fd = fcntl(former->fd, F_DUPFD_CLOEXEC, 0);
    kept->is_kept = true;
    return kept->fd >= 0;
}

static bool snapshot_fail(const struct snapshot_taking *taking, const char *path, int error)
{
    char text[128];
    strbuf_format(taking->problem, "%s can't be read: %s", path,
                  strerror_r(error, text, sizeof text));
    return false;
}

/* What is on the disk, or what the guard would rather have. */
static bool snapshot_choose(const struct snapshot_taking *taking, const struct config_file *file,
                            struct snapshot *ret_taken)
{
    const struct file_identity now = file_identify(file->path);
    const struct snapshot *former =
        taking->former == NULL ? NULL : snapshots_entry(taking->former, file->path);
    char text[128];
    *ret_taken = (struct snapshot){.fd = -1};
    if (former != NULL && guard_keeps(taking->guard, file, &now, &former->identity))
        return snapshot_keep(ret_taken, former) || snapshot_fail(taking, file->path, errno);
    ret_taken->fd = snapshot_make(file->path, &ret_taken->identity);
    if (ret_taken->fd >= 0)
        return true;
    int error = -ret_taken->fd;
    if (former != NULL && guard_keeps_unread(taking->guard, file, &now, &former->identity,
                                             strerror_r(error, text, sizeof text)))
        return snapshot_keep(ret_taken, former) || snapshot_fail(taking, file->path, errno);
    return snapshot_fail(taking, file->path, error);
}

static bool snapshot_take(const struct config_file *file, void *argument)
{
    struct snapshot_taking *taking = argument;
    struct snapshots *snapshots = taking->snapshots;
    if (snapshots_find(snapshots, file->path) >= 0)
        return true;
    struct snapshot *grown = reallocarray(snapshots->at, snapshots->count + 1, sizeof *grown);
    if (grown == NULL) {
        strbuf_append(taking->problem, "out of memory");
        return false;
    }
    snapshots->at = grown;
    struct snapshot taken;
    if (!snapshot_choose(taking, file, &taken))
        return false;
    taken.path = file->path;
    grown[snapshots->count++] = taken;
    return true;
}

/* A certificate whose new key was kept out would fit no key, and the other way round. */
static bool snapshot_pair(const struct config_file *file, void *argument)
{
    struct snapshot_taking *taking = argument;
    const struct snapshot *former = snapshots_entry(taking->former, file->path);
    const struct snapshot *partner =
        file->partner == NULL ? NULL : snapshots_entry(taking->snapshots, file->partner);
    if (partner == NULL || !partner->is_kept || former == NULL)
        return true;
    for (size_t i = 0; i < taking->snapshots->count; i++) {
        struct snapshot *one = &taking->snapshots->at[i];
        struct snapshot kept;
        if (one->is_kept || strcmp(one->path, file->path) != 0)
            continue;
        if (!snapshot_keep(&kept, former))
            return snapshot_fail(taking, file->path, errno);
        kept.path = one->path;
        (void)close(one->fd);
        *one = kept;
    }
    return true;
}

bool snapshots_take(struct snapshots *snapshots, const struct config *config,
                    const struct snapshots *former, struct guard *guard, struct strbuf *problem)
{
    struct snapshot_taking taking = {
        .snapshots = snapshots, .former = former, .guard = guard, .problem = problem};
    *snapshots = (struct snapshots){.count = 0};
    if (config_visit_files(config, snapshot_take, &taking) &&
        (former == NULL || config_visit_files(config, snapshot_pair, &taking)))
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
