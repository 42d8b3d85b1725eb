/* Reads /proc for the measured server; see processes.h. Called before and after a run. */
#include "processes.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <time.h>

#include "base/attributes.h"

enum {
    SEEN_MAX = 4096, /* processes of the machine that are looked at */
    TREE_MAX = 1024, /* processes of one server: Dovecot in secure mode has hundreds */
    SETTLE_STEP_MS = 100,
    SETTLE_STEPS_MAX = 50,
    SETTLE_STEPS_QUIET = 2,
};

struct process {
    pid_t pid;
    pid_t parent;
    uint64_t ticks;
};

/* Fields after the name, proc(5), which may hold blanks and parentheses: so from the last one. */
static bool process_read(pid_t pid, struct process *ret_process)
{
    char path[64];
    char line[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t len = fread(line, 1, sizeof line - 1, file);
    (void)fclose(file);
    line[len] = '\0';
    char *at = strrchr(line, ')');
    if (at == NULL || strlen(at) < 4)
        return false;

    enum { FIELD_PARENT = 4, FIELD_UTIME = 14, FIELD_CSTIME = 17 };
    struct process process = {.pid = pid};
    at += 4; /* past ") S": field 4 follows */
    for (int field = FIELD_PARENT; field <= FIELD_CSTIME; field++) {
        long long value = strtoll(at, &at, 10);
        if (field == FIELD_PARENT)
            process.parent = (pid_t)value;
        else if (field >= FIELD_UTIME)
            process.ticks += (uint64_t)value;
    }
    *ret_process = process;
    return true;
}

static size_t processes_read_all(struct process *all, size_t max)
{
    DIR *directory = opendir("/proc");
    if (directory == NULL)
        return 0;
    size_t count = 0;
    for (struct dirent *entry; count < max && (entry = readdir(directory)) != NULL;) {
        if (isdigit((unsigned char)entry->d_name[0]) &&
            process_read((pid_t)strtol(entry->d_name, NULL, 10), &all[count]))
            count++;
    }
    (void)closedir(directory);
    return count;
}

static bool tree_has(const struct process *tree, size_t count, pid_t pid)
{
    for (size_t i = 0; i < count; i++)
        if (tree[i].pid == pid)
            return true;
    return false;
}

/* The roots and all below them; at most TREE_MAX. */
static size_t processes_tree(const struct processes *set, struct process *tree)
{
    UNINITIALIZED struct process all[SEEN_MAX];
    size_t all_count = processes_read_all(all, SEEN_MAX);
    size_t count = 0;

    for (size_t i = 0; i < set->root_count && count < TREE_MAX; i++)
        if (process_read(set->roots[i], &tree[count]))
            count++;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < all_count && count < TREE_MAX; k++)
            if (all[k].parent == tree[i].pid && !tree_has(tree, count, all[k].pid))
                tree[count++] = all[k];
    return count;
}

int64_t processes_cpu_us(const struct processes *set)
{
    UNINITIALIZED struct process tree[TREE_MAX];
    size_t count = processes_tree(set, tree);
    uint64_t ticks = 0;
    for (size_t i = 0; i < count; i++)
        ticks += tree[i].ticks;
    return (int64_t)(ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

static int64_t process_pss_kib(pid_t pid)
{
    char path[64];
    char line[256];
    int64_t kib = -1;
    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    while (kib < 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "Pss:", 4) == 0)
            kib = strtoll(line + 4, NULL, 10);
    (void)fclose(file);
    return kib;
}

int64_t processes_pss_kib(const struct processes *set)
{
    UNINITIALIZED struct process tree[TREE_MAX];
    size_t count = processes_tree(set, tree);
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t kib = process_pss_kib(tree[i].pid);
        if (kib < 0)
            return -1;
        sum += kib;
    }
    return sum;
}

int64_t processes_settle_us(const struct processes *set)
{
    int64_t used = processes_cpu_us(set);
    int quiet = 0;
    for (int step = 0; step < SETTLE_STEPS_MAX && quiet < SETTLE_STEPS_QUIET; step++) {
        struct timespec pause = {.tv_nsec = SETTLE_STEP_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
        int64_t now = processes_cpu_us(set);
        quiet = now == used ? quiet + 1 : 0;
        used = now;
    }
    return used;
}
