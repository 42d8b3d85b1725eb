/* Tests of config/values.h and config/check.h: what each value may be, and what fits together. */
#include "config_case.h"

static void test_numbers_and_words(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {HOST "gates = 65\n" REST,
         "f:2: gates \"65\" is not allowed; write a number from 0 to 64\n"},
        {HOST "gates = -1\n" REST,
         "f:2: gates \"-1\" is not allowed; write a number from 0 to 64\n"},
        {HOST "gates = 0x4\n" REST,
         "f:2: gates \"0x4\" is not allowed; write a number from 0 to 64\n"},
        {HOST "gates = \"\"\n" REST,
         "f:2: gates \"\" is not allowed; write a number from 0 to 64\n"},
        {HOST "limits { idle = 90 }\n" REST, "f:2: idle \"90\" is not a duration; write a number "
                                             "and a unit without a space: 500ms, 90s, 5min, "
                                             "2h or 1d\n"},
        {HOST "limits { idle = 90sx }\n" REST, "f:2: idle \"90sx\" is not a duration; write a "
                                               "number and a unit without a space: 500ms, 90s, "
                                               "5min, 2h or 1d\n"},
        {HOST "limits { idle = 8d }\n" REST,
         "f:2: idle \"8d\" is out of range; write a duration from 100ms to 7d\n"},
        {HOST "limits { idle = 99999999999999999999d }\n" REST,
         "f:2: idle \"99999999999999999999d\" is not a duration; write a number and a unit without "
         "a "
         "space: 500ms, 90s, 5min, 2h or 1d\n"},
        {HOST "limits { handshake = 0s }\n" REST,
         "f:2: handshake \"0s\" is out of range; write a duration from 100ms to 10min\n"},
        {HOST
         "tls { certificate = /c key = /k minimum_version = 1.1 }\n" BACKEND LISTENER("password"),
         "f:2: minimum_version \"1.1\" is not known here; write 1.2 or 1.3\n"},
        {HOST TLS
         "backend b { address = \"[::1]:1\" allow_clear_text = maybe }\n" LISTENER("password"),
         "f:3: allow_clear_text \"maybe\" is neither yes nor no; write yes or no\n"},
        {HOST TLS "backend b { address = \"[::1]:1\" protocol = smtp }\n" LISTENER("password"),
         "f:3: protocol \"smtp\" can't be served by this version; write imap, or take the section "
         "out\n"},
        {HOST TLS "backend b { address = \"[::1]:1\" protocol = nntp }\n" LISTENER("password"),
         "f:3: protocol \"nntp\" is not known here; write imap\n"},
    };
    EXPECT_CASES(cases);
}

