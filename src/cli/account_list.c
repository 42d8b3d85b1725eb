/* Users by whether a certificate lets them in; see account_list.h. Called by device_commands.c. */
#include "cli/account_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/hash.h"
#include "cli/columns.h"
#include "cli/json.h"
#include "cli/say.h"
#include "protocol/login_name.h"

struct listed_account {
    struct hash_link by_login;
    STAILQ_ENTRY(listed_account) link;
    int64_t until_s;
    int64_t last_login_s;
    enum account_standing standing;
    bool is_named; /* in the file of --users */
    size_t login_len;
    uint8_t login[];
};

struct account_book {
    struct arena arena;
    struct hash_key key;
    struct hash_table by_login;
    STAILQ_HEAD(, listed_account) all; /* as the keeper sorts them, then those of the file alone */
    bool names_somebody;               /* the file of --users does */
    bool failed;                       /* memory was out */
};

static const char *const standing_names[] = {
    [ACCOUNT_WITHOUT] = "none",       [ACCOUNT_REVOKED] = "revoked",  [ACCOUNT_EXPIRED] = "expired",
    [ACCOUNT_ENROLLED] = "device", [ACCOUNT_FOREIGN] = "external",
};

static struct span listed_login(const struct listed_account *account)
{
    return span_make(account->login, account->login_len);
}

/* --- What is known ---------------------------------------------------------------------------- */

static bool book_init(struct account_book *book)
{
    *book = (struct account_book){.failed = false};
    STAILQ_INIT(&book->all);
    arena_init(&book->arena, ACCOUNT_LIST_OCTETS_MAX);
    return hash_key_draw(&book->key) == 0 && hash_table_init(&book->by_login) == 0;
}

static void book_fini(struct account_book *book)
{
    hash_table_fini(&book->by_login);
    arena_fini(&book->arena);
}

static struct listed_account *book_find(const struct account_book *book, struct span login)
{
    struct hash_link *link = hash_table_first(&book->by_login, hash_span(&book->key, login));
    for (; link != NULL; link = hash_table_next(link)) {
        struct listed_account *account = hash_holder(link, struct listed_account, by_login);
        if (span_equal(listed_login(account), login))
            return account;
    }
    return NULL;
}

static struct listed_account *book_add(struct account_book *book, struct span login)
{
    struct listed_account *account =
        login.len == 0 ? NULL : arena_alloc(&book->arena, 1, sizeof *account + login.len);
    if (account == NULL) {
        book->failed = true;
        return NULL;
    }
    account->login_len = login.len;
    memcpy(account->login, login.at, login.len);
    hash_table_insert(&book->by_login, &account->by_login, hash_span(&book->key, login));
    STAILQ_INSERT_TAIL(&book->all, account, link);
    return account;
}

static void take_row(const struct message *message, void *owner)
{
    const struct message_account_row *row = &message->account_row;
    struct listed_account *account = book_add(owner, row->login);
    if (account == NULL)
        return;
    account->standing = row->standing <= ACCOUNT_FOREIGN ? (enum account_standing)row->standing
                                                         : ACCOUNT_WITHOUT;
    account->until_s = row->until_s;
    account->last_login_s = row->last_login_s;
}

/* --- The operator's own list -------------------------------------------------------------------- */

/* One line: a login in any spelling; an empty one, or a comment, is none. What is wrong; NULL: nothing. */
static const char *take_user(struct account_book *book, const struct keeper_link *link, struct span name)
{
    auto_strbuf struct strbuf login = STRBUF(LOGIN_OCTETS_MAX);
    if (name.len == 0 || name.at[0] == '#')
        return NULL;
    const char *fault = keeper_link_canonicalise(link, name, &login);
    if (fault != NULL)
        return fault;
    struct listed_account *account = book_find(book, strbuf_span(&login));
    if (account == NULL)
        account = book_add(book, strbuf_span(&login));
    if (account != NULL)
        account->is_named = true;
    book->names_somebody = true;
    return NULL;
}

static bool take_users(struct account_book *book, const struct keeper_link *link, FILE *file,
                       const char *path)
{
    char line[LOGIN_NAME_TYPED_MAX + 2];
    for (unsigned number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        const char *name = line + strspn(line, " \t");
        bool is_whole = strchr(line, '\n') != NULL || feof(file);
        line[strcspn(line, "\r\n")] = '\0';
        const char *fault = is_whole ? take_user(book, link, span_of(name))
                                     : login_name_result_text(LOGIN_NAME_TOO_LONG);
        if (fault == NULL)
            continue;
        say("%s:%u: %.80s: %s; write one user a line", path, number, name, fault);
        return false;
    }
    if (ferror(file))
        say("%s: %s", path, strerror(errno));
    else if (!book->names_somebody)
        say("%s names nobody", path);
    return !ferror(file) && book->names_somebody;
}

