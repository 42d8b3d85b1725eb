/* Values that are addresses, references and login rules; see values.h. */
#include "config/storage.h"
#include "config/values.h"

static bool bind_parse(const struct value_in *in, struct value_out *out)
{
    struct endpoint endpoint;
    if (!endpoint_parse(in->text, &endpoint))
        return value_refuse(in,
                            "is not an address with a port; write \"0.0.0.0:993\" or \"[::]:993\"");
    strbuf_append_span(&out->text, in->text);
    return true;
}

static bool address_parse(const struct value_in *in, struct value_out *out)
{
    struct endpoint endpoint;
    if (!endpoint_parse(in->text, &endpoint))
        return value_refuse(in, "is no literal address with a port; write \"127.0.0.1:143\" "
                                "or \"[::1]:143\"");
    strbuf_append_span(&out->text, in->text);
    return true;
}

static bool prefix_parse(const struct value_in *in, struct value_out *out)
{
    if (!ip_prefix_parse(in->text, &out->prefix))
        return value_refuse(
            in, "is no network; write \"192.0.2.1\", \"10.0.0.0/24\" or \"2001:db8::/32\", "
                "with no bits set beyond the length");
    return true;
}

/* Backends are numbered in the order of the file; the scan has found them all. */
static bool backend_parse(const struct value_in *in, struct value_out *out)
{
    auto_strbuf struct strbuf known = STRBUF(256);
    uint32_t index = 0;
    for (size_t i = 0; i < in->reading->found_count; i++) {
        const struct found *found = &in->reading->found[i];
        if (found->key != SECTION_BACKEND)
            continue;
        if (span_equal(span_of(found->title), in->text)) {
            out->number = index;
            return true;
        }
        strbuf_format(&known, "%s%s", index == 0 ? "" : ", ", found->title);
        index++;
    }
    if (index == 0)
        return value_refuse(
            in, "is no backend, since there is none; write a section backend NAME {...}");
    return value_refuse(in, "is no backend; write one of: %s%s", strbuf_text(&known),
                        strbuf_failed(&known) ? " ..." : "");
}

static bool login_parse(const struct value_in *in, struct value_out *out)
{
    unsigned factors;
    if (!factors_parse(in->text, &factors))
        return value_refuse(
            in, "is no way in; write certificate, \"certificate+password\", password or "
                "oauth");
    out->number = factors;
    return true;
}

/* A name of another section, kept as text. */
static bool section_parse(const struct value_in *in, enum section_key key, struct value_out *out)
{
    auto_strbuf struct strbuf known = STRBUF(256);
    const char *kind = sections[key].name;
    for (size_t i = 0; i < in->reading->found_count; i++) {
        const struct found *found = &in->reading->found[i];
        if (found->key != key)
            continue;
        strbuf_format(&known, "%s%s", known.len == 0 ? "" : ", ", found->title);
        if (!span_equal(span_of(found->title), in->text))
            continue;
        strbuf_append_span(&out->text, in->text);
        return true;
    }
    if (known.len == 0)
        return value_refuse(in, "is no %s, since there is none; write a section %s NAME {...}", kind,
                            kind);
    return value_refuse(in, "is no %s; write one of: %s%s", kind, strbuf_text(&known),
                        strbuf_failed(&known) ? " ..." : "");
}

static bool group_parse(const struct value_in *in, struct value_out *out)
{
    return section_parse(in, SECTION_GROUP, out);
}

static bool listener_parse(const struct value_in *in, struct value_out *out)
{
    return section_parse(in, SECTION_LISTENER, out);
}

/* Whether it is a login, only the roles' own reader can say (policy/members.h): check-config asks it. */
static bool member_parse(const struct value_in *in, struct value_out *out)
{
    enum { MEMBER_OCTETS = 321 }; /* a login, or a domain with its @ */
    bool is_good = in->text.len > 0 && in->text.len <= MEMBER_OCTETS && in->text.at[0] != '#';
    for (size_t i = 0; i < in->text.len; i++)
        is_good = is_good && in->text.at[i] > ' ' && in->text.at[i] != 0x7f;
    if (!is_good)
        return value_refuse(in, "is no user; write a login such as alice@example.org, or \"@example.org\" "
                                "for all of a domain");
    strbuf_append_span(&out->text, in->text);
    return true;
}

const struct value_type value_members = {
    .form = "login", .storage = &storage_texts, .parse = member_parse};
const struct value_type value_groups = {
    .form = "group", .storage = &storage_texts, .parse = group_parse};
const struct value_type value_listeners = {
    .form = "listener", .storage = &storage_texts, .parse = listener_parse};
const struct value_type value_binds = {
    .form = "address", .storage = &storage_texts, .parse = bind_parse};
const struct value_type value_addresses = {
    .form = "address", .storage = &storage_texts, .parse = address_parse};
const struct value_type value_prefixes = {
    .form = "network", .storage = &storage_prefixes, .parse = prefix_parse};
const struct value_type value_backend = {
    .form = "backend", .storage = &storage_backend, .parse = backend_parse};
const struct value_type value_logins = {
    .form = "way in", .storage = &storage_factors, .parse = login_parse};