static void test_names(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {"hostname = 192.0.2.1\n" REST, "f:1: hostname \"192.0.2.1\" is not a domain name; write "
                                        "letters, digits, hyphens and dots "
                                        "(mail.example.org), other letters in their xn-- form\n"},
        {HOST "domains = {\n a.example,\n b..example,\n \"m\xc3\xbcll.example\" }\n" REST,
         "f:4: domains \"b..example\" is not a domain name; write letters, digits, hyphens and "
         "dots "
         "(mail.example.org), other letters in their xn-- form\n"
         "f:5: domains \"m\\xc3\\xbcll.example\" is not a domain name; write letters, digits, "
         "hyphens and "
         "dots (mail.example.org), other letters in their xn-- form\n"},
        {HOST "login { netbios_domains = {CORP} }\n" REST,
         "f:2: netbios_domains \"CORP\" is no pair of names; write \"NAME=domain\", such as "
         "\"CORP=example.org\"\n"},
        {HOST "operators = {\"a:b\"}\n" REST, "f:2: operators \"a:b\" is no system user's name; "
                                              "write letters, digits, -, _ and dots, at most "
                                              "32\n"},
        {HOST "state = \"redis://127.0.0.1:6379/0\"\n" REST,
         "f:2: state \"redis://127.0.0.1:6379/0\" can't be used: this version keeps its state in "
         "SQLite; "
         "write \"sqlite:/var/lib/postern/state.db\"\n"},
        {HOST "state = /var/lib/state.db\n" REST,
         "f:2: state \"/var/lib/state.db\" names no store; write "
         "\"sqlite:/var/lib/postern/state.db\"\n"},
        {HOST "state = sqlite:state.db\n" REST,
         "f:2: state \"sqlite:state.db\" is not the path of a file; write an absolute path such as "
         "/etc/postern/x\n"},
        {HOST "control = run/control\n" REST,
         "f:2: control \"run/control\" is not the path of a file; write an absolute path such as "
         "/etc/postern/x\n"},
        {HOST TLS "backend b { address = \"[::1]:1\" master_user = m master_password_file = "
                  "hunter2 }\n" LISTENER("password"),
         "f:3: master_password_file is not the path of a file; write an absolute path such as "
         "/etc/postern/x\n"},
        {HOST TLS
         "backend b { address = \"[::1]:1\" master_user = \"a*b\" master_password_file = /p "
         "master_separator = a }\n" LISTENER("password"),
         "f:3: master_user \"a*b\" can't be a master user; write letters, digits, -, _, dots and "
         "@, at "
         "most 255\n"
         "f:3: master_separator \"a\" can't separate names; write one of * ! # $ % & / : ; < > = ? "
         "^ | ~ "
         "+\n"},
    };
    EXPECT_CASES(cases);
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {HOST TLS
         "backend b { address = {\"localhost:143\", \"127.0.0.1\", \"unix:/s\"} }\n" LISTENER(
             "password"),
         "f:3: address \"localhost:143\" is no literal address with a port; write "
         "\"127.0.0.1:143\" or \"[::1]:143\"\n"
         "f:3: address \"127.0.0.1\" is no literal address with a port; write \"127.0.0.1:143\" "
         "or \"[::1]:143\"\n"
         "f:3: address \"unix:/s\" is no literal address with a port; write \"127.0.0.1:143\" "
         "or \"[::1]:143\"\n"},
        {HOST TLS "backend b { address = {} }\n" LISTENER("password"),
         "f:3: address is an empty list; write at least one value\n"},
        {HOST TLS BACKEND
         "listener l { bind = 993 protocol = imap tls = implicit backend = b login = "
         "password proxy_protocol = \"10.0.0.1/8\" }\n",
         "f:4: bind \"993\" is not an address with a port; write \"0.0.0.0:993\" or \"[::]:993\"\n"
         "f:4: proxy_protocol \"10.0.0.1/8\" is no network; write \"192.0.2.1\", \"10.0.0.0/24\" "
         "or "
         "\"2001:db8::/32\", with no bits set beyond the length\n"},
    };
    EXPECT_CASES(cases);
}

static void test_limits(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {HOST "limits { connections_per_address = 300 }\n" REST,
         "f:2: connections_per_address is 300, above connections_per_prefix, which is 200; write "
         "at most "
         "200, or raise connections_per_prefix\n"},
        {HOST "limits {\n connections = 100\n connections_per_prefix = 101\n}\n" REST,
         "f:4: connections_per_prefix is 101, above connections, which is 100; write at most 100, "
         "or raise connections\n"},
        {HOST "limits { handshake = 90s }\n" REST,
         "f:2: handshake is 90s, above login, which is 1min; write at most 1min, or raise login\n"},
        {HOST
         "limits { sessions_per_user_and_address = 101 failure_delay = 1min login = 20s }\n" REST,
         "f:2: sessions_per_user_and_address is 101, above sessions_per_user, which is 100; write "
         "at most "
         "100, or raise sessions_per_user\n"
         "f:2: failure_delay is 1min, above login, which is 20s; write at most 20s, or raise "
         "login\n"},
        /* What was refused is compared with nothing. */
        {HOST "limits { connections = 0 }\n" REST,
         "f:2: connections \"0\" is not allowed; write a number from 1 to 1000000\n"},
    };
    EXPECT_CASES(cases);
}

static void test_top_and_tls(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {HOST "gate_user = x\nkeeper_user = x\n" REST,
         "f:3: gate_user and keeper_user are both \"x\", so a broken gate could reach the state; "
         "write two "
         "users\n"},
        {HOST "gate_user = root\n" REST,
         "f:2: gate_user is root; write a user with no rights of its own\n"},
        {HOST
         "tls { certificate = {/c, /d} key = /k }\n" BACKEND LISTENER("password"),
         "f:2: 1 keys for 2 certificates; write one key for each, in the same order\n"},
        {HOST "tls {\n key = /k\n}\n" BACKEND LISTENER("password"),
         "f:2: section tls has no certificate; write certificate = ...\n"},
    };
    EXPECT_CASES(cases);
}

