#pragma once
#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>
#include <string.h>

// curl_easy_setopt, curl_multi_setopt and curl_easy_getinfo are variadic, which Swift cannot call: one function per type
// of argument.
typedef size_t (*ccurl_data)(char *, size_t, size_t, void *);
typedef int (*ccurl_socket)(CURL *, curl_socket_t, int, void *, void *);
typedef int (*ccurl_timer)(CURLM *, long, void *);

static inline CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode ccurl_set_size(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode ccurl_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode ccurl_set_data(CURL *easy, CURLoption option, ccurl_data value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode ccurl_set_context(CURL *easy, curl_ssl_ctx_callback function, void *context) {
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, context);
    return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, function);
}
static inline CURLcode ccurl_set_before_request(CURL *easy, curl_prereq_callback function, void *context) {
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, context);
    return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, function);
}
static inline CURLcode ccurl_set_before_look_up(CURL *easy, curl_resolver_start_callback function, void *context) {
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, context);
    return curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, function);
}
static inline CURLcode ccurl_set_before_connect(CURL *easy, curl_sockopt_callback function, void *context) {
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, context);
    return curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, function);
}
static inline CURLcode ccurl_get_long(CURL *easy, CURLINFO info, long *value) {
    return curl_easy_getinfo(easy, info, value);
}
static inline CURLcode ccurl_get_size(CURL *easy, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(easy, info, value);
}
static inline CURLcode ccurl_get_pointer(CURL *easy, CURLINFO info, void **value) {
    return curl_easy_getinfo(easy, info, value);
}
static inline CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}
static inline CURLMcode ccurl_multi_set_socket(CURLM *multi, ccurl_socket function, void *context) {
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, function);
}
static inline CURLMcode ccurl_multi_set_timer(CURLM *multi, ccurl_timer function, void *context) {
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
    return curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, function);
}

// The next finished transfer, or NULL. CURLMsg holds a union, which Swift would read unchecked.
static inline CURL *ccurl_multi_finished(CURLM *multi, CURLcode *result) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left)))
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    return NULL;
}

// The server's own certificate as PEM, when CURLOPT_CERTINFO was set; NULL over plain http. Lives as long as the handle's
// result.
static inline const char *ccurl_certificate(CURL *easy) {
    struct curl_certinfo *info = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) != CURLE_OK || !info || info->num_of_certs < 1) return NULL;
    for (struct curl_slist *entry = info->certinfo[0]; entry; entry = entry->next)
        if (strncmp(entry->data, "Cert:", 5) == 0) return entry->data + 5;
    return NULL;
}

// Macros with casts in them are not imported.
static const long ccurl_header_separate = CURLHEADER_SEPARATE;
static const long ccurl_auth_basic = (long)CURLAUTH_BASIC;
static const curl_socket_t ccurl_socket_timeout = CURL_SOCKET_TIMEOUT;
