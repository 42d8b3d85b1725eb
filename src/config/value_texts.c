/* Values that are names and paths; see values.h. Files are looked at, never read. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "config/storage.h"
#include "config/values.h"

enum {
    PATH_OCTETS = 511,   /* the schema's limit for a file's name, less one */
    DOMAIN_OCTETS = 253, /* RFC 1035 section 2.3.4, as text without the final dot */
    LABEL_OCTETS = 63,
    USER_OCTETS = 32, /* useradd(8) */
    NETBIOS_OCTETS = 15,
    MASTER_USER_OCTETS = 255,
    OID_OCTETS = 63,
    LOCAL_OCTETS = 64, /* RFC 5321 section 4.5.3.1.1 */
    PATTERN_OCTETS = 255,
};

static bool is_alphanumeric(uint8_t c)
{
    uint8_t lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

static bool is_made_of(struct span text, const char *others)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_alphanumeric(text.at[i]) && strchr(others, text.at[i]) == NULL)
            return false;
    return text.len > 0;
}

/* --- Domains --------------------------------------------------------------------------------- */

static bool is_label(struct span label)
{
    return label.len <= LABEL_OCTETS && is_made_of(label, "-") && label.at[0] != '-' &&
           label.at[label.len - 1] != '-';
}

/* Letters, digits and hyphens only: A-labels, which need no Unicode tables to compare. */
static bool is_domain(struct span text)
{
    struct span rest = text;
    struct ip ip;
    if (text.len > DOMAIN_OCTETS || ip_parse(text, &ip))
        return false;
    do {
        if (!is_label(span_cut(&rest, '.')))
            return false;
    } while (rest.at != NULL);
    return true;
}

static void append_lower(struct strbuf *buf, struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        strbuf_append_byte(buf, ascii_lower(text.at[i]));
}

static bool domain_parse(const struct value_in *in, struct value_out *out)
{
    if (!is_domain(in->text))
        return value_refuse(in, "is not a domain name; write letters, digits, hyphens and dots "
                                "(mail.example.org), other letters in their xn-- form");
    append_lower(&out->text, in->text);
    return true;
}

static bool netbios_parse(const struct value_in *in, struct value_out *out)
{
    struct span domain = in->text;
    struct span name = span_cut(&domain, '=');
    if (name.len > NETBIOS_OCTETS || !is_made_of(name, "-_") || domain.len == 0 ||
        !is_domain(domain))
        return value_refuse(
            in, "is no pair of names; write \"NAME=domain\", such as \"CORP=example.org\"");
    strbuf_append_span(&out->text, name);
    strbuf_append_byte(&out->text, '=');
    append_lower(&out->text, domain);
    return true;
}

static bool tls_name_parse(const struct value_in *in, struct value_out *out)
{
    if (!is_domain(in->text))
        return value_refuse(in, "is not a DNS name; write the one in the backend's certificate");
    append_lower(&out->text, in->text);
    return true;
}

/* --- Users ----------------------------------------------------------------------------------- */

static bool user_parse(const struct value_in *in, struct value_out *out)
{
    if (in->text.len > USER_OCTETS || !is_made_of(in->text, "-_.") || in->text.at[0] == '-')
        return value_refuse(
            in, "is no system user's name; write letters, digits, -, _ and dots, at most %d",
            USER_OCTETS);
    strbuf_append_span(&out->text, in->text);
    return true;
}

static bool master_user_parse(const struct value_in *in, struct value_out *out)
{
    if (in->text.len > MASTER_USER_OCTETS || !is_made_of(in->text, "-_.@"))
        return value_refuse(
            in, "can't be a master user; write letters, digits, -, _, dots and @, at most %d",
            MASTER_USER_OCTETS);
    strbuf_append_span(&out->text, in->text);
    return true;
}

/* What is common in addresses can't separate two of them. */
static bool separator_parse(const struct value_in *in, struct value_out *out)
{
    if (in->text.len != 1 || strchr("*!#$%&/:;<>=?^|~+", in->text.at[0]) == NULL)
        return value_refuse(
            in, "can't separate names; write one of * ! # $ %% & / : ; < > = ? ^ | ~ +");
    strbuf_append_span(&out->text, in->text);
    return true;
}

/* --- Certificates ------------------------------------------------------------------------------ */

static bool is_oid(struct span text)
{
    unsigned arcs = 0;
    uint64_t arc;
    bool is_good = text.len <= OID_OCTETS;
    for (struct span rest = text; is_good && rest.at != NULL; arcs++) {
        struct span digits = span_cut(&rest, '.');
        is_good = span_to_u64(digits, UINT32_MAX, &arc) && (digits.len == 1 || digits.at[0] != '0') &&
                  (arcs > 0 || arc <= 2);
    }
    return is_good && arcs > 2;
}

static bool oid_parse(const struct value_in *in, struct value_out *out)
{
    if (!is_oid(in->text))
        return value_refuse(in, "is no object identifier; write numbers with dots, such as "
                                "1.3.6.1.4.1.311.20.2.2");
    strbuf_append_span(&out->text, in->text);
    return true;
}

