/* Reads files by descriptor, whole, with a cap. A sandboxed role gets its files from the supervisor so. */
#ifndef POSTERN_BASE_FILE_READ_H
#define POSTERN_BASE_FILE_READ_H

#include "base/attributes.h"
#include "base/strbuf.h"

/*
 * Appends all that fd holds, from its beginning, wherever others who share it have read to. False when it
 * can't be read or exceeds buf's cap.
 */
bool file_read(int fd, struct strbuf *buf) MUST_USE;

#endif
