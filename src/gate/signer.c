/* The gate's end of the channel on which it waits for signatures; see signer.h. Called from tls_provider.c. */
#include "gate/signer.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "channel/channel.h"

void signer_init(struct signer *signer)
{
    *signer = (struct signer){.fd = -1};
}

/* Its number may be another descriptor's soon: it is forgotten with the close. */
void signer_fini(struct signer *signer)
{
    auto_close int fd = take_fd(&signer->fd);
    (void)fd;
}

void signer_join(struct signer *signer, int fd)
{
    signer_fini(signer);
    signer->fd = fd;
    signer->answered = signer->asked;
}

/* Logs when signing begins to fail, and when it works again. */
static void signer_note(struct signer *signer, const char *reason)
{
    if (reason != NULL && !signer->is_failing)
        log_sentence(LOG_ERROR, "signing_failed", "%s: handshakes fail", reason);
    else if (reason == NULL && signer->is_failing)
        log_sentence(LOG_INFO, "signing_recovered", "the broker signs again");
    signer->is_failing = reason != NULL;
}

/* One answer, awaited for so long. 0 or -errno. An answer out of order ends the channel. */
static int signer_receive(struct signer *signer, int timeout_ms, struct message *ret_answer)
{
    int result = channel_receive_blocking(signer->fd, ROLE_GATE, ROLE_BROKER, timeout_ms,
                                          signer->packet, ret_answer);
    if (result < 0)
        return result;
    if (ret_answer->type != MESSAGE_sign_answer ||
        ret_answer->sign_answer.number != signer->answered + 1) {
        message_close_fds(ret_answer);
        return -EPROTO;
    }
    signer->answered++;
    return 0;
}

/* Receives all that is owed, within the time. */
static int signer_catch_up(struct signer *signer, int within_ms, struct message *ret_answer)
{
    uint64_t end_ms = clock_monotonic_ms() + (uint64_t)within_ms;
    while (signer->answered < signer->asked) {
        uint64_t now_ms = clock_monotonic_ms();
        int result = signer_receive(signer, now_ms < end_ms ? (int)(end_ms - now_ms) : 0, ret_answer);
        if (result < 0)
            return result;
    }
    return 0;
}

static int signer_ask(struct signer *signer, struct message *ask, struct message *ret_answer)
{
    if (signer->fd < 0)
        return -EPIPE;
    int result = signer_catch_up(signer, 0, ret_answer);
    if (result < 0)
        return result;
    ask->sign_ask.number = signer->asked + 1;
    result = channel_send_blocking(signer->fd, ask);
    if (result < 0)
        return result;
    signer->asked++;
    return signer_catch_up(signer, SIGNER_WAIT_MS, ret_answer);
}

bool signer_sign(struct signer *signer, struct message *ask, struct span *ret_signature)
{
    struct message answer = {.sign_answer = {.signature = SPAN_NONE}};
    int result = signer_ask(signer, ask, &answer);
    if (result == 0 && answer.sign_answer.signature.len > 0) {
        signer_note(signer, NULL);
        *ret_signature = answer.sign_answer.signature;
        return true;
    }
    signer_note(signer, result == 0            ? "the broker refused to sign"
                        : result == -ETIMEDOUT ? "the broker does not answer"
                                               : "the broker is away");
    if (result < 0 && result != -ETIMEDOUT)
        signer_fini(signer); /* the supervisor joins a new one */
    return false;
}
