/*
 * Invariants: what this process promises itself. One that fails ends the process in every build;
 * the supervisor restarts it. Never used on what came from the wire, a file or another process:
 * those get a result code.
 */
#ifndef POSTERN_BASE_INVARIANT_H
#define POSTERN_BASE_INVARIANT_H

/* Ends the process, naming the claim and the place. Async-signal-safe. */
_Noreturn void invariant_failed(const char *claim, const char *file, int line);

#define invariant(claim) ((claim) ? (void)0 : invariant_failed(#claim, __FILE__, __LINE__))

#endif
