/*
 * Stands in for libFuzzer in ordinary builds: feeds a target each seed of a directory, and each
 * seed cut short at every place and begun at every place, so that what fuzzing found stays found.
 * The targets themselves feed their parsers whole, octet by octet and in pieces.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "fuzz.h"

enum { SEED_MAX = 1 << 20, CUT_WORK = 1 << 20 /* octets fed for the cuts of one seed, about */ };

/* In memory of exactly this length, so that the sanitizer sees a read past the end. */
static void feed(struct span input)
{
    auto_free uint8_t *copy = malloc(input.len == 0 ? 1 : input.len);
    invariant(copy != NULL);
    memcpy(copy, input.at, input.len);
    (void)LLVMFuzzerTestOneInput(copy, input.len);
}

static void feed_cut(struct span seed)
{
    size_t step = 1 + seed.len * seed.len / CUT_WORK;
    feed(seed);
    for (size_t at = 0; at < seed.len; at += step) {
        feed(span_first(seed, at));
        feed(span_from(seed, at));
    }
}

static int replay_file(const char *directory, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    auto_free uint8_t *seed = malloc(SEED_MAX);
    if (file == NULL || seed == NULL) {
        perror(path);
        return -1;
    }
    size_t len = fread(seed, 1, SEED_MAX, file);
    (void)fclose(file);
    printf("%s: %zu octets\n", name, len);
    (void)fflush(stdout);
    feed_cut(span_make(seed, len));
    return 0;
}

int main(int argc, char **argv)
{
    DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
    if (directory == NULL) {
        (void)fprintf(stderr, "usage: %s DIRECTORY-OF-SEEDS\n", argv[0]);
        return 2;
    }
    int seeds = 0;
    int status = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (entry->d_name[0] == '.')
            continue;
        if (replay_file(argv[1], entry->d_name) != 0)
            status = 1;
        seeds++;
    }
    (void)closedir(directory);
    if (seeds == 0)
        (void)fprintf(stderr, "%s: no seeds\n", argv[1]);
    return seeds == 0 ? 1 : status;
}
