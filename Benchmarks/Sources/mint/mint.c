// Signs access tokens as Keycloak writes them, one a line, with a key from a PEM file: by OpenSSL itself and by several
// threads, since an RSA signature costs thirty times what its verification does.
//
// Usage: mint KEY.pem ALG KID ISSUER AUDIENCE NAME FIRST COUNT USERS EXPIRY THREADS >tokens
//   ALG     RS256 or ES256
//   NAME    of users: token n is user NAME{n % USERS + 1}'s
//   FIRST   the number of the first token, which makes its `jti`
//   EXPIRY  seconds since 1970
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLAIMS_MAX = 2048, TOKEN_MAX = 4096, THREADS_MAX = 64 };

static EVP_PKEY *key;
static int is_elliptic;
static const char *algorithm, *kid, *issuer, *audience, *name;
static long first, count, users, expiry, issued;
static int threads;
static char *lines[THREADS_MAX];
static size_t lengths[THREADS_MAX];

static void fail(const char *what) {
    fprintf(stderr, "mint: %s\n", what);
    exit(1);
}

static size_t base64url(const unsigned char *bytes, size_t length, char *out) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t used = 0;
    unsigned bits = 0, pending = 0;
    for (size_t i = 0; i < length; i++) {
        pending = pending << 8 | bytes[i];
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            out[used++] = alphabet[pending >> bits & 63];
        }
    }
    if (bits > 0) out[used++] = alphabet[pending << (6 - bits) & 63];
    return used;
}

// RFC 7518 §3.4: r and s beside each other, 32 bytes each.
static size_t raw_signature(const unsigned char *der, size_t length, unsigned char *out) {
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)length);
    if (pair == NULL) fail("not an ECDSA signature");
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + 32, 32);
    ECDSA_SIG_free(pair);
    return 64;
}

static size_t token(long number, char *out) {
    char text[CLAIMS_MAX];
    long user = number % users + 1;
    int length = snprintf(text, sizeof text, "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}", algorithm, kid);
    size_t used = base64url((unsigned char *)text, (size_t)length, out);
    out[used++] = '.';
    length = snprintf(
        text, sizeof text,
        "{\"exp\":%ld,\"iat\":%ld,\"auth_time\":%ld,\"jti\":\"onrtac:6f0b1c0e-8a0e-4f0a-9f6e-%012ld\",\"iss\":\"%s\","
        "\"aud\":[\"%s\",\"account\"],\"sub\":\"c1f6a3de-5c7e-4f3b-8c1b-%012ld\",\"typ\":\"Bearer\",\"azp\":\"portal\","
        "\"sid\":\"kq3Yt0mC1vQy7uXw2rJd8aZb\",\"acr\":\"1\",\"allowed-origins\":[\"https://portal.example.com\"],"
        "\"realm_access\":{\"roles\":[\"default-roles-mlaas\",\"offline_access\",\"uma_authorization\",\"ml-users\"]},"
        "\"resource_access\":{\"account\":{\"roles\":[\"manage-account\",\"manage-account-links\",\"view-profile\"]}},"
        "\"scope\":\"openid email profile\",\"email_verified\":true,\"name\":\"Jane Doe\",\"groups\":[\"/ml-team\"],"
        "\"preferred_username\":\"%s%ld\",\"given_name\":\"Jane\",\"family_name\":\"Doe\",\"email\":\"%s%ld@example.com\"}",
        expiry, issued, issued, number, issuer, audience, user, name, user, name, user);
    if (length < 0 || (size_t)length >= sizeof text) fail("the claims are too long");
    used += base64url((unsigned char *)text, (size_t)length, out + used);
    unsigned char signature[1024], raw[64];
    size_t size = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1
        || EVP_DigestSign(context, signature, &size, (unsigned char *)out, used) != 1)
        fail("cannot sign with this key");
    EVP_MD_CTX_free(context);
    out[used++] = '.';
    used += is_elliptic ? base64url(raw, raw_signature(signature, size, raw), out + used)
                        : base64url(signature, size, out + used);
    out[used++] = '\n';
    return used;
}

// Each thread signs a part of its own, so that the lines come out in order.
static void *work(void *argument) {
    long part = (long)argument;
    long begin = first + count * part / threads, end = first + count * (part + 1) / threads;
    size_t room = 1 << 20, used = 0;
    char *memory = malloc(room);
    for (long number = begin; number < end; number++) {
        if (room - used < TOKEN_MAX) memory = realloc(memory, room *= 2);
        if (memory == NULL) fail("no memory");
        used += token(number, memory + used);
    }
    lines[part] = memory;
    lengths[part] = used;
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 12) fail("usage: mint KEY.pem ALG KID ISSUER AUDIENCE NAME FIRST COUNT USERS EXPIRY THREADS");
    FILE *file = fopen(argv[1], "r");
    if (file == NULL) fail("cannot read the key");
    key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    if (key == NULL) fail("not a private key in PEM");
    is_elliptic = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
    algorithm = argv[2], kid = argv[3], issuer = argv[4], audience = argv[5], name = argv[6];
    first = atol(argv[7]), count = atol(argv[8]), users = atol(argv[9]), expiry = atol(argv[10]);
    threads = atoi(argv[11]);
    issued = (long)time(NULL);
    if (strcmp(algorithm, is_elliptic ? "ES256" : "RS256") != 0) fail("the key is of another algorithm");
    if (count < 1 || users < 1 || threads < 1 || threads > THREADS_MAX) fail("a number is out of range");
    pthread_t running[THREADS_MAX];
    for (long part = 0; part < threads; part++)
        if (pthread_create(&running[part], NULL, work, (void *)part) != 0) fail("no thread");
    for (int part = 0; part < threads; part++) {
        pthread_join(running[part], NULL);
        if (fwrite(lines[part], 1, lengths[part], stdout) != lengths[part]) fail("cannot write");
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
