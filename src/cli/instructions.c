/*
 * Instructions for mail programs; see instructions.h. Called by device_answer.c. docs/clients.md says which
 * of these programs were tried, and how; nothing stands here that a program is not known to do.
 */
#include "cli/instructions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/say.h"

/* In each text the arguments are, in this order: login, server, port, file. */
enum { EN, FR, LANGUAGES };

/* The order of words is the language's own, so positions stand in the formats. */
static const char *const pkcs12_texts[LANGUAGES] = {
    [EN] = "\n"
           "Account: %1$s, IMAP server %2$s, port %3$u, SSL/TLS.\n"
           "\n"
           "Thunderbird: Settings > Privacy & Security > Manage Certificates > Your Certificates >\n"
           "  Import: %4$s and its password. Account Settings > Server Settings: authentication method\n"
           "  \"TLS Certificate\".\n"
           "Thunderbird for Android, K-9 Mail: open the file on the telephone and install it for apps, with\n"
           "  its password (Android up to 13: one made with --compatible). In the account's incoming server,\n"
           "  choose \"Client certificate\".\n"
           "Apple Mail on a Mac: open the file (made with --compatible), which puts it into the keychain.\n"
           "  Mail > Settings > Accounts > Server Settings: authentication \"TLS Certificate\", where the\n"
           "  version of Mail offers it.\n"
           "Outlook, Mail on iPhone and iPad, the Gmail app: can't log in to IMAP by certificate.\n",
    [FR] = "\n"
           "Compte : %1$s, serveur IMAP %2$s, port %3$u, SSL/TLS.\n"
           "\n"
           "Thunderbird : Paramètres > Vie privée et sécurité > Gérer les certificats > Vos certificats >\n"
           "  Importer : %4$s et son mot de passe. Paramètres des comptes > Paramètres serveur : méthode\n"
           "  d'authentification « Certificat TLS ».\n"
           "Thunderbird pour Android, K-9 Mail : ouvrir le fichier sur le téléphone et l'installer pour les\n"
           "  applications, avec son mot de passe (jusqu'à Android 13 : un fichier fait avec --compatible).\n"
           "  Dans le serveur entrant du compte, choisir « Certificat client ».\n"
           "Apple Mail sur Mac : ouvrir le fichier (fait avec --compatible), qui entre dans le trousseau.\n"
           "  Mail > Réglages > Comptes > Réglages du serveur : authentification « Certificat TLS », là où\n"
           "  la version de Mail la propose.\n"
           "Outlook, Mail sur iPhone et iPad, l'application Gmail : ne savent pas se connecter en IMAP par\n"
           "  certificat.\n",
};

static const char *const pem_texts[LANGUAGES] = {
    [EN] = "\n"
           "Account: %1$s, IMAP server %2$s, port %3$u, SSL/TLS.\n"
           "CERT is %4$s, KEY the private key that belongs to it.\n"
           "\n"
           "mbsync:    SSLType IMAPS, AuthMechs EXTERNAL, User %1$s,\n"
           "           ClientCertificate CERT, ClientKey KEY\n"
           "mutt:      set ssl_client_cert to a file with both, one behind the other;\n"
           "           set imap_authenticators=\"external\"\n"
           "curl:      curl --cert CERT --key KEY --login-options AUTH=EXTERNAL \\\n"
           "             --user %1$s: imaps://%2$s:%3$u/INBOX\n"
           "fetchmail: sslcert CERT, sslkey KEY, auth external, and an empty password\n",
    [FR] = "\n"
           "Compte : %1$s, serveur IMAP %2$s, port %3$u, SSL/TLS.\n"
           "CERT est %4$s, CLE la clé privée qui va avec.\n"
           "\n"
           "mbsync :    SSLType IMAPS, AuthMechs EXTERNAL, User %1$s,\n"
           "            ClientCertificate CERT, ClientKey CLE\n"
           "mutt :      ssl_client_cert : un fichier avec les deux, l'un derrière l'autre ;\n"
           "            imap_authenticators=\"external\"\n"
           "curl :      curl --cert CERT --key CLE --login-options AUTH=EXTERNAL \\\n"
           "              --user %1$s: imaps://%2$s:%3$u/INBOX\n"
           "fetchmail : sslcert CERT, sslkey CLE, auth external, et un mot de passe vide\n",
};

static const char *const profile_texts[LANGUAGES] = {
    [EN] = "\n"
           "Account: %1$s, IMAP server %2$s, port %3$u, SSL/TLS.\n"
           "\n"
           "Mac: open %4$s, then System Settings > Profiles > Install; the password is asked for.\n"
           "  Apple's profiles can't choose a certificate for IMAP: in Mail > Settings > Accounts > Server\n"
           "  Settings, set authentication \"TLS Certificate\", where the version of Mail offers it.\n"
           "iPhone, iPad: open the file, then Settings > Profile Downloaded > Install. Mail there logs in\n"
           "  to IMAP by password only: it gets in where the login rules let a password in.\n",
    [FR] = "\n"
           "Compte : %1$s, serveur IMAP %2$s, port %3$u, SSL/TLS.\n"
           "\n"
           "Mac : ouvrir %4$s, puis Réglages Système > Profils > Installer ; le mot de passe est demandé.\n"
           "  Les profils d'Apple ne savent pas choisir un certificat pour IMAP : dans Mail > Réglages >\n"
           "  Comptes > Réglages du serveur, mettre l'authentification « Certificat TLS », là où la version\n"
           "  de Mail la propose.\n"
           "iPhone, iPad : ouvrir le fichier, puis Réglages > Profil téléchargé > Installer. Mail ne s'y\n"
           "  connecte en IMAP que par mot de passe : il entre là où les règles laissent un mot de passe.\n",
};

static const char *environment_language(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && *value != '\0')
            return value;
    }
    return "";
}

bool instructions_choose(const char *language, bool *ret_is_french)
{
    if (language == NULL) {
        *ret_is_french = strncmp(environment_language(), "fr", 2) == 0;
        return true;
    }
    *ret_is_french = strcmp(language, "fr") == 0;
    if (*ret_is_french || strcmp(language, "en") == 0)
        return true;
    say("device add: --language is en or fr");
    return false;
}

void instructions_print(const struct device_adding *adding)
{
    const char *const *texts = adding->form == DEVICE_PKCS12          ? pkcs12_texts
                               : adding->form == DEVICE_MOBILECONFIG ? profile_texts
                                                                     : pem_texts;
    auto_strbuf struct strbuf file = STRBUF(4200);
    strbuf_format(&file, "%s%s", adding->target, adding->form == DEVICE_PEM ? "/cert.pem" : "");
    const char *text = texts[adding->is_french ? FR : EN];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)printf(text, strbuf_text(&adding->login), strbuf_text(&adding->host), (unsigned)adding->port,
                 strbuf_text(&file));
#pragma GCC diagnostic pop
}
