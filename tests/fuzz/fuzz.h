/*
 * What fuzz targets share: an input cut into pieces in the ways in which a network cuts it. Claims
 * are checked with invariant(), whose failure libFuzzer keeps as a crash.
 */
#ifndef POSTERN_TESTS_FUZZ_H
#define POSTERN_TESTS_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len);

enum fuzz_cutting { FUZZ_WHOLE, FUZZ_BYTEWISE, FUZZ_RANDOM, FUZZ_CUTTING_COUNT };

struct fuzz_pieces {
    struct span rest;
    enum fuzz_cutting cutting;
    uint32_t random;
    uint8_t *copy; /* of a random piece: a read past its end is seen by the sanitizer */
};

/* Cuts at random follow from the input alone, so that a crash can be repeated. */
static inline struct fuzz_pieces fuzz_cut(struct span input, enum fuzz_cutting cutting)
{
    uint32_t random = 2166136261;
    for (size_t i = 0; i < input.len; i++)
        random = (random ^ input.at[i]) * 16777619;
    return (struct fuzz_pieces){.rest = input, .cutting = cutting, .random = random};
}

static inline size_t fuzz_piece_length(struct fuzz_pieces *pieces)
{
    if (pieces->cutting == FUZZ_WHOLE)
        return pieces->rest.len;
    if (pieces->cutting == FUZZ_BYTEWISE)
        return 1;
    pieces->random = pieces->random * 1664525 + 1013904223;
    uint32_t longest = (pieces->random >> 8) % 8 == 0 ? 4096 : 24;
    return 1 + (pieces->random >> 11) % longest;
}

/* The next piece, valid until the next call; false at the end. */
static inline bool fuzz_next_piece(struct fuzz_pieces *pieces, struct span *ret_piece)
{
    free(pieces->copy);
    pieces->copy = NULL;
    if (pieces->rest.len == 0)
        return false;
    struct span piece = span_first(pieces->rest, fuzz_piece_length(pieces));
    pieces->rest = span_from(pieces->rest, piece.len);
    if (pieces->cutting == FUZZ_RANDOM) {
        pieces->copy = malloc(piece.len);
        invariant(pieces->copy != NULL);
        memcpy(pieces->copy, piece.at, piece.len);
        piece.at = pieces->copy;
    }
    *ret_piece = piece;
    return true;
}

/* When the target stops before the end. */
static inline void fuzz_pieces_fini(struct fuzz_pieces *pieces)
{
    free(pieces->copy);
    pieces->copy = NULL;
}

#endif
