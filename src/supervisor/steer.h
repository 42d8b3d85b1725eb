/*
 * Which gate gets a connection. Each gate has a listening socket of its own for each address; the
 * kernel asks a small program of ours for the one that a SYN goes to. The program hashes the
 * client's network, as the section limits names it, so that all connections of one client, and of
 * all its neighbours, meet the same gate: what a gate counts of them is all that there is to count.
 */
#ifndef POSTERN_SUPERVISOR_STEER_H
#define POSTERN_SUPERVISOR_STEER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"

enum { STEER_PROGRAM_MAX = 64 };

/*
 * Writes the program for sockets of that many gates and returns its length. Classic BPF, whose
 * loads are relative to the network header. seed keeps others from computing who meets which gate.
 */
size_t steer_program(unsigned gates, unsigned v4_bits, unsigned v6_bits, uint32_t seed,
                     struct sock_filter ret_code[STEER_PROGRAM_MAX]);

/* Gives the group of sockets that fd belongs to that program. 0 or -errno. */
int steer_by_client(int fd, unsigned gates, unsigned v4_bits, unsigned v6_bits,
                    uint32_t seed) MUST_USE;

/* Takes the program away: the kernel spreads connections by its own hash. 0 or -errno. */
int steer_by_kernel(int fd) MUST_USE;

#endif
