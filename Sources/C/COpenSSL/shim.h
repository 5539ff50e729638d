#pragma once
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

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