static void test_backends(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {HOST TLS "backend b {\n address = {\"127.0.0.1:143\",\n \"192.0.2.1:143\"}\n}\n" LISTENER(
             "password"),
         "f:4: passwords would go to \"192.0.2.1:143\" unencrypted; write tls = implicit or "
         "starttls with "
         "tls_name, or allow_clear_text = yes\n"},
        {HOST TLS
         "backend b { address = \"192.0.2.1:143\" allow_clear_text = yes }\n" LISTENER("password"),
         ""},
        {HOST TLS
         "backend b { address = {\"[::1]:1\", \"127.0.0.1:1\"} allow_clear_text = yes }\n" LISTENER(
             "password"),
         "f:3: allow_clear_text can never apply here: nothing leaves this machine unencrypted; "
         "take it "
         "out\n"},
        {HOST TLS "backend b { address = \"192.0.2.1:143\" tls = starttls }\n" LISTENER("password"),
         "f:3: tls_name is missing: without it nobody can tell whose certificate is right; write "
         "tls_name "
         "= the DNS name in the backend's certificate\n"},
        {HOST TLS
         "backend b { address = \"[::1]:1\" tls_name = x.example ca = /a }\n" LISTENER("password"),
         "f:3: tls_name can never apply with tls = none; take it out, or write tls = implicit or "
         "starttls\n"
         "f:3: ca can never apply with tls = none; take it out, or write tls = implicit or "
         "starttls\n"},
        {HOST TLS "backend b { address = \"[::1]:1\" master_user = m }\n" LISTENER("password"),
         "f:3: master_user has no password; write master_password_file = /path\n"},
        {HOST TLS
         "backend b { address = \"[::1]:1\" master_password_file = /p }\n" LISTENER("password"),
         "f:3: master_password_file is of no use without master_user; write master_user = NAME, or "
         "take it "
         "out\n"},
        {HOST REST "backend c { address = \"[::1]:1\" }\n",
         "f:5: backend c is used by no listener; name it in one, or take it out\n"},
    };
    EXPECT_CASES(cases);
}

static void test_login_rules(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {HOST TLS_CA MASTER LISTENER("{certificate, password, oauth}"), ""},
        {HOST TLS_CA BACKEND LISTENER("{\"certificate+password\", oauth}"), ""},
        {HOST TLS BACKEND LISTENER("{device_password}"),
         "f:4: login \"device_password\" is no way in; write certificate, "
         "\"certificate+password\", "
         "password or oauth\n"},
        {HOST TLS MASTER LISTENER("{certificate, password}"),
         "f:4: \"certificate\" can never apply: no authority for client certificates is named; "
         "write "
         "a section client_ca NAME {...}\n"},
        {HOST TLS_CA BACKEND LISTENER("{certificate, password}"),
         "f:4: certificate alone can't work with backend b: it wants a password, and nobody has "
         "one to "
         "give to it; write \"certificate+password\", or master_user in the backend\n"},
        {HOST TLS_CA BACKEND LISTENER("{\"certificate+password\", password}"),
         "f:4: \"certificate+password\" can never apply, because password alone lets in; take one "
         "of them "
         "out\n"},
        {HOST TLS BACKEND LISTENER("{oauth, oauth}"),
         "f:4: \"oauth\" can never apply, because oauth alone lets in; take one of them out\n"},
        {HOST TLS_CA MASTER
         "listener l { bind = \"[::]:1\" protocol = imap tls = starttls backend = b "
         "login = password preauth = yes }\n",
         "f:4: preauth can't be used with STARTTLS, where the greeting comes before the "
         "certificate; write "
         "tls = implicit, or take it out\n"
         "f:4: preauth can never apply: certificate is not among the ways in; write it in login, "
         "or take "
         "preauth out\n"},
    };
    EXPECT_CASES(cases);
}

#define DOORS                                                                                      \
    HOST TLS_CA MASTER LISTENER("{certificate, password}")                                         \
    "listener p { bind = \"[::]:994\" protocol = imap tls = implicit backend = b login = password }\n"

