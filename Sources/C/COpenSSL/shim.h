#pragma once
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// A key from parameters. OSSL_PARAM_BLD keeps the pointers it is given until to_param, so the whole build is one C
// function: Swift's pointers to arrays end with each call. NULL when the parameters are no valid public key.
static inline EVP_PKEY *copenssl_key(const char *type, OSSL_PARAM_BLD *builder) {
    EVP_PKEY *key = NULL;
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (parameters && context && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1) {
        EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
        if (!check || EVP_PKEY_public_check(check) != 1) {
            EVP_PKEY_free(key);
            key = NULL;
        }
        EVP_PKEY_CTX_free(check);
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    return key;
}

static inline EVP_PKEY *copenssl_rsa(const unsigned char *n, int n_length, const unsigned char *e, int e_length) {
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = BN_bin2bn(n, n_length, NULL), *exponent = BN_bin2bn(e, e_length, NULL);
    if (builder && modulus && exponent && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        key = copenssl_key("RSA", builder);
    OSSL_PARAM_BLD_free(builder);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static inline EVP_PKEY *copenssl_ec(const char *group, const unsigned char *point, size_t length) {
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (builder && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, length) == 1)
        key = copenssl_key("EC", builder);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

// EVP_PKEY_Q_keygen is variadic, which Swift cannot call.
static inline EVP_PKEY *copenssl_generate_rsa(size_t bits) { return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits); }
static inline EVP_PKEY *copenssl_generate_ec(const char *group) { return EVP_PKEY_Q_keygen(NULL, NULL, "EC", group); }
static inline EVP_PKEY *copenssl_generate_ed25519(void) { return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"); }

// A big number of a key, unsigned and big-endian, padded to `width` when that is not 0. Bytes written, or 0.
static inline int copenssl_number(const EVP_PKEY *key, const char *name, unsigned char *out, int capacity, int width) {
    BIGNUM *number = NULL;
    int length = 0;
    if (EVP_PKEY_get_bn_param(key, name, &number) == 1) {
        int needed = width ? width : BN_num_bytes(number);
        if (needed <= capacity && BN_bn2binpad(number, out, needed) == needed) length = needed;
    }
    BN_free(number);
    return length;
}

// PSS with a salt as long as the digest (RFC 7518 §3.5). Macros in some versions, functions in others.
static inline int copenssl_use_pss(EVP_PKEY_CTX *context) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}


// A self-signed certificate of ten years in DER: bytes written, or 0. One function, since it is a dozen calls that only
// make sense together.
static inline int copenssl_self_sign(EVP_PKEY *key, const char *name, unsigned char *out, int capacity) {
    int length = 0;
    X509 *certificate = X509_new();
    if (certificate && ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0) &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), 315360000L) && X509_set_pubkey(certificate, key) == 1) {
        X509_NAME *subject = X509_get_subject_name(certificate);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
        X509_set_issuer_name(certificate, subject);
        if (X509_sign(certificate, key, EVP_sha256()) > 0) {
            int needed = i2d_X509(certificate, NULL);
            if (needed > 0 && needed <= capacity) length = i2d_X509(certificate, &out);
        }
    }
    X509_free(certificate);
    return length;
}

// TLS. Function-like macros, and macros made by one, are not imported.
static const uint64_t copenssl_op_server_preference = SSL_OP_CIPHER_SERVER_PREFERENCE;
static const uint64_t copenssl_op_prioritize_chacha = SSL_OP_PRIORITIZE_CHACHA;
static const uint64_t copenssl_op_no_renegotiation = SSL_OP_NO_RENEGOTIATION;
static const uint64_t copenssl_op_no_compression = SSL_OP_NO_COMPRESSION;

