/*
 * What the measured server costs, from /proc: CPU time and memory of some processes together with
 * all their descendants, so that a supervisor, a master and every worker of a peer are counted.
 */
#ifndef POSTERN_BENCH_PROCESSES_H
#define POSTERN_BENCH_PROCESSES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESSES_ROOTS_MAX = 16 };

struct processes {
    pid_t roots[PROCESSES_ROOTS_MAX];
    size_t root_count;
};

/*
 * User and system time in microseconds, with that of descendants which have ended and were waited
 * for. The kernel gives it in ticks (10 ms): measure over seconds.
 */
int64_t processes_cpu_us(const struct processes *set);

/* Sum of the proportional set sizes in KiB; -1 when one of them may not be read. */
int64_t processes_pss_kib(const struct processes *set);

/*
 * Waits until they have used no CPU time for two tenths of a second, at most for five seconds: what
 * they still do for the work that was given to them belongs to its cost. Returns the time used.
 */
int64_t processes_settle_us(const struct processes *set);

#endif
