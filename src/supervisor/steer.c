/* Sends each client network to one gate; see steer.h. Used by doors.c on every listening socket. */
#include "supervisor/steer.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/invariant.h"

#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF 68
#endif

enum {
    V4_SOURCE = 12, /* offset of the source address in an IPv4 header, RFC 791 */
    V6_SOURCE = 8,  /* and in an IPv6 header, RFC 8200 */
    WORD_BITS = 32,
};

struct steer_writer {
    struct sock_filter *code;
    size_t len;
};

static void steer_emit(struct steer_writer *writer, unsigned operation, uint32_t operand)
{
    invariant(writer->len < STEER_PROGRAM_MAX);
    writer->code[writer->len++] = (struct sock_filter){.code = (uint16_t)operation, .k = operand};
}

/* Mixes A so that each bit of it reaches all others. */
static void steer_emit_mix(struct steer_writer *writer)
{
    static const uint32_t factors[] = {0x7feb352dU, 0x846ca68bU};
    for (size_t i = 0; i < 2; i++) {
        steer_emit(writer, BPF_MISC | BPF_TAX, 0);
        steer_emit(writer, BPF_ALU | BPF_RSH | BPF_K, i == 0 ? 16 : 15);
        steer_emit(writer, BPF_ALU | BPF_XOR | BPF_X, 0);
        steer_emit(writer, BPF_ALU | BPF_MUL | BPF_K, factors[i]);
    }
    steer_emit(writer, BPF_MISC | BPF_TAX, 0);
    steer_emit(writer, BPF_ALU | BPF_RSH | BPF_K, 16);
    steer_emit(writer, BPF_ALU | BPF_XOR | BPF_X, 0);
}

/*
 * Hashes the first bits of the address at that offset of the network header into A, a word at a
 * time, and returns the socket's index: the hash modulo the number of gates.
 */
static void steer_emit_choice(struct steer_writer *writer, uint32_t offset, unsigned bits,
                              uint32_t seed, unsigned gates)
{
    steer_emit(writer, BPF_LD | BPF_IMM, seed);
    for (unsigned done = 0; done < bits; done += WORD_BITS) {
        unsigned left = bits - done;
        steer_emit(writer, BPF_ST, 0);
        steer_emit(writer, BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_NET_OFF + offset + done / 8);
        if (left < WORD_BITS)
            steer_emit(writer, BPF_ALU | BPF_AND | BPF_K, ~0U << (WORD_BITS - left));
        steer_emit(writer, BPF_LDX | BPF_MEM, 0);
        steer_emit(writer, BPF_ALU | BPF_XOR | BPF_X, 0);
        if (done + WORD_BITS <
            bits) /* order matters: the same words elsewhere are another network */
            steer_emit(writer, BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1U);
    }
    steer_emit_mix(writer);
    steer_emit(writer, BPF_ALU | BPF_MOD | BPF_K, gates);
    steer_emit(writer, BPF_RET | BPF_A, 0);
}

size_t steer_program(unsigned gates, unsigned v4_bits, unsigned v6_bits, uint32_t seed,
                     struct sock_filter ret_code[STEER_PROGRAM_MAX])
{
    struct steer_writer writer = {.code = ret_code};
    invariant(gates > 0 && v4_bits <= 32 && v6_bits <= 128);
    /* The header's own version, not the socket's: IPv4 comes to a socket for [::] as it is. */
    steer_emit(&writer, BPF_LD | BPF_B | BPF_ABS, (uint32_t)SKF_NET_OFF);
    steer_emit(&writer, BPF_ALU | BPF_RSH | BPF_K, 4);
    size_t branch = writer.len;
    steer_emit(&writer, BPF_JMP | BPF_JEQ | BPF_K, 6);
    steer_emit_choice(&writer, V4_SOURCE, v4_bits, seed, gates);
    writer.code[branch].jt = (uint8_t)(writer.len - branch - 1);
    steer_emit_choice(&writer, V6_SOURCE, v6_bits, seed, gates);
    return writer.len;
}

int steer_by_client(int fd, unsigned gates, unsigned v4_bits, unsigned v6_bits, uint32_t seed)
{
    struct sock_filter code[STEER_PROGRAM_MAX];
    size_t len = steer_program(gates, v4_bits, v6_bits, seed, code);
    struct sock_fprog program = {.len = (unsigned short)len, .filter = code};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) != 0)
        return -errno;
    return 0;
}

int steer_by_kernel(int fd)
{
    int unused = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof unused) != 0 &&
        errno != ENOENT && errno != EINVAL)
        return -errno;
    return 0;
}
