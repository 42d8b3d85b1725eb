/*
 * libexec/postern/revocations: lives as long as it takes to turn revocation lists into a table, started
 * by the supervisor as role/role.h says. It parses what a stranger may have written, so it may do nothing
 * but read the descriptors that it is handed and write into one. Its exit status says whether it did.
 */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "channel/channel.h"
#include "revocations/maker.h"
#include "role/role.h"

enum { RECEIVE_MS = 10000 };

/* The next message, which must be of that type. Its spans point into packet. */
static bool receive(enum message_type type, uint8_t packet[MESSAGE_PACKET_MAX], struct message *ret_message)
{
    int result = channel_receive_blocking(ROLE_CHANNEL_FD, ROLE_REVOCATIONS, ROLE_SUPERVISOR, RECEIVE_MS,
                                          packet, ret_message);
    if (result == 0 && ret_message->type == type)
        return true;
    if (result == 0)
        message_close_fds(ret_message);
    log_sentence(LOG_ERROR, "role_failed", "the supervisor did not say what to read");
    return false;
}

static bool add_lists(struct maker *maker, uint32_t count, uint8_t packet[MESSAGE_PACKET_MAX])
{
    struct message message;
    for (uint32_t i = 0; i < count; i++) {
        if (!receive(MESSAGE_revocations_list, packet, &message))
            return false;
        maker_add(maker, message.revocations_list.file, message.revocations_list.list);
        message_close_fds(&message);
    }
    return true;
}

static bool make_table(struct maker *maker)
{
    static uint8_t packet[MESSAGE_PACKET_MAX];
    struct message message;
    if (!receive(MESSAGE_revocations_begin, packet, &message))
        return false;
    const struct message_revocations_begin *begin = &message.revocations_begin;
    bool is_made = maker_init(maker, begin->authority, begin->certificates, begin->former) &&
                   add_lists(maker, begin->lists, packet);
    message_close_fds(&message);
    if (!is_made || !receive(MESSAGE_revocations_write, packet, &message))
        return false;
    is_made = maker_write(maker, message.revocations_write.table);
    message_close_fds(&message);
    return is_made;
}

int main(int argc, char **argv)
{
    static struct maker maker;
    struct role_start start;
    role_begin(&start, argc, argv, &role_profile_revocations);
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_ADD_ALL_CIPHERS |
                                OPENSSL_INIT_ADD_ALL_DIGESTS,
                            NULL) != 1) {
        log_sentence(LOG_ERROR, "role_failed", "no memory to begin with");
        return EXIT_FAILURE;
    }
    role_confine(&start);
    bool is_made = make_table(&maker);
    bool is_lacking = maker.is_lacking;
    maker_fini(&maker);
    if (!is_made)
        return EXIT_FAILURE;
    return is_lacking ? REVOCATIONS_LACKING : REVOCATIONS_COMPLETE;
}
