/* Writes and reads files that hold keys; see private_file.h. */
#include "pki/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/invariant.h"

enum { PRIVATE_FILES_MAX = 4, PRIVATE_READ_SIZE = 4096 };

/* A file under its temporary name, and then under its own. */
struct private_draft {
    char temporary[PRIVATE_FILE_NAME_MAX + 32]; /* "": none there */
    bool is_published;
};

static bool private_say_errno(struct strbuf *ret_error, const char *doing, const char *dir,
                              const char *name, int error)
{
    char text[128];
    strbuf_format(ret_error, "cannot %s %s%s%s: %s", doing, dir, name[0] == '\0' ? "" : "/", name,
                  strerror_r(error, text, sizeof text));
    return false;
}

static bool private_write_all(int fd, struct span content)
{
    while (content.len > 0) {
        ssize_t written = write(fd, content.at, content.len);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0)
            content = span_from(content, (size_t)written);
    }
    return true;
}

/* Writes and syncs the draft. On failure errno is set and draft->temporary tells what to remove. */
static bool private_draft_write(int dir_fd, const struct private_file *file,
                                struct private_draft *draft)
{
    char name[sizeof draft->temporary];
    uint64_t random = 0;
    struct stat status;
    if (RAND_bytes((unsigned char *)&random, sizeof random) != 1) {
        errno = EIO;
        return false;
    }
    (void)snprintf(name, sizeof name, ".%s.%016" PRIx64, file->name, random);
    auto_close int fd =
        openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, file->mode);
    if (fd < 0)
        return false;
    memcpy(draft->temporary, name, sizeof name);
    if (fstat(fd, &status) != 0)
        return false;
    if ((status.st_mode & 0777 & ~file->mode) != 0) {
        errno = ENOTSUP; /* a file system without modes can't keep a key private */
        return false;
    }
    if (!private_write_all(fd, file->content) || fsync(fd) != 0)
        return false;
    return close(take_fd(&fd)) == 0;
}

/* Gives the draft its name, unless something has it already. */
static bool private_draft_publish(int dir_fd, const struct private_file *file,
                                  struct private_draft *draft)
{
    if (linkat(dir_fd, draft->temporary, dir_fd, file->name, 0) != 0)
        return false;
    draft->is_published = true;
    return true;
}

static bool private_drafts_complete(int dir_fd, const char *dir, const struct private_file *files,
                                    size_t count, struct private_draft *drafts,
                                    struct strbuf *ret_error)
{
    for (size_t i = 0; i < count; i++)
        if (!private_draft_write(dir_fd, &files[i], &drafts[i]))
            return private_say_errno(ret_error, "write", dir, files[i].name, errno);
    for (size_t i = 0; i < count; i++)
        if (!private_draft_publish(dir_fd, &files[i], &drafts[i]))
            return private_say_errno(ret_error, "make", dir, files[i].name, errno);
    if (fsync(dir_fd) != 0)
        return private_say_errno(ret_error, "write", dir, "", errno);
    return true;
}

/* Removes temporary names, and after a failure the published ones too. */
static void private_drafts_clear(int dir_fd, const struct private_file *files, size_t count,
                                 const struct private_draft *drafts, bool is_complete)
{
    for (size_t i = 0; i < count; i++) {
        if (drafts[i].temporary[0] != '\0')
            (void)unlinkat(dir_fd, drafts[i].temporary, 0);
        if (drafts[i].is_published && !is_complete)
            (void)unlinkat(dir_fd, files[i].name, 0);
    }
}

bool private_files_write(const char *dir, const struct private_file *files, size_t count,
                         struct strbuf *ret_error)
{
    struct private_draft drafts[PRIVATE_FILES_MAX] = {{.is_published = false}};
    sigset_t all;
    sigset_t before;
    invariant(count <= PRIVATE_FILES_MAX);
    auto_close int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return private_say_errno(ret_error, "open", dir, "", errno);
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    bool is_complete = private_drafts_complete(dir_fd, dir, files, count, drafts, ret_error);
    private_drafts_clear(dir_fd, files, count, drafts, is_complete);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return is_complete;
}

bool private_directory_make(const char *dir, bool *ret_was_made, struct strbuf *ret_error)
{
    struct stat status;
    bool was_made = mkdir(dir, 0700) == 0;
    if (!was_made && errno != EEXIST)
        return private_say_errno(ret_error, "make", dir, "", errno);
    auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        return private_say_errno(ret_error, "open", dir, "", errno);
    if (status.st_uid != geteuid()) {
        strbuf_format(ret_error, "%s belongs to another user; name a directory of your own", dir);
        return false;
    }
    if ((status.st_mode & 022) != 0) {
        strbuf_format(ret_error,
                      "others may write to %s (mode %04o); name a new directory, or chmod 700 it",
                      dir, (unsigned)status.st_mode & 07777U);
        return false;
    }
    *ret_was_made = was_made;
    return true;
}

bool private_file_is_free(const char *dir, const char *name, struct strbuf *ret_error)
{
    struct stat status;
    auto_close int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return private_say_errno(ret_error, "open", dir, "", errno);
    if (strlen(name) > PRIVATE_FILE_NAME_MAX)
        return private_say_errno(ret_error, "make", dir, name, ENAMETOOLONG);
    if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        strbuf_format(ret_error, "%s/%s is there already and is never overwritten", dir, name);
        return false;
    }
    if (errno != ENOENT)
        return private_say_errno(ret_error, "make", dir, name, errno);
    if (faccessat(dir_fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return private_say_errno(ret_error, "write", dir, "", errno);
    return true;
}

/* Reads to the end; false with errno set, EFBIG where content's cap is too small. */
static bool private_read_all(int fd, struct strbuf *content)
{
    uint8_t piece[PRIVATE_READ_SIZE];
    ssize_t got;
    while ((got = read(fd, piece, sizeof piece)) != 0) {
        if (got < 0 && errno != EINTR)
            break;
        if (got > 0)
            strbuf_append_span(content, span_make(piece, (size_t)got));
        if (strbuf_failed(content)) {
            errno = EFBIG;
            got = -1;
            break;
        }
    }
    int error = errno;
    explicit_bzero(piece, sizeof piece);
    errno = error;
    return got == 0;
}

bool private_file_read(const char *path, bool is_public, struct strbuf *content,
                       struct strbuf *ret_error)
{
    struct stat status;
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) != 0)
        return private_say_errno(ret_error, "read", path, "", errno);
    if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)) {
        strbuf_format(ret_error, "%s is neither a file nor a pipe", path);
        return false;
    }
    if (S_ISREG(status.st_mode) && !is_public && (status.st_mode & 077) != 0) {
        strbuf_format(ret_error, "%s is open to others (mode %04o); chmod 600 it", path,
                      (unsigned)status.st_mode & 07777U);
        return false;
    }
    if (!private_read_all(fd, content))
        return private_say_errno(ret_error, "read", path, "", errno);
    return true;
}
