/* A server on libmicrohttpd for measuring: the same answers as bench-server.
 *
 * usage: server PORT THREADS FIELDS NAME VALUE ... PATH BODY ...
 *
 * FIELDS says how many pairs of a field's name and value follow; the rest are pairs of a path and its body. A path that
 * begins with /later is answered after the connection has been suspended and resumed once. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODIES_MAX = 16, CONNECTIONS_MAX = 8192, IDLE_SECONDS = 60 };

static struct {
    const char *path;
    struct MHD_Response *response;
} answers[BODIES_MAX];
static int answer_count;

static enum MHD_Result answer(void *unused, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *body, size_t *body_size, void **state) {
    static char begun, suspended;
    (void)unused, (void)method, (void)version, (void)body, (void)body_size;
    if (*state == NULL) {
        *state = &begun;
        return MHD_YES;
    }
    if (*state == &begun && strncmp(url, "/later/", 7) == 0) {
        *state = &suspended;
        MHD_suspend_connection(connection);
        MHD_resume_connection(connection); /* looked at in the thread's next round */
        return MHD_YES;
    }
    for (int i = 0; i < answer_count; i++)
        if (strcmp(url, answers[i].path) == 0) return MHD_queue_response(connection, MHD_HTTP_OK, answers[i].response);
    return MHD_NO;
}

int main(int count, char **words) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (count < 4) return 64;
    int fields = atoi(words[3]);
    char **pairs = words + 4 + 2 * fields;
    for (; pairs + 1 < words + count && answer_count < BODIES_MAX; pairs += 2) {
        struct MHD_Response *made =
            MHD_create_response_from_buffer(strlen(pairs[1]), pairs[1], MHD_RESPMEM_PERSISTENT);
        for (int i = 0; i < fields; i++)
            if (MHD_add_response_header(made, words[4 + 2 * i], words[5 + 2 * i]) != MHD_YES) return 65;
        answers[answer_count].path = pairs[0];
        answers[answer_count++].response = made;
    }
    unsigned short port = (unsigned short)atoi(words[1]);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, port, NULL, NULL, &answer, NULL,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)atoi(words[2]), MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
    if (daemon == NULL) return 69;
    int received;
    sigwait(&ends, &received);
    MHD_stop_daemon(daemon);
    return 0;
}
