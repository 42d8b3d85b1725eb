/*
 * From a certificate that verified to the name of its user; see certificate_mapping.h. Called from
 * client_certificate.c. The name goes on to client_ca.c, which asks whether the authority may name it.
 */
#include "pki/certificate_mapping.h"

#include "pki/login_pattern.h"
#include "pki/name_space.h"

static enum certificate_refusal mapping_find(const struct certificate_mapping *mapping,
                                             const X509 *certificate, struct strbuf *found)
{
    auto_strbuf struct strbuf value = STRBUF(CERTIFICATE_FIELD_OCTETS_MAX);
    if (mapping->file != NULL)
        return map_file_find(mapping->file, certificate, found);
    enum certificate_refusal refusal = certificate_field_read(certificate, mapping->field, &value);
    if (refusal == CERTIFICATE_OK &&
        !login_pattern_apply(mapping->pattern, mapping->login, strbuf_span(&value), found))
        refusal = CERTIFICATE_BAD_NAME;
    return refusal;
}

enum certificate_refusal certificate_mapping_apply(const struct certificate_mapping *mapping,
                                                   const X509 *certificate, struct strbuf *name)
{
    auto_strbuf struct strbuf found = STRBUF(NAME_OCTETS_MAX);
    enum certificate_refusal refusal = mapping_find(mapping, certificate, &found);
    if (refusal != CERTIFICATE_OK)
        return refusal;
    if (!name_is_login(strbuf_span(&found)))
        return CERTIFICATE_BAD_NAME;
    size_t before = name->len;
    strbuf_append_span(name, strbuf_span(&found));
    if (!strbuf_failed(name))
        return CERTIFICATE_OK;
    strbuf_truncate(name, before);
    return CERTIFICATE_BAD_NAME;
}
