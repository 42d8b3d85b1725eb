/*
 * What the keeper is started with and told: its state's file, and who may use the control socket.
 */
#include "supervisor/role_kind.h"

static const struct account *keeper_account(const struct places *places)
{
    return &places->keeper;
}

static const char *keeper_root(const struct places *places)
{
    return places->state_directory;
}

static bool keeper_send_part(struct channel *channel, const struct setup *setup, int number,
                             int control)
{
    (void)number;
    struct message message = {
        .type = MESSAGE_configure_keeper,
        .configure_keeper = {.state = span_of(path_name(setup->config->state_file)),
                             .operators = strbuf_span(&setup->operators),
                             .journal_age_s = setup->config->journal.keep_ms / 1000,
                             .journal_rows = setup->config->journal.rows,
                             .control = control}};
    return channel_send(channel, &message);
}

const struct role_kind role_kind_keeper = {
    .role = ROLE_KEEPER,
    .executable = "keeper",
    .account = keeper_account,
    .root = keeper_root,
    .send_part = keeper_send_part,
};
