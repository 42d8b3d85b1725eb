/* Keys that the broker holds, as OpenSSL sees them; see tls_provider.h. Called by OpenSSL, and tls_key.c. */
#include "gate/tls_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "pki/key_identity.h"

/* Our own parameter of a key, besides the public ones: who signs. */
static const char parameter_signer[] = "postern-signer";

struct remote_key {
    EVP_PKEY *public_key; /* OpenSSL's own; answers whatever is asked about the key */
    struct signer *signer; /* NULL: only for comparison */
    uint8_t id[KEY_IDENTITY_SIZE];
    bool is_rsa;
};

struct remote_signature {
    struct remote_key *key;
    enum sign_digest digest;
    enum sign_padding padding;
};

/* --- Keys ---------------------------------------------------------------------------------------------- */

static void *key_new(void *provider)
{
    (void)provider;
    return calloc(1, sizeof(struct remote_key));
}

static void key_free(void *at)
{
    struct remote_key *key = at;
    if (key == NULL)
        return;
    EVP_PKEY_free(key->public_key);
    free(key);
}

static int key_has(const void *key, int selection)
{
    (void)selection;
    return key != NULL;
}

static int key_match(const void *one, const void *other, int selection)
{
    const struct remote_key *a = one;
    const struct remote_key *b = other;
    (void)selection;
    return a->public_key != NULL && b->public_key != NULL && EVP_PKEY_eq(a->public_key, b->public_key) == 1;
}

static int key_import_as(struct remote_key *key, const char *type, const OSSL_PARAM params[])
{
    const void *signer = NULL;
    const OSSL_PARAM *found = OSSL_PARAM_locate_const(params, parameter_signer);
    if (found != NULL && OSSL_PARAM_get_octet_ptr(found, &signer, NULL) != 1)
        return 0;
    EVP_PKEY_CTX *making = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    int is_made = making != NULL && EVP_PKEY_fromdata_init(making) == 1 &&
                  EVP_PKEY_fromdata(making, &key->public_key, EVP_PKEY_PUBLIC_KEY,
                                    (OSSL_PARAM *)(uintptr_t)params) == 1;
    EVP_PKEY_CTX_free(making);
    key->signer = (struct signer *)(uintptr_t)signer;
    key->is_rsa = strcmp(type, "RSA") == 0;
    return is_made && key_identify(key->public_key, key->id);
}

static int key_import_ec(void *key, int selection, const OSSL_PARAM params[])
{
    (void)selection;
    return key_import_as(key, "EC", params);
}

static int key_import_rsa(void *key, int selection, const OSSL_PARAM params[])
{
    (void)selection;
    return key_import_as(key, "RSA", params);
}

static int key_import_ed25519(void *key, int selection, const OSSL_PARAM params[])
{
    (void)selection;
    return key_import_as(key, "ED25519", params);
}

/* What the public halves consist of, over all kinds. */
static const OSSL_PARAM *key_import_types(int selection)
{
    static const OSSL_PARAM types[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
                                       OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                                       OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
                                       OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0), OSSL_PARAM_END};
    (void)selection;
    return types;
}

static int key_get_params(void *at, OSSL_PARAM params[])
{
    struct remote_key *key = at;
    return EVP_PKEY_get_params(key->public_key, params);
}

static const OSSL_PARAM *key_gettable_params(void *provider)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL), OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0), OSSL_PARAM_END};
    (void)provider;
    return types;
}

static const char *key_operation_ec(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

/* --- Signatures ---------------------------------------------------------------------------------------- */

static void *signature_new(void *provider, const char *properties)
{
    (void)provider;
    (void)properties;
    return calloc(1, sizeof(struct remote_signature));
}

static void signature_free(void *signature)
{
    free(signature);
}

static bool digest_find(const char *name, enum sign_digest *ret_digest)
{
    static const struct {
        const char *name;
        enum sign_digest digest;
    } digests[] = {{"", SIGN_DIGEST_NONE},
                   {"SHA256", SIGN_DIGEST_SHA256},
                   {"SHA2-256", SIGN_DIGEST_SHA256},
                   {"SHA384", SIGN_DIGEST_SHA384},
                   {"SHA2-384", SIGN_DIGEST_SHA384},
                   {"SHA512", SIGN_DIGEST_SHA512},
                   {"SHA2-512", SIGN_DIGEST_SHA512}};
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++)
        if (strcasecmp(digests[i].name, name == NULL ? "" : name) == 0) {
            *ret_digest = digests[i].digest;
            return true;
        }
    return false;
}

/* The padding is RSA's; the salt has the digest's length, as TLS demands. The broker sets that itself. */
static int signature_set_params(void *at, const OSSL_PARAM params[])
{
    struct remote_signature *signature = at;
    int padding = 0;
    const OSSL_PARAM *mode = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    if (mode == NULL)
        return 1;
    bool is_pss = mode->data_type == OSSL_PARAM_UTF8_STRING
                      ? strcmp(mode->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0
                      : OSSL_PARAM_get_int(mode, &padding) == 1 && padding == 6 /* RSA_PKCS1_PSS_PADDING */;
    if (!signature->key->is_rsa)
        return 0;
    signature->padding = is_pss ? SIGN_PADDING_PSS : SIGN_PADDING_PKCS1;
    return 1;
}

static const OSSL_PARAM *signature_settable_params(void *signature, void *provider)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0), OSSL_PARAM_END};
    (void)signature;
    (void)provider;
    return types;
}

static int signature_begin(void *at, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct remote_signature *signature = at;
    if (key != NULL)
        signature->key = key;
    if (signature->key == NULL || !digest_find(digest, &signature->digest))
        return 0;
    signature->padding = signature->key->is_rsa ? SIGN_PADDING_PKCS1 : SIGN_PADDING_NONE;
    return params == NULL ? 1 : signature_set_params(signature, params);
}

