/*
 * Encoder, decoder and printer of every message, made from schema.def by reading it once for each.
 * Each message gets small functions of its own and a row in the table at the end.
 */
#include "channel/message.h"

#include <string.h>
#include <unistd.h>

#include "base/invariant.h"

const char *role_name(enum role role)
{
    switch (role) {
    case ROLE_SUPERVISOR:
        return "supervisor";
    case ROLE_GATE:
        return "gate";
    case ROLE_KEEPER:
        return "keeper";
    case ROLE_COMMAND:
        return "command";
    case ROLE_BROKER:
        return "broker";
    case ROLE_REVOCATIONS:
        return "revocations";
    }
    return "unknown";
}

/* --- The primitives ----------------------------------------------------------------------------- */

struct message_writer {
    struct strbuf *buf;
    int *fds;
    size_t fd_count;
    bool failed;
};

struct message_reader {
    struct span rest;
    const int *fds;
    size_t fd_count;
    bool failed;
};

static void write_integer(struct message_writer *writer, uint64_t value, size_t octets)
{
    for (size_t i = 0; i < octets; i++)
        strbuf_append_byte(writer->buf, (uint8_t)(value >> (8 * i)));
}

static void write_text(struct message_writer *writer, struct span text, size_t max)
{
    if (text.len > max) {
        writer->failed = true;
        return;
    }
    write_integer(writer, text.len, 2);
    strbuf_append_span(writer->buf, text);
}

/* A descriptor leaves a flag in the packet, so that an absent one needs no placeholder beside it. */
static void write_fd(struct message_writer *writer, int fd)
{
    write_integer(writer, fd >= 0, 1);
    if (fd < 0)
        return;
    invariant(writer->fd_count < MESSAGE_FDS_MAX);
    writer->fds[writer->fd_count++] = fd;
}

static struct span read_octets(struct message_reader *reader, size_t len)
{
    if (reader->failed || reader->rest.len < len) {
        reader->failed = true;
        return SPAN_NONE;
    }
    struct span octets = span_first(reader->rest, len);
    reader->rest = span_from(reader->rest, len);
    return octets;
}

static uint64_t read_integer(struct message_reader *reader, size_t octets)
{
    uint64_t value = 0;
    struct span bytes = read_octets(reader, octets);
    for (size_t i = 0; i < bytes.len; i++)
        value |= (uint64_t)bytes.at[i] << (8 * i);
    return value;
}

static struct span read_text(struct message_reader *reader, size_t max)
{
    size_t len = (size_t)read_integer(reader, 2);
    if (len > max)
        reader->failed = true;
    return read_octets(reader, len);
}

static void read_fixed(struct message_reader *reader, uint8_t *at, size_t size)
{
    struct span bytes = read_octets(reader, size);
    if (bytes.len == size)
        memcpy(at, bytes.at, size);
}

static int read_fd(struct message_reader *reader)
{
    uint64_t present = read_integer(reader, 1);
    if (present == 0)
        return -1;
    if (present != 1 || reader->fd_count == 0) {
        reader->failed = true;
        return -1;
    }
    reader->fd_count--;
    return *reader->fds++;
}

static void print_text(struct strbuf *buf, struct span text)
{
    strbuf_append_byte(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
            strbuf_append_byte(buf, c);
        else
            strbuf_format(buf, "\\x%02x", c);
    }
    strbuf_append_byte(buf, '"');
}

/* --- Encoders ----------------------------------------------------------------------------------- */

