/*
 * One place for a process of a role: gate number 2, the keeper. The process in it comes and goes;
 * this stays. It knows its own life only: that it answered, refused, or ended is told to the
 * supervisor, which knows what that means at the moment.
 */
#ifndef POSTERN_SUPERVISOR_PROCESS_H
#define POSTERN_SUPERVISOR_PROCESS_H

#include <event2/event.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attributes.h"
#include "channel/channel.h"
#include "supervisor/role_kind.h"

enum process_phase {
    PROCESS_ABSENT,      /* there is none; a restart may be due */
    PROCESS_CONFIGURING, /* was sent a setup and has not answered */
    PROCESS_READY,       /* has taken the setup it was sent last */
    PROCESS_ENDING,      /* told to finish, or killed */
};

enum {
    PROCESS_FIRST_DELAY_MS = 50,
    PROCESS_LAST_DELAY_MS = 10000,
    PROCESS_STEADY_MS = 60000, /* one that lived so long is restarted without delay again */
    PROCESS_ANSWER_MS = 30000, /* to take a configuration */
    PROCESS_NUMBER_NONE = -1,
};

struct supervisor;

struct process {
    struct supervisor *supervisor;
    const struct role_kind *kind;
    int number; /* PROCESS_NUMBER_NONE: the only one of its role */
    bool is_former; /* of a former release, see former.h */
    enum process_phase phase;
    pid_t pid; /* 0: none */
    struct channel channel;
    bool is_reaped; /* the process is gone with end_status; what it last said is still to be read */
    int end_status;
    uint64_t generation; /* of the setup it was sent last */
    uint64_t started_ms;
    uint32_t delay_ms;      /* before the next restart */
    struct event *restart;  /* timer */
    struct event *patience; /* timer: for an answer or an end */
};

/* 0 or -errno. */
int process_init(struct process *process, struct supervisor *supervisor,
                 const struct role_kind *kind, int number) MUST_USE;

/* Kills what is left and waits for it. */
void process_fini(struct process *process);

/* Starts it; it is ABSENT before. False with a sentence in problem. */
bool process_start(struct process *process, struct strbuf *problem) MUST_USE;

/* Takes over one that runs already, with our end of its channel. 0 or -errno (fd is closed then). */
int process_adopt(struct process *process, pid_t pid, int fd) MUST_USE;

/* Gives it the time for an answer, or until it ends by itself; after it it is killed. */
void process_expect_answer(struct process *process);
void process_expect_end(struct process *process, uint32_t within_ms);

/* For the supervisor that comes (handover.h): its line, if it lives. until_ms: see there. */
void process_print_handover(const struct process *process, struct strbuf *text, unsigned world,
                            uint64_t until_ms);

/* Sends setup; it answers through supervisor_process_answered or _refused, or ends. */
void process_configure(struct process *process, const struct setup *setup, uint64_t generation,
                       int control);

/* Tells it to finish within that time; a little later it is killed. */
void process_finish(struct process *process, uint32_t within_ms);

void process_kill(struct process *process);

/*
 * The process was reaped. Once its last messages are read, which may be the reason, the end is
 * logged and supervisor_process_ended called.
 */
void process_reaped(struct process *process, int status);

/* Starts the timer of the restart, after which supervisor_process_due is called. */
void process_restart_later(struct process *process);

static inline bool process_is_alive(const struct process *process)
{
    return process->pid != 0;
}

/* "gate/2", "keeper". */
void process_print(const struct process *process, struct strbuf *name);

/* "was killed by SIGSYS (a forbidden system call)", "ended with status 1". */
void process_print_end(int status, struct strbuf *text);

#endif
