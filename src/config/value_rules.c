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