#define MESSAGE(name, from, to)                                                                    \
    static void encode_##name(const struct message_##name *message, struct message_writer *writer) \
    {
#define U8(field)          write_integer(writer, message->field, 1);
#define U32(field)         write_integer(writer, message->field, 4);
#define U64(field)         write_integer(writer, message->field, 8);
#define I64(field)         write_integer(writer, (uint64_t)message->field, 8);
#define TEXT(field, max)   write_text(writer, message->field, max);
#define SECRET(field, max) write_text(writer, message->field, max);
#define FIXED(field, size) strbuf_append_span(writer->buf, span_make(message->field, size));
#define FD(field)          write_fd(writer, message->field);
#define END(name)          }
#include "channel/schema.def"
#include "channel/schema_end.h"

/* --- Decoders ----------------------------------------------------------------------------------- */

#define MESSAGE(name, from, to)                                                                    \
    static void decode_##name(struct message_##name *message, struct message_reader *reader)       \
    {
#define U8(field)          message->field = (uint8_t)read_integer(reader, 1);
#define U32(field)         message->field = (uint32_t)read_integer(reader, 4);
#define U64(field)         message->field = read_integer(reader, 8);
#define I64(field)         message->field = (int64_t)read_integer(reader, 8);
#define TEXT(field, max)   message->field = read_text(reader, max);
#define SECRET(field, max) message->field = read_text(reader, max);
#define FIXED(field, size) read_fixed(reader, message->field, size);
#define FD(field)          message->field = read_fd(reader);
#define END(name)          }
#include "channel/schema.def"
#include "channel/schema_end.h"

/* --- Printers ----------------------------------------------------------------------------------- */

#define MESSAGE(name, from, to)                                                                    \
    static void print_##name(const struct message_##name *message, struct strbuf *buf)             \
    {                                                                                              \
        strbuf_append(buf, #name);
#define PRINT_NUMBER(field)                                                                        \
    strbuf_append(buf, " " #field "=");                                                            \
    strbuf_append_u64(buf, (uint64_t)message->field);
#define U8(field)  PRINT_NUMBER(field)
#define U32(field) PRINT_NUMBER(field)
#define U64(field) PRINT_NUMBER(field)
#define I64(field) strbuf_format(buf, " " #field "=%lld", (long long)message->field);
#define TEXT(field, max)                                                                           \
    strbuf_append(buf, " " #field "=");                                                            \
    print_text(buf, message->field);
#define SECRET(field, max) strbuf_append(buf, " " #field "=<secret>");
#define FIXED(field, size)                                                                         \
    strbuf_append(buf, " " #field "=");                                                            \
    strbuf_append_hex(buf, span_make(message->field, size));
#define FD(field) strbuf_append(buf, message->field >= 0 ? " " #field "=fd" : " " #field "=none");
#define END(name) }
#include "channel/schema.def"
#include "channel/schema_end.h"
#undef PRINT_NUMBER

/* --- Descriptors of a decoded message ------------------------------------------------------------ */

static void close_taken(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

#define MESSAGE(name, from, to)                                                                    \
    static void close_fds_##name(struct message_##name *message)                                   \
    {                                                                                              \
        (void)message;
#define U8(field)
#define U32(field)
#define U64(field)
#define I64(field)
#define TEXT(field, max)
#define SECRET(field, max)
#define FIXED(field, size)
#define FD(field) close_taken(&message->field);
#define END(name) }
#include "channel/schema.def"
#include "channel/schema_end.h"

/* --- The table ------------------------------------------------------------------------------------ */

struct message_row {
    const char *name;
    unsigned from;
    unsigned to;
    unsigned secrets;
};

static const struct message_row message_rows[MESSAGE_TYPE_COUNT] = {
#define MESSAGE(name, from, to) [MESSAGE_##name] = {#name, from, to, 0
#define U8(field)
#define U32(field)
#define U64(field)
#define I64(field)
#define TEXT(field, max)
#define SECRET(field, max)      +1
#define FIXED(field, size)
#define FD(field)
#define END(name)               },
#include "channel/schema.def"
#include "channel/schema_end.h"
};

static bool message_is_type(enum message_type type)
{
    return type > MESSAGE_NONE && type < MESSAGE_TYPE_COUNT;
}

const char *message_name(enum message_type type)
{
    return message_is_type(type) ? message_rows[type].name : "unknown";
}

bool message_may_pass(enum message_type type, enum role from, enum role to)
{
    return message_is_type(type) && (message_rows[type].from & (unsigned)from) != 0 &&
           (message_rows[type].to & (unsigned)to) != 0;
}

bool message_has_secret(enum message_type type)
{
    return message_is_type(type) && message_rows[type].secrets > 0;
}

/* Reads the schema as rows of a switch that calls function for the message's own struct. */
#define U8(field)
#define U32(field)
#define U64(field)
#define I64(field)
#define TEXT(field, max)
#define SECRET(field, max)
#define FIXED(field, size)
#define FD(field)
#define END(name)

bool message_encode(const struct message *message, struct strbuf *buf, int fds[MESSAGE_FDS_MAX],
                    size_t *ret_fd_count)
{
    struct message_writer writer = {.buf = buf, .fds = fds};
    write_integer(&writer, message->type, 2);
    switch (message->type) {
#define MESSAGE(name, from, to)                                                                    \
    case MESSAGE_##name:                                                                           \
        encode_##name(&message->name, &writer);                                                    \
        break;
#include "channel/schema.def"
#undef MESSAGE
    case MESSAGE_NONE:
    case MESSAGE_TYPE_COUNT:
        return false;
    }
    *ret_fd_count = writer.fd_count;
    return !writer.failed && !strbuf_failed(buf);
}

bool message_decode(struct span packet, const int *fds, size_t fd_count, struct message *ret_message)
{
    struct message_reader reader = {.rest = packet, .fds = fds, .fd_count = fd_count};
    struct message message = {.type = MESSAGE_NONE};
    uint64_t type = read_integer(&reader, 2);
    if (reader.failed || type == MESSAGE_NONE || type >= MESSAGE_TYPE_COUNT)
        return false;
    message.type = (enum message_type)type;
    switch (message.type) {
#define MESSAGE(name, from, to)                                                                    \
    case MESSAGE_##name:                                                                           \
        decode_##name(&message.name, &reader);                                                     \
        break;
#include "channel/schema.def"
#undef MESSAGE
    case MESSAGE_NONE:
    case MESSAGE_TYPE_COUNT:
        return false;
    }
    if (reader.failed || reader.rest.len != 0 || reader.fd_count != 0)
        return false;
    *ret_message = message;
    return true;
}

void message_close_fds(struct message *message)
{
    switch (message->type) {
#define MESSAGE(name, from, to)                                                                    \
    case MESSAGE_##name:                                                                           \
        close_fds_##name(&message->name);                                                          \
        break;
#include "channel/schema.def"
#undef MESSAGE
    case MESSAGE_NONE:
    case MESSAGE_TYPE_COUNT:
        break;
    }
}

void message_print(const struct message *message, struct strbuf *buf)
{
    switch (message->type) {
#define MESSAGE(name, from, to)                                                                    \
    case MESSAGE_##name:                                                                           \
        print_##name(&message->name, buf);                                                         \
        break;
#include "channel/schema.def"
#undef MESSAGE
    case MESSAGE_NONE:
    case MESSAGE_TYPE_COUNT:
        strbuf_append(buf, "none");
        break;
    }
}

#include "channel/schema_end.h"
