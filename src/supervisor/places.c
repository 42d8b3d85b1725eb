/*
 * Users and directories of the roles; see places.h. Called once, before the first role is started.
 */
#include "supervisor/places.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>

char *path_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

const char *path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static void complain(struct strbuf *problem, const char *setting, const char *path, int error)
{
    char text[128];
    strbuf_format(problem, "%s: %s: %s", setting, path, strerror_r(error, text, sizeof text));
}

static bool places_find_user(const char *setting, const char *name, struct account *ret_account,
                             struct strbuf *problem)
{
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (user == NULL) {
        strbuf_format(problem,
                      "%s: there is no user %s; make it (useradd --system %s) or name another",
                      setting, name, name);
        return false;
    }
    if (user->pw_uid == 0 || user->pw_gid == 0) {
        strbuf_format(problem, "%s: %s has root's rights; name a user without", setting, name);
        return false;
    }
    *ret_account = (struct account){.uid = user->pw_uid, .gid = user->pw_gid};
    return true;
}

/* mkdir, with "is there already" as success. *ret_is_new tells the cases apart. */
static bool places_make_directory(const char *setting, const char *path, mode_t mode,
                                  bool *ret_is_new, struct strbuf *problem)
{
    *ret_is_new = mkdir(path, mode) == 0;
    if (*ret_is_new && chmod(path, mode) == 0) /* whatever the umask */
        return true;
    if (!*ret_is_new && errno == EEXIST)
        return true;
    complain(problem, setting, path, errno);
    return false;
}

bool places_make_parent(const char *setting, const char *path, mode_t mode, struct strbuf *problem)
{
    bool is_new;
    char *directory = path_directory(path);
    bool is_there =
        directory != NULL && places_make_directory(setting, directory, mode, &is_new, problem);
    free(directory);
    return is_there;
}

/* The state directory is the keeper's alone: it holds the devices, and is the keeper's root. */
static bool places_prepare_state(struct places *places, struct strbuf *problem)
{
    const char *path = places->state_directory;
    bool is_new;
    struct stat status;
    if (!places_make_directory("state", path, 0700, &is_new, problem))
        return false;
    if (places->drops_privilege && is_new &&
        chown(path, places->keeper.uid, places->keeper.gid) != 0) {
        complain(problem, "state", path, errno);
        return false;
    }
    if (stat(path, &status) != 0) {
        complain(problem, "state", path, errno);
        return false;
    }
    uid_t owner = places->drops_privilege ? places->keeper.uid : geteuid();
    if (!S_ISDIR(status.st_mode) || status.st_uid != owner || (status.st_mode & 077) != 0) {
        strbuf_format(problem,
                      "state: %s must be a directory of user %u alone (chown %u, chmod 700); "
                      "give the state a directory of its own",
                      path, owner, owner);
        return false;
    }
    return true;
}

static bool directory_is_empty(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return false;
    size_t count = 0;
    while (readdir(directory) != NULL)
        count++;
    (void)closedir(directory);
    return count == 2; /* itself and the one above */
}

/* The root of roles without files: nobody but root may ever put anything there. */
static bool places_prepare_empty_root(const char *path, struct strbuf *problem)
{
    bool is_new;
    struct stat status;
    if (!places_make_parent("empty_root", path, 0755, problem) ||
        !places_make_directory("empty_root", path, 0755, &is_new, problem))
        return false;
    if (lstat(path, &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != 0 ||
        (status.st_mode & 022) != 0 || !directory_is_empty(path)) {
        strbuf_format(problem,
                      "empty_root: %s must be an empty directory that only root may write to; "
                      "name one that is not there yet",
                      path);
        return false;
    }
    return true;
}

static bool places_are_apart(const char *one, const struct account *first, const char *other,
                             const struct account *second, struct strbuf *problem)
{
    if (first->uid != second->uid)
        return true;
    strbuf_format(problem, "%s and %s must be different users", one, other);
    return false;
}

bool places_prepare(struct places *places, const struct config *config, struct strbuf *problem)
{
    *places = (struct places){.drops_privilege = geteuid() == 0,
                              .state_directory = path_directory(config->state_file),
                              .empty_root = strdup(config->empty_root)};
    if (places->state_directory == NULL || places->empty_root == NULL) {
        strbuf_append(problem, "out of memory");
        return false;
    }
    if (!places->drops_privilege)
        return places_prepare_state(places, problem);
    if (!places_find_user("gate_user", config->gate_user, &places->gate, problem) ||
        !places_find_user("keeper_user", config->keeper_user, &places->keeper, problem) ||
        !places_find_user("broker_user", config->broker_user, &places->broker, problem) ||
        !places_are_apart("gate_user", &places->gate, "keeper_user", &places->keeper, problem) ||
        !places_are_apart("gate_user", &places->gate, "broker_user", &places->broker, problem) ||
        !places_are_apart("keeper_user", &places->keeper, "broker_user", &places->broker, problem))
        return false;
    return places_prepare_empty_root(places->empty_root, problem) &&
           places_prepare_state(places, problem);
}

void places_fini(struct places *places)
{
    free(places->state_directory);
    free(places->empty_root);
    *places = (struct places){.state_directory = NULL};
}

bool places_list_operators(const struct config *config, struct strbuf *uids, struct strbuf *problem)
{
    strbuf_append_u64(uids, geteuid());
    for (size_t i = 0; i < config->operators.count; i++) {
        const struct passwd *user = getpwnam(config->operators.at[i]);
        if (user == NULL) {
            strbuf_format(problem, "operators: there is no user %s", config->operators.at[i]);
            return false;
        }
        strbuf_format(uids, "\n%u", user->pw_uid);
    }
    return true;
}
