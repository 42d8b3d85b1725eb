/*
 * Sections client_ca; see client_ca.h. Made by authorities.c for each configure message, asked there for
 * each certificate whose chain verified.
 */
#include "pki/client_ca.h"

#include <stdlib.h>

#include "base/file_read.h"
#include "pki/certificate_policy.h"
#include "pki/login_pattern.h"
#include "pki/pem_file.h"

enum { CLIENT_CA_TEXTS_MAX = 1 << 17 };

/* --- Making one ------------------------------------------------------------------------------------- */

/* Where the texts have been copied to, in the order of client_ca_copy(). */
static struct span client_ca_take(struct span *texts, struct span text)
{
    struct span taken = span_first(*texts, text.len);
    *texts = span_from(*texts, text.len);
    return taken;
}

static bool client_ca_copy(struct client_ca *section, const struct client_ca_request *request)
{
    strbuf_init(&section->texts, CLIENT_CA_TEXTS_MAX);
    strbuf_append_span(&section->texts, request->domains);
    strbuf_append_span(&section->texts, request->users);
    strbuf_append_span(&section->texts, request->pattern);
    strbuf_append_span(&section->texts, request->login);
    struct span texts = strbuf_span(&section->texts);
    section->names.domains = client_ca_take(&texts, request->domains);
    section->names.users = client_ca_take(&texts, request->users);
    section->mapping.pattern = client_ca_take(&texts, request->pattern);
    section->mapping.login = client_ca_take(&texts, request->login);
    memcpy(section->name, request->name.at, request->name.len);
    return !strbuf_failed(&section->texts);
}

static bool client_ca_read_certificates(struct client_ca *section, int fd, struct strbuf *why)
{
    section->certificates = pem_file_certificates(fd);
    if (section->certificates == NULL)
        strbuf_format(why, "client_ca %s: its certificate file holds no PEM certificate, or one that is malformed",
                      section->name);
    return section->certificates != NULL;
}

static bool client_ca_make_lists(struct client_ca *section, const struct client_ca_request *request,
                                 struct strbuf *why)
{
    if (!lists_init(&section->lists, section->certificates)) {
        strbuf_append(why, "a section client_ca needs more memory than there is");
        return false;
    }
    if (request->needs_lists)
        lists_need(&section->lists, request->overdue_grace_s);
    return true;
}

static bool client_ca_read_policies(struct client_ca *section, struct span policies, struct strbuf *why)
{
    if (policies.len == 0)
        return true;
    section->policies = certificate_policies_parse(policies);
    if (section->policies == NULL)
        strbuf_format(why, "client_ca %s: an entry of policies is no object identifier", section->name);
    return section->policies != NULL;
}

static bool client_ca_read_map(struct client_ca *section, const struct client_ca_request *request,
                               struct strbuf *why)
{
    if (!certificate_field_find(request->map, &section->mapping.field) ||
        !login_pattern_is_one(section->mapping.pattern) || !login_pattern_is_one(section->mapping.login)) {
        strbuf_format(why, "client_ca %s: map, pattern or login can't be read", section->name);
        return false;
    }
    if (request->map_file_fd < 0)
        return true;
    auto_strbuf struct strbuf text = STRBUF(MAP_FILE_OCTETS_MAX);
    auto_strbuf struct strbuf problem = STRBUF(256);
    if (!file_read(request->map_file_fd, &text))
        strbuf_append(&problem, " is larger than a map file may be, or can't be read");
    else
        section->mapping.file = map_file_parse(strbuf_span(&text), &section->names, &problem);
    if (section->mapping.file == NULL) {
        strbuf_append_span(why, request->map_file_name);
        strbuf_format(why, ":%s", strbuf_text(&problem));
    }
    return section->mapping.file != NULL;
}

struct client_ca *client_ca_new(const struct client_ca_request *request, struct strbuf *why)
{
    struct client_ca *section = calloc(1, sizeof *section);
    if (section == NULL || request->name.len > CLIENT_CA_NAME_MAX || !client_ca_copy(section, request)) {
        strbuf_append(why, "a section client_ca needs more memory than there is");
    } else if (client_ca_read_certificates(section, request->certificate_fd, why) &&
               client_ca_make_lists(section, request, why) &&
               client_ca_read_policies(section, request->policies, why) &&
               client_ca_read_map(section, request, why)) {
        return section;
    }
    client_ca_free(section);
    return NULL;
}

void client_ca_free(struct client_ca *section)
{
    if (section == NULL)
        return;
    lists_fini(&section->lists);
    sk_X509_pop_free(section->certificates, X509_free);
    certificate_policies_free(section->policies);
    map_file_free(section->mapping.file);
    strbuf_fini(&section->texts);
    free(section);
}

/* --- Judging ---------------------------------------------------------------------------------------- */

static enum certificate_refusal client_ca_find_name(const struct client_ca *section,
                                                    STACK_OF(X509) *chain, struct strbuf *found)
{
    if (section->policies != NULL && !certificate_policies_hold(section->policies, chain))
        return CERTIFICATE_WRONG_POLICY;
    enum certificate_refusal refusal =
        certificate_mapping_apply(&section->mapping, sk_X509_value(chain, 0), found);
    if (refusal == CERTIFICATE_OK && !name_space_holds(&section->names, strbuf_span(found)))
        refusal = CERTIFICATE_FOREIGN_NAME;
    return refusal;
}

void client_ca_judge(const struct client_ca *section, STACK_OF(X509) *chain,
                     struct client_certificate *verdict, struct strbuf *name)
{
    auto_strbuf struct strbuf found = STRBUF(NAME_OCTETS_MAX);
    size_t before = name->len;
    verdict->refusal = client_ca_find_name(section, chain, &found);
    if (verdict->refusal == CERTIFICATE_OK)
        strbuf_append_span(name, strbuf_span(&found));
    if (strbuf_failed(name)) {
        strbuf_truncate(name, before);
        verdict->refusal = CERTIFICATE_BAD_NAME;
    }
    if (verdict->refusal != CERTIFICATE_OK)
        verdict->state = CERTIFICATE_REFUSED;
}
