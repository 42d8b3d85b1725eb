/*
 * The load tool for IMAPS gates: one process, event-driven, a mode for each thing that is measured.
 * What the modes share is here; each mode is one file and one row of the table in load.c.
 */
#ifndef POSTERN_BENCH_LOAD_H
#define POSTERN_BENCH_LOAD_H

#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "processes.h"

enum { LOAD_STEPS_MAX = 8 };

/* As given on the command line; the table in options.c names them. */
struct load_options {
    uint64_t port;
    uint64_t concurrency;   /* connections under way at a time */
    uint64_t duration_ms;   /* of the measured part */
    uint64_t count;         /* ends it earlier; 0: no bound */
    uint64_t warmup;        /* logins before the measured part */
    uint64_t source_count;  /* addresses from source on, used in turn */
    uint64_t users;         /* user00000@example.org and on, used in turn */
    uint32_t source;        /* first client address, host order */
    const char *password;
    const char *certificate; /* PEM with its key: logs in by it alone; NULL: by password */
    const char *kind; /* refuse: accept, plain, tls */
    size_t steps[LOAD_STEPS_MAX]; /* idle: numbers of sessions at which memory is read */
    size_t step_count;
    struct processes server;  /* what is measured */
    struct processes helper;  /* what it needs beside it, counted apart */
    struct processes backend; /* counted to see whether the other core was the bottleneck */
};

struct load {
    struct load_options options;
    struct event_base *loop;
    SSL_CTX *tls;
    uint64_t next_source;
    uint64_t next_user;
    uint64_t errors;
    bool is_over; /* the measured time has passed: nothing new is begun */
    char first_error[160];
};

/* Reads the command line; a wrong one ends the process with a sentence. Returns the mode's name. */
const char *load_options_read(struct load_options *options, int argc, char **argv);

/* Counts an error and keeps the text of the first. */
void load_fail(struct load *load, const char *why);

/* Runs the loop for at most limit_ms. False when that time passed before the mode broke it. */
bool load_dispatch(struct load *load, uint64_t limit_ms);

/* Sets is_over when the measured time has passed; the modes ask before they begin something. */
bool load_check_over(struct load *load, uint64_t started_us);

/* Microseconds of the monotonic clock. */
uint64_t load_now_us(void);

/* The modes; each prints its report and returns the exit status. */
int mode_login(struct load *load);
int mode_idle(struct load *load);
int mode_hold(struct load *load);
int mode_fetch(struct load *load);
int mode_refuse(struct load *load);

#endif
