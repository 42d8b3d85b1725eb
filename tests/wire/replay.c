/*
 * Replays transcripts against a gate: whole, an octet at a time, and at random cuts. A transcript is
 * a text file of one step a line:
 *
 *     set NAME VALUE         before the first step: tls implicit|starttls; login A,B; identify id|none;
 *                            master USER; certificate yes; preauth yes
 *     C: text                the client sends text and CRLF; C- sends no CRLF
 *     S: pattern             the client receives this line; * stands for anything
 *     B: text, B- text       the backend sends
 *     G: pattern             the gate sends this line to the backend
 *     TLS                    the client does its handshake
 *     TLS-FAILS              and that fails
 *     KEEPER allow|revoked|full|silent|away
 *     CLOSED                 the gate closes the client's connection, and nothing more is received
 *     NEVER text             the gate closes it, and what is received before does not hold text
 *     QUIET-BACKEND          the backend has received nothing that was not expected
 *     CUT-BACKEND            the backend closes its connection
 *
 * In texts \r \n \\ \xHH are octets.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/terms.h"
#include "rig.h"

enum { STEP_LIMIT_MS = 10000, LINE_SIZE = 65536 };

enum cuts { CUT_NOT, CUT_EVERY_OCTET, CUT_AT_RANDOM };

struct replay {
    const char *file;
    int line;
    enum cuts cuts;
    struct rig rig;
    struct rig_options options;
    char login[256];
    char master[64];
    bool is_started;
};

static bool replay_fail(const struct replay *replay, const char *what, struct span detail)
{
    (void)fprintf(stderr, "%s:%d: %s (cuts %d): %.*s\n", replay->file, replay->line, what,
                  (int)replay->cuts, (int)detail.len, (const char *)detail.at);
    return false;
}

/* The octets that a text stands for. */
static void replay_unescape(const char *text, struct strbuf *buf)
{
    for (; *text != '\0'; text++) {
        if (*text != '\\') {
            strbuf_append_byte(buf, (uint8_t)*text);
            continue;
        }
        text++;
        if (*text == 'x') {
            char digits[3] = {text[1], text[2], '\0'};
            strbuf_append_byte(buf, (uint8_t)strtoul(digits, NULL, 16));
            text += 2;
        } else {
            strbuf_append_byte(buf, (uint8_t)(*text == 'r' ? '\r' : *text == 'n' ? '\n' : *text));
        }
    }
}

static bool replay_matches(struct span pattern, struct span text)
{
    size_t star = span_find(pattern, '*');
    if (star == pattern.len)
        return span_equal(pattern, text);
    if (!span_equal(span_first(pattern, star), span_first(text, star)))
        return false;
    struct span rest = span_from(pattern, star + 1);
    for (size_t at = star; at <= text.len; at++)
        if (replay_matches(rest, span_from(text, at)))
            return true;
    return false;
}

static size_t replay_piece(const struct replay *replay, size_t left)
{
    if (replay->cuts == CUT_NOT)
        return left;
    return replay->cuts == CUT_EVERY_OCTET ? 1 : 1 + (size_t)rand() % (left < 40 ? left : 40);
}

static bool replay_send(struct replay *replay, struct rig_peer *peer, const char *text, bool with_crlf)
{
    auto_strbuf struct strbuf octets = STRBUF(LINE_SIZE * 2);
    replay_unescape(text, &octets);
    if (with_crlf)
        strbuf_append(&octets, "\r\n");
    struct span rest = strbuf_span(&octets);
    uint64_t deadline = clock_monotonic_ms() + STEP_LIMIT_MS;
    while (peer == &replay->rig.backend && (peer->fd < 0 || peer->has_ended)) {
        rig_turn(&replay->rig);
        if (clock_monotonic_ms() > deadline)
            return replay_fail(replay, "the backend is not connected for", rest);
    }
    while (rest.len > 0) {
        size_t piece = replay_piece(replay, rest.len);
        /* A peer that was closed under the sender is for CLOSED to find. */
        if (!rig_send(&replay->rig, peer, span_first(rest, piece)))
            return true;
        rig_turn(&replay->rig);
        rest = span_from(rest, piece);
    }
    return true;
}

static bool replay_expect(struct replay *replay, struct rig_peer *peer, const char *text)
{
    auto_strbuf struct strbuf pattern = STRBUF(LINE_SIZE);
    uint64_t deadline = clock_monotonic_ms() + STEP_LIMIT_MS;
    replay_unescape(text, &pattern);
    for (;;) {
        struct span line = strbuf_span(&peer->received);
        size_t len = span_find(line, '\n');
        if (len < line.len) {
            size_t end = len > 0 && line.at[len - 1] == '\r' ? len - 1 : len;
            bool matches = replay_matches(strbuf_span(&pattern), span_first(line, end));
            if (!matches)
                return replay_fail(replay, "received", span_first(line, end));
            strbuf_consume(&peer->received, len + 1);
            return true;
        }
        if (peer->has_ended && peer == &replay->rig.client)
            return replay_fail(replay, "closed before", strbuf_span(&pattern));
        if (clock_monotonic_ms() > deadline)
            return replay_fail(replay, "not received", strbuf_span(&pattern));
        rig_turn(&replay->rig);
    }
}

/* never: NULL when nothing at all may come before the end. */
static bool replay_expect_closed(struct replay *replay, const char *never)
{
    uint64_t deadline = clock_monotonic_ms() + STEP_LIMIT_MS;
    struct rig_peer *client = &replay->rig.client;
    while (!client->has_ended && clock_monotonic_ms() < deadline)
        rig_turn(&replay->rig);
    if (!client->has_ended)
        return replay_fail(replay, "still open", SPAN(""));
    bool is_bad = never == NULL ? client->received.len > 0
                                : memmem(strbuf_text(&client->received), client->received.len, never,
                                         strlen(never)) != NULL;
    return !is_bad || replay_fail(replay, "received", strbuf_span(&client->received));
}