static bool mailbox_parse(const struct value_in *in, struct value_out *out)
{
    struct span domain = in->text;
    struct span local = span_cut(&domain, '@');
    if (local.len > LOCAL_OCTETS || !is_made_of(local, "!#$%&'+-=?^_`{|}~.") || domain.len == 0 ||
        !is_domain(domain))
        return value_refuse(in, "is no user; write a login with its domain, such as alice@example.org");
    append_lower(&out->text, in->text);
    return true;
}

static bool pattern_parse(const struct value_in *in, struct value_out *out)
{
    size_t stars = 0;
    bool is_good = in->text.len <= PATTERN_OCTETS;
    for (size_t i = 0; i < in->text.len; i++) {
        is_good = is_good && in->text.at[i] >= 0x20 && in->text.at[i] < 0x7f;
        stars += in->text.at[i] == '*';
    }
    if (!is_good || stars != 1)
        return value_refuse(in, "is no pattern; write ASCII with one * for the part that differs, such as "
                                "\"*@example.org\"");
    strbuf_append_span(&out->text, in->text);
    return true;
}

static bool name_parse(const struct value_in *in, struct value_out *out)
{
    strbuf_append_span(&out->text, in->text);
    return true;
}

/* --- Paths ----------------------------------------------------------------------------------- */

static bool path_check(const struct value_in *in, struct span path, size_t most, struct strbuf *buf)
{
    if (path.len == 0 || path.at[0] != '/' || path.at[path.len - 1] == '/')
        return value_refuse(
            in, "is not the path of a file; write an absolute path such as /etc/postern/x");
    if (path.len > most)
        return value_refuse(in, "is too long a path; write at most %zu octets", most);
    strbuf_append_span(buf, path);
    return true;
}

static bool path_parse(const struct value_in *in, struct value_out *out)
{
    return path_check(in, in->text, PATH_OCTETS, &out->text);
}

static bool socket_parse(const struct value_in *in, struct value_out *out)
{
    return path_check(in, in->text, SOCKET_OCTETS, &out->text);
}

static bool state_parse(const struct value_in *in, struct value_out *out)
{
    struct span path = in->text;
    struct span kind = span_cut(&path, ':');
    if (span_equal(kind, SPAN("redis")))
        return value_refuse(in, "can't be used: this version keeps its state in SQLite; write "
                                "\"sqlite:/var/lib/postern/state.db\"");
    if (!span_equal(kind, SPAN("sqlite")) || path.at == NULL)
        return value_refuse(in, "names no store; write \"sqlite:/var/lib/postern/state.db\"");
    return path_check(in, path, PATH_OCTETS, &out->text);
}

/* Opens the file as its reader will, without waiting for a pipe or a terminal. */
static bool file_check(const struct value_in *in, const char *path, bool is_secret)
{
    if (in->reading->files == CONFIG_FILES_ASSUMED)
        return true;
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        return value_refuse(in, "can't be opened: %s; name a file that is there",
                            strerrordesc_np(errno));
    if (!S_ISREG(status.st_mode))
        return value_refuse(in, "is not a regular file; name one");
    if (is_secret && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return value_refuse(in,
                            "is open to others than its owner (mode %03o); write chmod 600 for it",
                            (unsigned)(status.st_mode & 0777));
    return true;
}

static bool file_parse(const struct value_in *in, struct value_out *out)
{
    return path_parse(in, out) && file_check(in, strbuf_text(&out->text), false);
}

static bool secret_file_parse(const struct value_in *in, struct value_out *out)
{
    return path_parse(in, out) && file_check(in, strbuf_text(&out->text), true);
}

#define TEXT_TYPE(name, form_text, parse_function)                                                 \
    const struct value_type name = {                                                               \
        .form = form_text, .storage = &storage_text, .parse = parse_function}
#define TEXTS_TYPE(name, form_text, parse_function)                                                \
    const struct value_type name = {                                                               \
        .form = form_text, .storage = &storage_texts, .parse = parse_function}

TEXT_TYPE(value_domain, "domain", domain_parse);
TEXTS_TYPE(value_domains, "domain", domain_parse);
TEXTS_TYPE(value_netbios, "NAME=domain", netbios_parse);
TEXT_TYPE(value_tls_name, "domain", tls_name_parse);
TEXT_TYPE(value_user, "user", user_parse);
TEXTS_TYPE(value_users, "user", user_parse);
TEXT_TYPE(value_master_user, "name", master_user_parse);
TEXT_TYPE(value_separator, "character", separator_parse);
TEXTS_TYPE(value_oids, "object identifier", oid_parse);
TEXTS_TYPE(value_mailboxes, "user", mailbox_parse);
TEXT_TYPE(value_pattern, "pattern", pattern_parse);
TEXTS_TYPE(value_names, "name", name_parse);
TEXT_TYPE(value_path, "path", path_parse);
TEXT_TYPE(value_socket, "path", socket_parse);
TEXT_TYPE(value_file, "file", file_parse);
TEXTS_TYPE(value_files, "file", file_parse);
TEXTS_TYPE(value_secret_files, "file", secret_file_parse);

const struct value_type value_secret_file = {
    .form = "file", .storage = &storage_text, .parse = secret_file_parse, .is_private = true};
const struct value_type value_state = {
    .form = "sqlite:path", .storage = &storage_text, .parse = state_parse, .prefix = "sqlite:"};