static void test_login_rules_of_users(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {DOORS "group g { members = {alice, \"bob@example.org\"} file = /g }\n"
               "login_rule r { groups = g users = carol listeners = {l, p} login = \"certificate+password\" }\n"
               "login_rule s { users = dave }\n"
               "login_rule t { listeners = l refuse = yes }\n"
               "login_rule u { login = password after_enrolment = unchanged }\n",
         ""},
        {DOORS "login_rule r { groups = g }\n",
         "f:6: groups \"g\" is no group, since there is none; write a section group NAME {...}\n"},
        {DOORS "group h { members = a }\nlogin_rule r { groups = {g, h} listeners = q }\n",
         "f:7: groups \"g\" is no group; write one of: h\n"
         "f:7: listeners \"q\" is no listener; write one of: l, p\n"},
        {DOORS "group g { }\nlogin_rule r { groups = g }\n",
         "f:6: group g names nobody; write members or file\n"},
        {DOORS "group g { members = a }\n",
         "f:6: group g is used by no login_rule; name it in one, or take it out\n"},
        {DOORS "login_rule r { users = {\"a b\", \"#c\"} }\n",
         "f:6: users \"a b\" is no user; write a login such as alice@example.org, or \"@example.org\" for "
         "all of a domain\n"
         "f:6: users \"#c\" is no user; write a login such as alice@example.org, or \"@example.org\" for "
         "all of a domain\n"},
        {DOORS "login_rule r { users = a login = {certificate, oauth} }\n",
         "f:6: \"oauth\" would open a way that listener l has not, and a rule only narrows; write it "
         "there too, or name other listeners\n"
         "f:6: \"certificate\" would open a way that listener p has not, and a rule only narrows; write it "
         "there too, or name other listeners\n"
         "f:6: \"oauth\" would open a way that listener p has not, and a rule only narrows; write it "
         "there too, or name other listeners\n"},
        {DOORS "login_rule r { users = a refuse = yes login = password after_enrolment = unchanged }\n",
         "f:6: refuse leaves no way in, so login can never apply; take one out\n"
         "f:6: refuse leaves no way in, so after_enrolment can never apply; take one out\n"},
        {DOORS "login_rule r { listeners = {l, p} }\nlogin_rule s { users = a listeners = l }\n",
         "f:7: login_rule s can never apply: login_rule r before it is for everybody; write it before that "
         "one\n"},
        {DOORS "login_rule r { users = \"@example.org\" }\n",
         "f:6: \"@example.org\" can't be told from users without a domain; write default_domain in section "
         "login, or name the users\n"},
        {DOORS "login { default_domain = example.org }\n"
               "backend c { address = \"127.0.0.1:1\" username = local }\n"
               "listener q { bind = \"[::]:1\" protocol = imap tls = implicit backend = c login = password }\n"
               "group g { members = \"@example.org\" }\nlogin_rule r { groups = g }\n",
         "f:9: \"@example.org\" means nothing at listener q, whose backend is given no domains (username = "
         "local); name the users\n"},
    };
    EXPECT_CASES(cases);
}

static void test_listeners(void **state)
{
    (void)state;
    static const struct config_case cases[] = {
        {HOST TLS BACKEND LISTENER(
             "password") "listener m { bind = {\"[::1]:993\", \"[0:0::0]:993\"} protocol = imap "
                         "tls = implicit backend "
                         "= b login = oauth }\n",
         "f:5: \"[0:0::0]:993\" is bound already by listener l (line 4); write it once\n"},
        {HOST TLS BACKEND
         "listener l { bind = {\"[::]:1\", \"[::]:1\"} protocol = imap tls = implicit "
         "backend = c login = oauth }\n",
         "f:4: backend \"c\" is no backend; write one of: b\n"
         "f:4: \"[::]:1\" is bound already by listener l (line 4); write it once\n"},
        {HOST TLS LISTENER("password"), "f:3: backend \"b\" is no backend, since there is none; "
                                        "write a section backend NAME {...}\n"},
        {HOST TLS BACKEND
         "listener pop { bind = \"[::]:995\" protocol = pop3 tls = implicit backend = b "
         "login = password }\n",
         "f:4: protocol \"pop3\" can't be served by this version; write imap, or take the section "
         "out\n"},
    };
    EXPECT_CASES(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_and_words), cmocka_unit_test(test_names),
        cmocka_unit_test(test_addresses),         cmocka_unit_test(test_limits),
        cmocka_unit_test(test_top_and_tls),       cmocka_unit_test(test_backends),
        cmocka_unit_test(test_login_rules),
        cmocka_unit_test(test_login_rules_of_users),       cmocka_unit_test(test_listeners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
