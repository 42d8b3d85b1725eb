/*
 * Files of the configuration for roles that may open none: certificates, keys, CRLs, passwords. The
 * kernel copies each into a sealed memory file; the supervisor never looks inside. So all roles get
 * the same octets, whatever happens on the disk meanwhile: a gate that is restarted, or put back to
 * the running configuration, gets what the others have.
 */
#ifndef POSTERN_SUPERVISOR_SNAPSHOT_H
#define POSTERN_SUPERVISOR_SNAPSHOT_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include "base/attributes.h"
#include "base/strbuf.h"
#include "config/config.h"

enum { SNAPSHOT_MAX = 64 << 20 /* octets of one file */ };

/* What tells that a file was replaced or written to. All zero: it is not there. */
struct file_identity {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
};

struct file_identity file_identify(const char *path);
struct file_identity file_identity_of(const struct stat *status);
bool file_is_same(const struct file_identity *a, const struct file_identity *b);

struct config_file {
    const char *path;
    const char *partner; /* of a certificate its key, of a key its certificate; NULL: neither */
    bool is_list;        /* certificates, revocations or users, whose number changes slowly */
};

/*
 * Calls visit for each file that the configuration names, in a fixed order; stops when it says
 * false. Revocation lists are apart: they become tables (tables.h).
 */
typedef bool file_visit_fn(const struct config_file *file, void *argument);
bool config_visit_files(const struct config *config, file_visit_fn *visit, void *argument);
bool config_visit_lists(const struct config *config, file_visit_fn *visit, void *argument);

/* The same, for those that say which client certificates are good. */
bool config_visit_authorities(const struct config *config, file_visit_fn *visit, void *argument);

struct snapshot {
    const char *path; /* the configuration's */
    int fd;
    struct file_identity identity; /* of the file that it was taken from */
    bool is_kept;                  /* from before, not from what lies on the disk */
};

struct guard;

struct snapshots {
    struct snapshot *at;
    size_t count;
};

/*
 * former: those in force, of which guard has some kept; NULL at start. False with a sentence in
 * problem.
 */
bool snapshots_take(struct snapshots *snapshots, const struct config *config,
                    const struct snapshots *former, struct guard *guard,
                    struct strbuf *problem) MUST_USE;
void snapshots_fini(struct snapshots *snapshots);

/* The one of that file; NULL: there is none. */
const struct snapshot *snapshots_entry(const struct snapshots *snapshots, const char *path);

/* The sealed copy of that file; still owned here. -1 for NULL. */
int snapshots_find(const struct snapshots *snapshots, const char *path);

/* True when both have that file, from the same state of it. */
bool snapshots_agree(const struct snapshots *a, const struct snapshots *b, const char *path);

/* The file with the authorities that the system trusts: for a backend whose ca is not set. */
extern const char system_ca_file[];

/* ca, or the system's, or NULL for a backend without TLS. */
const char *backend_ca_file(const struct config_backend *backend);

#endif