static inline int copenssl_set_versions(SSL_CTX *context, int lowest, int highest) {
    return SSL_CTX_set_min_proto_version(context, lowest) == 1 && SSL_CTX_set_max_proto_version(context, highest) == 1;
}
static inline int copenssl_set_groups(SSL_CTX *context, const char *list) {
    return (int)SSL_CTX_set1_groups_list(context, list);
}
static inline void copenssl_set_mode(SSL_CTX *context, long mode) { SSL_CTX_set_mode(context, mode); }
static inline void copenssl_set_session_cache(SSL_CTX *context, long mode) {
    SSL_CTX_set_session_cache_mode(context, mode);
}
static inline int copenssl_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}
static inline int copenssl_set_server_name(SSL *session, const char *name) {
    return (int)SSL_set_tlsext_host_name(session, name);
}
static inline void copenssl_set_context_data(SSL_CTX *context, void *data) { SSL_CTX_set_app_data(context, data); }
static inline void *copenssl_context_data(const SSL *session) {
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(session));
}
static inline void copenssl_retry_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void copenssl_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }

// Keys one session ticket's cipher and code. OSSL_PARAM points at what it is given, so the list is made and used here.
static inline int copenssl_key_ticket(EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *code, const unsigned char *cipher_key,
                                      unsigned char *code_key, size_t code_key_length, const unsigned char *iv,
                                      int encrypting) {
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, code_key, code_key_length),
                               OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
                               OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(code, parameters) == 1 &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, cipher_key, iv, encrypting) == 1;
}

// Seconds since 1970-01-01T00:00:00Z, or -1.
static inline int64_t copenssl_seconds(const ASN1_TIME *time) {
    int days, seconds;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int ok = epoch && time && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    return ok ? (int64_t)days * 86400 + seconds : -1;
}

// Whom a certificate is for, in one line of UTF-8 with everything odd escaped: bytes written, or 0.
static inline int copenssl_subject(const X509 *certificate, unsigned char *out, int capacity) {
    BIO *bio = BIO_new(BIO_s_mem());
    int length = 0;
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
                                  XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0)
        length = BIO_read(bio, out, capacity);
    BIO_free(bio);
    return length > 0 ? length : 0;
}

// Refuses to give a passphrase. By default OpenSSL would ask on the terminal and wait.
static inline int copenssl_no_passphrase(char *buffer, int size, int writing, void *context) {
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}
static inline X509 *copenssl_next_certificate(BIO *bio) {
    return PEM_read_bio_X509_AUX(bio, NULL, copenssl_no_passphrase, NULL);
}
static inline EVP_PKEY *copenssl_private_key(BIO *bio) {
    return PEM_read_bio_PrivateKey(bio, NULL, copenssl_no_passphrase, NULL);
}

// AES-256-GCM (NIST SP 800-38D) with a nonce of 12 bytes and a tag of 16. Each returns 1, or 0 when it could not be done;
// `copenssl_gcm_open` also when the tag is not the text's.
static inline int copenssl_gcm_seal(const unsigned char *key, const unsigned char *nonce, const unsigned char *bound,
                                    int bound_length, const unsigned char *text, int length, unsigned char *out,
                                    unsigned char *tag) {
    int written = 0, last = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int ok = context && EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
             EVP_EncryptUpdate(context, NULL, &written, bound, bound_length) == 1 &&
             EVP_EncryptUpdate(context, out, &written, text, length) == 1 &&
             EVP_EncryptFinal_ex(context, out + written, &last) == 1 && written + last == length &&
             EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1;
    EVP_CIPHER_CTX_free(context);
    return ok;
}
static inline int copenssl_gcm_open(const unsigned char *key, const unsigned char *nonce, const unsigned char *bound,
                                    int bound_length, const unsigned char *text, int length, const unsigned char *tag,
                                    unsigned char *out) {
    int written = 0, last = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int ok = context && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
             EVP_DecryptUpdate(context, NULL, &written, bound, bound_length) == 1 &&
             EVP_DecryptUpdate(context, out, &written, text, length) == 1 &&
             EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, (void *)tag) == 1 &&
             EVP_DecryptFinal_ex(context, out + written, &last) == 1 && written + last == length;
    EVP_CIPHER_CTX_free(context);
    return ok;
}
