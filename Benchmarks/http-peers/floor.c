// What any server on epoll costs at least: one recv(2), one look at the path, one send(2) of bytes that are ready. It
// knows nothing of HTTP, waits for nothing and bounds nothing; it is here to show how much is left to be gained.
//
//   floor PORT THREADS FIELDS NAME VALUE ... PATH BODY ...
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWERS = 8, EVENTS = 1024, BUFFER = 65536 };

static struct {
    const char *path;
    char *bytes;
    size_t length;
} answers[ANSWERS];
static int answer_count, port;

static void add(const char *path, const char *body, int fields, char **pairs) {
    char *bytes;
    size_t length;
    FILE *text = open_memstream(&bytes, &length);
    char date[64];
    time_t now = time(NULL);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now));
    fprintf(text, "HTTP/1.1 200 OK\r\ndate: %s\r\n", date);
    for (int index = 0; index < fields; index++) fprintf(text, "%s: %s\r\n", pairs[2 * index], pairs[2 * index + 1]);
    fprintf(text, "content-length: %zu\r\n\r\n%s", strlen(body), body);
    fclose(text);
    answers[answer_count].path = path;
    answers[answer_count].bytes = bytes;
    answers[answer_count++].length = length;
}

static void reply(int connection, const char *request, ssize_t length) {
    for (int index = 0; index < answer_count; index++) {
        size_t path = strlen(answers[index].path);
        if ((size_t)length < path + 5 || memcmp(request + 4, answers[index].path, path) || request[4 + path] != ' ')
            continue;
        if (send(connection, answers[index].bytes, answers[index].length, MSG_NOSIGNAL) < 0) close(connection);
        return;
    }
    close(connection);
}

static void *loop(void *unused) {
    (void)unused;
    int one = 1, listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listening, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listening, (struct sockaddr *)&address, sizeof address) || listen(listening, 1024)) exit(1);
    int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening}, events[EVENTS];
    epoll_ctl(poll, EPOLL_CTL_ADD, listening, &event);
    char *buffer = malloc(BUFFER);
    for (;;) {
        int count = epoll_wait(poll, events, EVENTS, -1);
        for (int index = 0; index < count; index++) {
            int socket = events[index].data.fd;
            if (socket == listening) {
                int connection = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
                if (connection < 0) continue;
                setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                event = (struct epoll_event){.events = EPOLLIN, .data.fd = connection};
                epoll_ctl(poll, EPOLL_CTL_ADD, connection, &event);
                continue;
            }
            ssize_t length = recv(socket, buffer, BUFFER, 0);
            if (length > 0) reply(socket, buffer, length);
            else close(socket);
        }
    }
}

int main(int count, char **words) {
    if (count < 4) return 2;
    port = atoi(words[1]);
    int threads = atoi(words[2]), fields = atoi(words[3]);
    char **pairs = words + 4;
    for (int index = 4 + 2 * fields; index + 1 < count && answer_count < ANSWERS; index += 2)
        add(words[index], words[index + 1], fields, pairs);
    for (int index = 1; index < threads; index++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, loop, NULL)) return 1;
    }
    loop(NULL);
}
