/*
 * Files that hold keys: written whole or not at all, never over another file, and read only where
 * nobody else can read them. Errors are sentences for the person who runs the command.
 */
#ifndef POSTERN_PKI_PRIVATE_FILE_H
#define POSTERN_PKI_PRIVATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attributes.h"
#include "base/span.h"
#include "base/strbuf.h"

enum { PRIVATE_FILE_NAME_MAX = 200 };

/* One file to be made in a directory. */
struct private_file {
    const char *name; /* at most PRIVATE_FILE_NAME_MAX octets, no slash */
    mode_t mode;      /* from birth; the umask can only narrow it */
    struct span content;
};

/*
 * Makes the files in the directory, in that order: each is written under a temporary name, synced,
 * and linked to its name, which fails where something has that name. When one fails, those before
 * it are taken away again. Signals wait meanwhile, so that an impatient person leaves nothing
 * behind; a power cut can leave temporary files (".NAME.XXXXXXXX", as private as the file).
 */
bool private_files_write(const char *dir, const struct private_file *files, size_t count,
                         struct strbuf *ret_error) MUST_USE;

/*
 * Sees to it that dir is a directory of our own to which nobody else may write: makes it (mode
 * 0700, not its parents) where it is missing. ret_was_made says which, so that the caller can take
 * it away again.
 */
bool private_directory_make(const char *dir, bool *ret_was_made, struct strbuf *ret_error) MUST_USE;

/* False, with an error, when dir/name exists or dir can't be written. */
bool private_file_is_free(const char *dir, const char *name, struct strbuf *ret_error) MUST_USE;

/*
 * Appends the content of a file (content's cap is its largest size). A regular file must be closed
 * to group and others unless is_public; a pipe, such as a shell's <(…), is read as it is.
 */
bool private_file_read(const char *path, bool is_public, struct strbuf *content,
                       struct strbuf *ret_error) MUST_USE;

#endif
