/* Reads files that another process opened; see file_read.h. */
#include "base/file_read.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool file_read(int fd, struct strbuf *buf)
{
    uint8_t part[4096];
    off_t at = 0;
    for (;;) {
        ssize_t got = pread(fd, part, sizeof part, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            explicit_bzero(part, sizeof part);
            return got == 0 && !strbuf_failed(buf);
        }
        strbuf_append_span(buf, span_make(part, (size_t)got));
        if (strbuf_failed(buf)) {
            explicit_bzero(part, sizeof part);
            return false;
        }
        at += got;
    }
}
