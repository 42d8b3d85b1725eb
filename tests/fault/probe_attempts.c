/* What an attacker inside a role would try first, and what an honest role does all day. */
#include "probe_role.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unicode/uidna.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "role/role.h"

static int outcome(long result)
{
    return result < 0 ? -errno : 0;
}

/* --- Files -------------------------------------------------------------------------------------- */

static int open_passwd(void)
{
    return outcome(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int open_above_root(void)
{
    return outcome(open("../../../../../../../etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int open_other_memory(void)
{
    return outcome(open("/proc/1/mem", O_RDWR | O_CLOEXEC));
}

static int stat_passwd(void)
{
    struct stat status;
    return outcome(stat("/etc/passwd", &status));
}

static int make_directory(void)
{
    return outcome(mkdir("directory", 0700));
}

static int make_symlink(void)
{
    return outcome(symlink("/etc/passwd", "link"));
}

static int make_node(void)
{
    return outcome(mknod("node", S_IFCHR | 0600, 0x103));
}

static int rename_state(void)
{
    return outcome(rename("state.db", "other.db"));
}

static int leave_root(void)
{
    return outcome(chroot("."));
}

static int make_memory_file(void)
{
    return outcome(memfd_create("probe", MFD_CLOEXEC));
}

/* --- Processes and privilege -------------------------------------------------------------------- */

static int run_shell(void)
{
    char *const arguments[] = {(char[]){"sh"}, NULL};
    return outcome(execve("/bin/sh", arguments, arguments + 1));
}

static int make_process(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return outcome(child);
}

static int make_thread(void)
{
    return outcome(syscall(SYS_clone3, NULL, 0));
}

static int signal_parent(void)
{
    return outcome(kill(1, 0));
}

static int trace_parent(void)
{
    return outcome(ptrace(PTRACE_ATTACH, 1, NULL, NULL));
}

static int read_parent_memory(void)
{
    char octet;
    struct iovec local = {&octet, 1};
    struct iovec remote = {&octet, 1};
    return outcome(process_vm_readv(1, &local, 1, &remote, 1, 0));
}

static int become_root(void)
{
    return outcome(setuid(0));
}

static int become_dumpable(void)
{
    return outcome(prctl(PR_SET_DUMPABLE, 1));
}

static int raise_limit(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    return outcome(setrlimit(RLIMIT_CORE, &limit));
}

static int read_limit(void)
{
    struct rlimit limit;
    return outcome(getrlimit(RLIMIT_NOFILE, &limit));
}

static int mount_something(void)
{
    return outcome(mount("none", "/", "tmpfs", 0, NULL));
}

static int enter_user_namespace(void)
{
    return outcome(unshare(CLONE_NEWUSER));
}

static int load_program(void)
{
    return outcome(syscall(SYS_bpf, 0, NULL, 0));
}

static int use_ring(void)
{
    return outcome(syscall(SYS_io_uring_setup, 1, NULL));
}

static int use_keyring(void)
{
    return outcome(syscall(SYS_keyctl, 0, 0));
}

static int map_executable(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? -errno : 0;
}

static int make_executable(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? 0 : outcome(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int own_signals(void)
{
    return outcome(fcntl(ROLE_CHANNEL_FD, F_SETOWN, 1));
}

static int type_into_terminal(void)
{
    return outcome(ioctl(STDERR_FILENO, TIOCSTI, "x"));
}

#if defined(__x86_64__)
/* getpid as the x32 architecture numbers it. */
static int call_by_other_numbers(void)
{
    return outcome(syscall(0x40000000 | SYS_getpid));
}
#endif

/* --- Network ------------------------------------------------------------------------------------ */

static int make_internet_socket(void)
{
    return outcome(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int make_local_socket(void)
{
    return outcome(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int make_datagram_socket(void)
{
    return outcome(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int make_raw_socket(void)
{
    return outcome(socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
}

static int make_packet_socket(void)
{
    return outcome(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int make_netlink_socket(void)
{
    return outcome(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int bind_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return outcome(bind(fd, (struct sockaddr *)&address, sizeof address));
}

static int listen_on_socket(void)
{
    return outcome(listen(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 1));
}

static int attach_filter(void)
{
    struct sock_filter code[] = {{BPF_RET | BPF_K, 0, 0, 0}};
    struct sock_fprog program = {1, code};
    return outcome(setsockopt(ROLE_CHANNEL_FD, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}

/* Nobody listens on port 1 of loopback: refused is what may be heard, and no other answer is right. */
static int connect_to_backend(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(1),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno != ECONNREFUSED)
        return errno == 0 ? -EISCONN : -errno;
    return outcome(close(fd));
}

/* --- The honest day ----------------------------------------------------------------------------- */

static int compare_octets(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

/* Memory above what the allocator keeps at hand, sorting, an error's text, a record. */
static int use_library(void)
{
    enum { LARGE = 4 << 20 };
    char *large = malloc(LARGE);
    if (large == NULL)
        return -ENOMEM;
    memset(large, 1, LARGE);
    qsort(large, LARGE, 1, compare_octets);
    free(large);
    struct log_record record;
    log_begin(&record, LOG_INFO, "probe");
    log_errno(&record, ENOENT);
    log_end(&record);
    return 0;
}

/* The one loop is made before. */
static int make_loop(void)
{
    return outcome(epoll_create1(EPOLL_CLOEXEC));
}

static int use_channel_queue(void)
{
    return outcome(fcntl(ROLE_CHANNEL_FD, F_DUPFD_CLOEXEC, 0));
}

static int use_openssl(void)
{
    uint8_t octets[32];
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool is_done = digest != NULL && RAND_bytes(octets, sizeof octets) == 1 &&
                   EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(digest, octets, sizeof octets) == 1 &&
                   EVP_DigestFinal_ex(digest, octets, NULL) == 1;
    EVP_MD_CTX_free(digest);
    return is_done ? 0 : -EIO;
}

static int use_icu(void)
{
    UErrorCode error = U_ZERO_ERROR;
    UIDNA *names = uidna_openUTS46(UIDNA_NONTRANSITIONAL_TO_ASCII, &error);
    if (U_FAILURE(error))
        return -EIO;
    uidna_close(names);
    return 0;
}

/* What the store does: write ahead, look for its files, truncate, delete, and find them again. */
static int use_sqlite(void)
{
    static const char script[] =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT);"
        "INSERT INTO t (b) VALUES ('x'), ('y'); DELETE FROM t WHERE b = 'x';"
        "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA integrity_check; VACUUM;"
        "PRAGMA journal_mode = DELETE; INSERT INTO t (b) VALUES ('z'); DROP TABLE t;";
    sqlite3 *store = NULL;
    bool is_done = sqlite3_open("state.db", &store) == SQLITE_OK &&
                   sqlite3_exec(store, script, NULL, NULL, NULL) == SQLITE_OK;
    if (!is_done)
        (void)fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(store));
    (void)sqlite3_close(store);
    return is_done && unlink("state.db") == 0 ? 0 : -EIO;
}

static int fail_invariant(void)
{
    abort();
}

#define EACH (ROLE_GATE | ROLE_KEEPER | ROLE_BROKER)

const struct probe_attempt probe_attempts[] = {
    {"the C library", EACH, PROBE_WORKS, use_library},
    {"the channel's queue", EACH, PROBE_WORKS, use_channel_queue},
    {"OpenSSL", EACH, PROBE_WORKS, use_openssl},
    {"ICU", EACH, PROBE_WORKS, use_icu},
    {"SQLite", ROLE_KEEPER, PROBE_WORKS, use_sqlite},
    {"connect to a backend", ROLE_GATE | ROLE_BROKER, PROBE_WORKS, connect_to_backend},
    {"make a stream socket", ROLE_GATE | ROLE_BROKER, PROBE_WORKS, make_local_socket},
    {"getrlimit", EACH, PROBE_WORKS, read_limit},
    {"abort", EACH, PROBE_ABORTS, fail_invariant},

    {"open /etc/passwd", ROLE_GATE | ROLE_BROKER, PROBE_KILLED, open_passwd},
    {"open /etc/passwd", ROLE_KEEPER, PROBE_DENIED, open_passwd},
    {"open a file above the root", ROLE_KEEPER, PROBE_DENIED, open_above_root},
    {"open another's memory", ROLE_KEEPER, PROBE_DENIED, open_other_memory},
    {"stat a name", ROLE_GATE | ROLE_BROKER, PROBE_KILLED, stat_passwd},
    {"mkdir", EACH, PROBE_KILLED, make_directory},
    {"symlink", EACH, PROBE_KILLED, make_symlink},
    {"mknod", EACH, PROBE_KILLED, make_node},
    {"rename", EACH, PROBE_KILLED, rename_state},
    {"chroot", EACH, PROBE_KILLED, leave_root},
    {"memfd_create", EACH, PROBE_KILLED, make_memory_file},

    {"execve", EACH, PROBE_KILLED, run_shell},
    {"fork", EACH, PROBE_KILLED, make_process},
    {"clone3", EACH, PROBE_KILLED, make_thread},
    {"kill", EACH, PROBE_KILLED, signal_parent},
    {"ptrace", EACH, PROBE_KILLED, trace_parent},
    {"process_vm_readv", EACH, PROBE_KILLED, read_parent_memory},
    {"setuid", EACH, PROBE_KILLED, become_root},
    {"prctl", EACH, PROBE_KILLED, become_dumpable},
    {"setrlimit", EACH, PROBE_KILLED, raise_limit},
    {"mount", EACH, PROBE_KILLED, mount_something},
    {"unshare", EACH, PROBE_KILLED, enter_user_namespace},
    {"bpf", EACH, PROBE_KILLED, load_program},
    {"io_uring_setup", EACH, PROBE_KILLED, use_ring},
    {"keyctl", EACH, PROBE_KILLED, use_keyring},
    {"mmap of executable memory", EACH, PROBE_KILLED, map_executable},
    {"mprotect to executable", EACH, PROBE_KILLED, make_executable},
    {"fcntl F_SETOWN", EACH, PROBE_KILLED, own_signals},
    {"ioctl TIOCSTI", EACH, PROBE_KILLED, type_into_terminal},
#if defined(__x86_64__)
    {"an x32 call", EACH, PROBE_KILLED, call_by_other_numbers},
#endif
    {"a second event loop", EACH, PROBE_KILLED, make_loop},

    {"socket AF_INET", ROLE_KEEPER, PROBE_KILLED, make_internet_socket},
    {"socket AF_UNIX", ROLE_KEEPER, PROBE_KILLED, make_local_socket},
    {"socket SOCK_DGRAM", EACH, PROBE_KILLED, make_datagram_socket},
    {"socket SOCK_RAW", EACH, PROBE_KILLED, make_raw_socket},
    {"socket AF_PACKET", EACH, PROBE_KILLED, make_packet_socket},
    {"socket AF_NETLINK", EACH, PROBE_KILLED, make_netlink_socket},
    {"bind", EACH, PROBE_KILLED, bind_port},
    {"listen", EACH, PROBE_KILLED, listen_on_socket},
    {"SO_ATTACH_FILTER", EACH, PROBE_KILLED, attach_filter},
};
const size_t probe_attempt_count = sizeof probe_attempts / sizeof *probe_attempts;