static int signature_make(void *at, unsigned char *ret_signature, size_t *ret_len, size_t size,
                          const unsigned char *text, size_t text_len)
{
    struct remote_signature *signature = at;
    struct remote_key *key = signature->key;
    struct span made;
    if (ret_signature == NULL) {
        *ret_len = (size_t)EVP_PKEY_get_size(key->public_key);
        return 1;
    }
    struct message ask = {.type = MESSAGE_sign_ask};
    ask.sign_ask = (struct message_sign_ask){.digest = (uint8_t)signature->digest,
                                             .padding = (uint8_t)signature->padding,
                                             .text = span_make(text, text_len)};
    memcpy(ask.sign_ask.key, key->id, sizeof key->id);
    if (key->signer == NULL || text_len > SIGN_TEXT_MAX || !signer_sign(key->signer, &ask, &made) ||
        made.len > size)
        return 0;
    memcpy(ret_signature, made.at, made.len);
    *ret_len = made.len;
    return 1;
}

/* --- The tables that OpenSSL reads --------------------------------------------------------------------- */

typedef void (*any_function)(void);

/* clang-format off */
#define KEY_FUNCTIONS(kind)                                                                        \
    {OSSL_FUNC_KEYMGMT_NEW, (any_function)key_new},                                                \
    {OSSL_FUNC_KEYMGMT_FREE, (any_function)key_free},                                              \
    {OSSL_FUNC_KEYMGMT_HAS, (any_function)key_has},                                                \
    {OSSL_FUNC_KEYMGMT_MATCH, (any_function)key_match},                                            \
    {OSSL_FUNC_KEYMGMT_IMPORT, (any_function)key_import_##kind},                                   \
    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (any_function)key_import_types},                              \
    {OSSL_FUNC_KEYMGMT_GET_PARAMS, (any_function)key_get_params},                                  \
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (any_function)key_gettable_params}

static const OSSL_DISPATCH key_ec[] = {KEY_FUNCTIONS(ec),
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (any_function)key_operation_ec}, {0, NULL}};
static const OSSL_DISPATCH key_rsa[] = {KEY_FUNCTIONS(rsa), {0, NULL}};
static const OSSL_DISPATCH key_ed25519[] = {KEY_FUNCTIONS(ed25519), {0, NULL}};

static const OSSL_DISPATCH signature_functions[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (any_function)signature_new},
    {OSSL_FUNC_SIGNATURE_FREECTX, (any_function)signature_free},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (any_function)signature_begin},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (any_function)signature_make},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (any_function)signature_set_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (any_function)signature_settable_params}, {0, NULL}};
/* clang-format on */

static const OSSL_ALGORITHM key_kinds[] = {{"EC", "provider=postern", key_ec, NULL},
                                           {"RSA", "provider=postern", key_rsa, NULL},
                                           {"ED25519", "provider=postern", key_ed25519, NULL},
                                           {NULL, NULL, NULL, NULL}};
static const OSSL_ALGORITHM signature_kinds[] = {
    {"ECDSA", "provider=postern", signature_functions, NULL},
    {"RSA", "provider=postern", signature_functions, NULL},
    {"ED25519", "provider=postern", signature_functions, NULL},
    {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM *provider_query(void *provider, int operation, int *ret_no_cache)
{
    (void)provider;
    *ret_no_cache = 0;
    return operation == OSSL_OP_KEYMGMT     ? key_kinds
           : operation == OSSL_OP_SIGNATURE ? signature_kinds
                                            : NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (any_function)provider_query}, {0, NULL}};

static int provider_begin(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                          const OSSL_DISPATCH **ret_functions, void **ret_provider)
{
    (void)in;
    *ret_functions = provider_functions;
    *ret_provider = (void *)(uintptr_t)handle; /* not used, but must not be NULL */
    return 1;
}

/* --- For the gate -------------------------------------------------------------------------------------- */

bool tls_provider_init(struct tls_provider *provider, struct signer *signer)
{
    *provider = (struct tls_provider){.library = OSSL_LIB_CTX_new(), .signer = signer};
    if (provider->library == NULL ||
        OSSL_PROVIDER_add_builtin(provider->library, "postern", provider_begin) != 1)
        return false;
    provider->provider = OSSL_PROVIDER_load(provider->library, "postern");
    return provider->provider != NULL;
}

void tls_provider_fini(struct tls_provider *provider)
{
    if (provider->provider != NULL)
        (void)OSSL_PROVIDER_unload(provider->provider);
    OSSL_LIB_CTX_free(provider->library);
    *provider = (struct tls_provider){.library = NULL};
}

EVP_PKEY *tls_provider_key(const struct tls_provider *provider, EVP_PKEY *public_key)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    void *signer = provider->signer;
    OSSL_PARAM ours[] = {OSSL_PARAM_octet_ptr(parameter_signer, &signer, 0), OSSL_PARAM_END};
    const char *type = EVP_PKEY_get0_type_name(public_key);
    EVP_PKEY_CTX *making =
        type == NULL ? NULL : EVP_PKEY_CTX_new_from_name(provider->library, type, NULL);
    OSSL_PARAM *all = NULL;
    if (making != NULL && EVP_PKEY_todata(public_key, EVP_PKEY_PUBLIC_KEY, &params) == 1)
        all = OSSL_PARAM_merge(params, ours);
    if (all != NULL && EVP_PKEY_fromdata_init(making) == 1)
        (void)EVP_PKEY_fromdata(making, &key, EVP_PKEY_KEYPAIR, all);
    OPENSSL_free(all);
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(making);
    ERR_clear_error();
    return key;
}
