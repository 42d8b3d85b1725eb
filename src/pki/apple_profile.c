/* The property list itself; see apple_profile.h. Called by package.c. */
#include "pki/apple_profile.h"

#include "base/base64.h"
#include "base/utf8.h"

/* --- XML ---------------------------------------------------------------------------------------- */

/* XML 1.0 section 2.2 leaves out controls and the two code points U+FFFE and U+FFFF. */
static bool is_xml_character(struct span character)
{
    bool is_noncharacter = character.len == 3 && character.at[0] == 0xef &&
                           character.at[1] == 0xbf && character.at[2] >= 0xbe;
    return character.at[0] >= ' ' && character.at[0] != 0x7f && !is_noncharacter;
}

static void append_character(struct strbuf *xml, struct span character)
{
    if (!is_xml_character(character))
        strbuf_append(xml, "?");
    else if (character.at[0] == '&')
        strbuf_append(xml, "&amp;");
    else if (character.at[0] == '<')
        strbuf_append(xml, "&lt;");
    else if (character.at[0] == '>')
        strbuf_append(xml, "&gt;");
    else
        strbuf_append_span(xml, character);
}

static void append_text(struct strbuf *xml, struct span text)
{
    while (text.len > 0) {
        size_t len = utf8_length(text);
        if (len == 0)
            strbuf_append(xml, "?");
        else
            append_character(xml, span_first(text, len));
        text = span_from(text, len == 0 ? 1 : len);
    }
}

static void append_key(struct strbuf *xml, const char *key)
{
    strbuf_format(xml, "<key>%s</key>", key);
}

static void append_string(struct strbuf *xml, const char *key, struct span value)
{
    append_key(xml, key);
    strbuf_append(xml, "<string>");
    append_text(xml, value);
    strbuf_append(xml, "</string>\n");
}

static void append_integer(struct strbuf *xml, const char *key, unsigned value)
{
    append_key(xml, key);
    strbuf_format(xml, "<integer>%u</integer>\n", value);
}

static void append_true(struct strbuf *xml, const char *key)
{
    append_key(xml, key);
    strbuf_append(xml, "<true/>\n");
}

/* --- Payloads ----------------------------------------------------------------------------------- */

/* RFC 9562 section 5.4: version 4. */
static void append_uuid(struct strbuf *xml, const uint8_t random[APPLE_PROFILE_UUID_SIZE])
{
    auto_strbuf struct strbuf uuid = STRBUF(40);
    for (size_t i = 0; i < APPLE_PROFILE_UUID_SIZE; i++) {
        unsigned octet = random[i];
        octet = i == 6 ? (octet & 0x0f) | 0x40 : i == 8 ? (octet & 0x3f) | 0x80 : octet;
        strbuf_format(&uuid, "%s%02X", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", octet);
    }
    append_string(xml, "PayloadUUID", strbuf_span(&uuid));
}

static void append_head(const struct apple_profile *profile, const char *type, const char *part,
                        size_t index, struct strbuf *xml)
{
    auto_strbuf struct strbuf identifier = STRBUF(128);
    strbuf_append(&identifier, "postern.");
    strbuf_append_span(&identifier, profile->serial);
    strbuf_append(&identifier, part);
    append_string(xml, "PayloadType", span_of(type));
    append_integer(xml, "PayloadVersion", 1);
    append_string(xml, "PayloadIdentifier", strbuf_span(&identifier));
    append_uuid(xml, profile->uuids[index]);
    append_string(xml, "PayloadDisplayName", index == 1 ? profile->device : profile->login);
}

static void append_certificate(const struct apple_profile *profile, struct strbuf *xml)
{
    strbuf_append(xml, "<dict>\n");
    append_head(profile, "com.apple.security.pkcs12", ".certificate", 1, xml);
    append_string(xml, "PayloadCertificateFileName", SPAN("certificate.p12"));
    append_key(xml, "PayloadContent");
    strbuf_append(xml, "<data>");
    base64_encode(profile->pkcs12, xml);
    strbuf_append(xml, "</data>\n</dict>\n");
}

/* The outgoing server must be there, or the payload is refused. */
static void append_mail(const struct apple_profile *profile, struct strbuf *xml)
{
    strbuf_append(xml, "<dict>\n");
    append_head(profile, "com.apple.mail.managed", ".mail", 2, xml);
    append_string(xml, "EmailAccountDescription", profile->login);
    append_string(xml, "EmailAccountType", SPAN("EmailTypeIMAP"));
    append_string(xml, "EmailAddress", profile->login);
    append_string(xml, "IncomingMailServerAuthentication", SPAN("EmailAuthPassword"));
    append_string(xml, "IncomingMailServerHostName", profile->host);
    append_integer(xml, "IncomingMailServerPortNumber", profile->port);
    append_true(xml, "IncomingMailServerUseSSL");
    append_string(xml, "IncomingMailServerUsername", profile->login);
    append_string(xml, "OutgoingMailServerAuthentication", SPAN("EmailAuthPassword"));
    append_string(xml, "OutgoingMailServerHostName", profile->host);
    append_true(xml, "OutgoingMailServerUseSSL");
    append_string(xml, "OutgoingMailServerUsername", profile->login);
    strbuf_append(xml, "</dict>\n");
}

void apple_profile_print(const struct apple_profile *profile, struct strbuf *xml)
{
    strbuf_append(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                       "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
                       "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
                       "<plist version=\"1.0\">\n<dict>\n");
    append_head(profile, "Configuration", "", 0, xml);
    append_key(xml, "PayloadContent");
    strbuf_append(xml, "<array>\n");
    append_certificate(profile, xml);
    append_mail(profile, xml);
    strbuf_append(xml, "</array>\n</dict>\n</plist>\n");
}
