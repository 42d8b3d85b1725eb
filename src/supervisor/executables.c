/* Which programs run; see executables.h. Opened by supervisor.c, run by spawn.c and upgrade.c. */
#include "supervisor/executables.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/invariant.h"
#include "supervisor/places.h"

static const char *const executable_names[EXECUTABLES_COUNT] = {NULL /* our own, whatever it is called */,
                                                                "keeper", "broker", "gate", "revocations"};

/* What the kernel appends to the name of a file that is no longer there. */
static const char deleted[] = " (deleted)";

/* Our own file's name: also when another one has taken its place since we were started. */
static bool executables_find_self(char own[PATH_MAX], struct strbuf *problem)
{
    ssize_t len = readlink("/proc/self/exe", own, PATH_MAX - 1);
    if (len <= 0) {
        strbuf_append(problem, "/proc is not mounted");
        return false;
    }
    size_t tail = sizeof deleted - 1;
    if ((size_t)len > tail && memcmp(own + (size_t)len - tail, deleted, tail) == 0)
        len -= (ssize_t)tail;
    own[len] = '\0';
    return true;
}

static bool executable_open(struct executable *executable, const char *path, struct strbuf *problem)
{
    struct stat status;
    char text[128];
    executable->path = strdup(path);
    executable->fd = access(path, X_OK) == 0 ? open(path, O_PATH | O_CLOEXEC) : -1;
    if (executable->fd >= 0 && executable->path != NULL && fstat(executable->fd, &status) == 0) {
        executable->identity = file_identity_of(&status);
        return true;
    }
    strbuf_format(problem, "%s can't be run: %s", path, strerror_r(errno, text, sizeof text));
    return false;
}

bool executables_open(struct executables *executables, struct strbuf *problem)
{
    char own[PATH_MAX];
    struct stat status;
    for (size_t i = 0; i < EXECUTABLES_COUNT; i++)
        executables->at[i] = (struct executable){.fd = -1};
    if (!executables_find_self(own, problem))
        return false;
    auto_free char *directory = path_directory(own);
    if (directory == NULL) {
        strbuf_append(problem, "out of memory");
        return false;
    }
    for (size_t i = 1; i < EXECUTABLES_COUNT; i++) {
        auto_strbuf struct strbuf path = STRBUF(PATH_MAX);
        strbuf_format(&path, "%s/%s", directory, executable_names[i]);
        if (!executable_open(&executables->at[i], strbuf_text(&path), problem))
            return false;
    }
    /* What runs is known by this name, what lies under the other may be newer already. */
    struct executable *self = &executables->at[0];
    self->path = strdup(own);
    self->fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    if (self->path == NULL || self->fd < 0 || fstat(self->fd, &status) != 0) {
        strbuf_append(problem, "our own executable can't be opened");
        return false;
    }
    self->identity = file_identity_of(&status);
    return true;
}

void executables_fini(struct executables *executables)
{
    for (size_t i = 0; i < EXECUTABLES_COUNT; i++) {
        struct executable *one = &executables->at[i];
        free(one->path);
        if (one->path != NULL && one->fd >= 0)
            (void)close(one->fd);
        *one = (struct executable){.fd = -1};
    }
}

/* Another name or another mode of the same file changes only the time of change. */
static bool executable_is_same(const struct file_identity *a, const struct file_identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

bool executables_have_changed(const struct executables *executables)
{
    for (size_t i = 0; i < EXECUTABLES_COUNT; i++) {
        struct file_identity now = file_identify(executables->at[i].path);
        if (!executable_is_same(&now, &executables->at[i].identity))
            return true;
    }
    return false;
}

int executables_find(const struct executables *executables, const char *name)
{
    size_t i = 1;
    while (i + 1 < EXECUTABLES_COUNT && strcmp(executable_names[i], name) != 0)
        i++;
    invariant(strcmp(executable_names[i], name) == 0);
    return executables->at[i].fd;
}