static bool replay_set_keeper(struct replay *replay, const char *word)
{
    static const struct {
        const char *word;
        int answer;
    } words[] = {{"allow", LOGIN_ALLOWED},
                 {"revoked", LOGIN_DEVICE_REVOKED},
                 {"full", LOGIN_TOO_MANY_SESSIONS},
                 {"silent", -1}};
    if (strcmp(word, "away") == 0) {
        rig_drop_keeper(&replay->rig);
        return true;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i].word) == 0) {
            replay->rig.keeper_answer = words[i].answer;
            return true;
        }
    return replay_fail(replay, "unknown word", span_of(word));
}

static bool replay_set(struct replay *replay, const char *name, const char *value)
{
    struct rig_options *options = &replay->options;
    if (strcmp(name, "tls") == 0) {
        options->tls = strcmp(value, "starttls") == 0 ? LISTENER_TLS_STARTTLS : LISTENER_TLS_IMPLICIT;
    } else if (strcmp(name, "login") == 0) {
        (void)snprintf(replay->login, sizeof replay->login, "%s", value);
        for (char *c = replay->login; *c != '\0'; c++)
            if (*c == ',')
                *c = '\n';
    } else if (strcmp(name, "identify") == 0) {
        options->identify = strcmp(value, "id") == 0 ? IDENTIFY_ID : IDENTIFY_NONE;
    } else if (strcmp(name, "master") == 0) {
        (void)snprintf(replay->master, sizeof replay->master, "%s", value);
    } else if (strcmp(name, "certificate") == 0) {
        options->has_certificate = strcmp(value, "yes") == 0;
    } else if (strcmp(name, "preauth") == 0) {
        options->preauth = strcmp(value, "yes") == 0;
    } else {
        return replay_fail(replay, "unknown setting", span_of(name));
    }
    return true;
}

static void replay_start(struct replay *replay)
{
    if (replay->is_started)
        return;
    replay->is_started = true;
    replay->options.login = replay->login;
    replay->options.master = replay->master;
    rig_start(&replay->rig, &replay->options);
}

static bool replay_word(struct replay *replay, const char *line)
{
    struct rig *rig = &replay->rig;
    if (strcmp(line, "TLS") == 0)
        return rig_handshake(rig) || replay_fail(replay, "handshake failed", SPAN(""));
    if (strcmp(line, "TLS-FAILS") == 0)
        return !rig_handshake(rig) || replay_fail(replay, "handshake succeeded", SPAN(""));
    if (strcmp(line, "CLOSED") == 0)
        return replay_expect_closed(replay, NULL);
    if (strncmp(line, "NEVER ", 6) == 0)
        return replay_expect_closed(replay, line + 6);
    if (strncmp(line, "KEEPER ", 7) == 0)
        return replay_set_keeper(replay, line + 7);
    if (strcmp(line, "QUIET-BACKEND") == 0) {
        rig_turn(rig);
        return rig->backend.received.len == 0 ||
               replay_fail(replay, "backend received", strbuf_span(&rig->backend.received));
    }
    if (strcmp(line, "CUT-BACKEND") == 0) {
        (void)close(rig->backend.fd);
        rig->backend.fd = -1;
        return true;
    }
    return replay_fail(replay, "unknown step", span_of(line));
}

static bool replay_step(struct replay *replay, char *line)
{
    if (line[0] == '\0' || line[0] == '#')
        return true;
    if (strncmp(line, "set ", 4) == 0) {
        char *value = strchr(line + 4, ' ');
        if (value == NULL)
            return replay_fail(replay, "no value", span_of(line));
        *value = '\0';
        return replay_set(replay, line + 4, value + 1);
    }
    replay_start(replay);
    const char *text = strlen(line) > 3 ? line + 3 : "";
    struct rig_peer *peer = line[0] == 'C' || line[0] == 'S' ? &replay->rig.client : &replay->rig.backend;
    if (line[1] == ':' && (line[0] == 'S' || line[0] == 'G'))
        return replay_expect(replay, peer, text);
    if ((line[1] == ':' || line[1] == '-') && (line[0] == 'C' || line[0] == 'B'))
        return replay_send(replay, peer, text, line[1] == ':');
    return replay_word(replay, line);
}

static bool replay_file(const char *file, enum cuts cuts)
{
    static char line[LINE_SIZE];
    struct replay replay = {.file = file, .cuts = cuts, .login = "password"};
    bool passed = true;
    FILE *steps = fopen(file, "r");
    if (steps == NULL)
        return replay_fail(&replay, "can't be opened", SPAN(""));
    while (passed && fgets(line, sizeof line, steps) != NULL) {
        replay.line++;
        line[strcspn(line, "\n")] = '\0';
        passed = replay_step(&replay, line);
    }
    (void)fclose(steps);
    if (replay.is_started)
        rig_stop(&replay.rig);
    return passed;
}

int main(int argc, char **argv)
{
    static const enum cuts all[] = {CUT_NOT, CUT_EVERY_OCTET, CUT_AT_RANDOM, CUT_AT_RANDOM};
    int failed = 0;
    (void)signal(SIGPIPE, SIG_IGN); /* as every role has it */
    log_open("gate", 0, LOG_FORMAT_TEXT);
    for (int file = 1; file < argc; file++)
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            failed += !replay_file(argv[file], all[i]);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