static bool read_users(struct account_book *book, const struct keeper_link *link, const char *path)
{
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "re");
    if (file == NULL) {
        say("%s: %s", path, strerror(errno));
        return false;
    }
    bool is_read = take_users(book, link, file, is_input ? "standard input" : path);
    if (!is_input)
        (void)fclose(file);
    return is_read;
}

/* --- What is shown ------------------------------------------------------------------------------ */

/* What the options ask for. */
struct account_choice {
    bool is_without; /* those without a certificate; else those with another authority's */
    bool is_of_file;
    bool is_of_one;
};

static bool is_chosen(const struct listed_account *account, const struct account_choice *choice)
{
    if (choice->is_of_file && !account->is_named)
        return false;
    return choice->is_without ? account->standing < ACCOUNT_ENROLLED
                              : account->standing == ACCOUNT_FOREIGN;
}

static void print_account(const struct listed_account *account)
{
    struct json json;
    json_begin(&json);
    json_text(&json, "login", listed_login(account));
    json_text(&json, "certificate", span_of(standing_names[account->standing]));
    json_time(&json, "not_after", account->until_s);
    json_time(&json, "last_login", account->last_login_s);
    json_end(&json);
}

static const char *text_when_empty(const struct account_book *book, const struct account_choice *choice)
{
    if (STAILQ_EMPTY(&book->all))
        return "no user is known yet";
    if (choice->is_without)
        return choice->is_of_one ? "the user has a valid certificate" : "every user has a valid certificate";
    return "nobody is let in by another authority's certificate alone";
}

static int print_table(const struct account_book *book, const struct account_choice *choice)
{
    static const char *const titles[] = {"USER", "CERTIFICATE", "EXPIRES", "LAST LOGIN", NULL};
    const struct listed_account *account;
    struct columns columns;
    columns_init(&columns, titles);
    STAILQ_FOREACH(account, &book->all, link) {
        if (!is_chosen(account, choice))
            continue;
        columns_add(&columns, listed_login(account));
        columns_add(&columns, span_of(standing_names[account->standing]));
        columns_add_date(&columns, account->until_s);
        columns_add_time(&columns, account->last_login_s);
    }
    int status = columns_print_or(&columns, text_when_empty(book, choice));
    columns_fini(&columns);
    return status;
}

static int print_accounts(const struct account_book *book, const struct account_choice *choice,
                          bool is_json)
{
    const struct listed_account *account;
    if (!is_json)
        return print_table(book, choice);
    STAILQ_FOREACH(account, &book->all, link)
        if (is_chosen(account, choice))
            print_account(account);
    return EXIT_SUCCESS;
}

/* --- The command ------------------------------------------------------------------------------ */

static bool read_book(struct account_book *book, struct keeper_link *link, struct span login,
                      const char *users)
{
    struct message command = {.type = MESSAGE_account_list, .account_list = {.login = login}};
    if (!book_init(book)) {
        say("memory is out");
        return false;
    }
    if (!control_receive_list(link, &command, MESSAGE_account_row, take_row, book) ||
        (users != NULL && !read_users(book, link, users)))
        return false;
    /* An empty list would say of somebody mistyped, too, that all is well. */
    if (login.len > 0 && STAILQ_EMPTY(&book->all) && !book->failed) {
        say("no such user is known: %.*s", (int)login.len, (const char *)login.at);
        return false;
    }
    if (book->failed)
        say("memory is out");
    return !book->failed;
}

int account_list(const struct arguments *arguments, struct keeper_link *link, struct span login)
{
    struct account_book book;
    const char *users = arguments_value(arguments, "users");
    const struct account_choice choice = {
        .is_without = arguments_value(arguments, "without") != NULL,
        .is_of_file = users != NULL,
        .is_of_one = login.len > 0};
    int status = EXIT_FAILURE;
    if (read_book(&book, link, login, users))
        status = print_accounts(&book, &choice, arguments_value(arguments, "json") != NULL);
    book_fini(&book);
    return status;
}
