/* Loads a server, sends it SIGTERM, and counts exactly what became of each request.
 *
 * usage: load PORT PID MILLISECONDS PIPELINED DEPTH FRESH PAUSING SLOW IDLE PATH
 *
 * After MILLISECONDS of load the process PID gets SIGTERM, and the load goes on until nobody listens any more. Clients by
 * kind, each one connection after the other:
 *   PIPELINED  send DEPTH requests at once, read the answers, and go on
 *   FRESH      make a connection for each request
 *   PAUSING    ask, then wait up to 400 ms, on one connection
 *   SLOW       send a request byte by byte
 *   IDLE       connect, every other one asks once, and then nothing
 *
 * A request counts from the moment when all of its bytes have been sent. It is lost when its connection ends without an
 * answer to it, unless an answer before it has said `Connection: close` (RFC 9112 section 9.6); so is one whose connection
 * ends in the middle of it. An answer other than 200 is a failure, too, and so is a reset of a connection on which nothing was asked. Prints one line of JSON; exits 1 when
 * anything was lost or has failed, 2 when the server did not end in time. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum kind { PIPELINED, FRESH, PAUSING, SLOW, IDLE, KINDS };
static const char *const kind_names[KINDS] = {"pipelined", "fresh", "pausing", "slow", "idle"};

enum { BUFFER_BYTES = 64 * 1024, BATCH_MAX = 64, EVENTS = 512, TICK_MS = 5, END_MS = 60 * 1000, RATE_MS = 500 };
enum { PAUSE_MS_MAX = 400, FRESH_PAUSE_MS = 2, SLOW_BYTE_MS = 10 };
/* Loopback addresses that clients come from, since one address has only so many connections and ports. */
enum { ADDRESSES = 8 };

struct client {
    enum kind kind;
    int number;
    int fd;               /* -1 between connections */
    bool connecting, said_close, done;
    int sent_bytes;       /* of the batch that is being sent */
    int batch;            /* requests in it; 0 when nothing is being sent */
    int unanswered;       /* requests sent whole and not yet answered */
    int answered_here;    /* on this connection */
    long due;             /* when the next step is due, in ms; 0: when answered */
    int held;             /* bytes in the buffer */
    char *buffer;
};

static struct {
    long answered, sent, lost, failed, resets, connections, closed_by_word;
    char example[200];
} count;

static int poller, depth, port;
static long signalled; /* when, in ms; 0: not yet */
static char request[512], *batch_bytes;
static int request_bytes;

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void watch(struct client *c, unsigned events, int operation) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, operation, c->fd, &e) != 0) perror("epoll_ctl"), exit(70);
}

static void note(struct client *c, const char *what) {
    if (!count.example[0])
        snprintf(count.example, sizeof count.example, "%s client: %s, %d answered before on it", kind_names[c->kind],
                 what, c->answered_here);
}

/* The connection has ended: what was asked on it and not answered is lost, unless the server had said that it ends. */
static void ended(struct client *c, const char *how, bool by_reset) {
    if (c->unanswered > 0 && !c->said_close) {
        count.lost += c->unanswered;
        note(c, how);
    } else if (c->sent_bytes % request_bytes != 0 && !c->said_close) {
        count.lost++;
        note(c, "closed in the middle of a request");
    } else if (by_reset && !c->said_close) {
        count.resets++;
        note(c, "reset without a request");
    }
    close(c->fd);
    c->fd = -1;
    c->batch = c->sent_bytes = c->unanswered = c->held = 0;
    c->due = now_ms() + FRESH_PAUSE_MS;
    if (c->kind == IDLE) c->done = true;
}

/* Nobody listens: as it should be, once the server has been told to end. */
static void refused(struct client *c) {
    close(c->fd);
    c->fd = -1;
    c->done = true;
    if (!signalled) {
        count.failed++;
        note(c, "no connection");
    }
}

static void open_connection(struct client *c) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) perror("socket"), exit(70);
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(c->fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (unsigned)(c->number % ADDRESSES));
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) != 0) perror("bind"), exit(70);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->said_close = false;
    c->answered_here = 0;
    c->due = 0;
    c->connecting = true;
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS) refused(c);
    else watch(c, EPOLLOUT | EPOLLIN, EPOLL_CTL_ADD);
}

/* Sends on; at most as much as the kernel takes. */
static void send_some(struct client *c) {
    int end = c->batch * request_bytes;
    int most = c->kind == SLOW ? 1 : end - c->sent_bytes;
    ssize_t n = send(c->fd, batch_bytes + c->sent_bytes, (size_t)most, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
        if (errno == EAGAIN) watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
        /* Any other failure is told by the next read, behind the answers that are still to be read. */
        return;
    }
    int whole = (c->sent_bytes + (int)n) / request_bytes - c->sent_bytes / request_bytes;
    c->sent_bytes += (int)n;
    c->unanswered += whole;
    count.sent += whole;
    if (c->sent_bytes == end) {
        c->batch = c->sent_bytes = 0;
        c->due = 0;
    } else if (c->kind == SLOW) {
        c->due = now_ms() + SLOW_BYTE_MS;
    } else {
        watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    }
}

static void ask(struct client *c) {
    c->batch = c->kind == PIPELINED ? depth : 1;
    c->sent_bytes = 0;
    send_some(c);
}

/* What to do when everything has been answered. False when the connection is to end here. */
static bool go_on(struct client *c) {
    switch (c->kind) {
    case PIPELINED: ask(c); return true;
    case PAUSING: c->due = now_ms() + 1 + rand() % PAUSE_MS_MAX; return true;
    case SLOW: ask(c); return true;
    case IDLE: return true;
    default: return false;
    }
}

/* The answers in the buffer. False when the connection is to end. */
static bool take_answers(struct client *c) {
    char *at = c->buffer, *end = c->buffer + c->held;
    while (true) {
        char *blank = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
        if (!blank) break;
        char kept = blank[2];
        blank[2] = 0;
        char *length = strcasestr(at, "\r\ncontent-length: ");
        long body = length ? atol(length + 18) : 0;
        bool closes = strcasestr(at, "\r\nconnection: close") != NULL, good = !strncmp(at, "HTTP/1.1 200 ", 13);
        blank[2] = kept;
        if (end - blank - 4 < body) break;
        at = blank + 4 + body;
        if (!good) {
            count.failed++;
            note(c, "an answer other than 200");
        }
        if (c->unanswered == 0) {
            count.failed++;
            note(c, "an answer that nobody asked for");
            return false;
        }
        c->unanswered--;
        c->answered_here++;
        count.answered++;
        if (closes) {
            c->said_close = true;
            count.closed_by_word++;
            return false;
        }
    }
    c->held = (int)(end - at);
    memmove(c->buffer, at, (size_t)c->held);
    if (c->unanswered == 0 && c->batch == 0 && c->due == 0) return go_on(c);
    return true;
}

static void readable(struct client *c) {
    while (c->fd >= 0) {
        ssize_t n = recv(c->fd, c->buffer + c->held, (size_t)(BUFFER_BYTES - c->held), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            ended(c, n == 0 ? "closed" : strerror(errno), n < 0);
            return;
        }
        c->held += (int)n;
        if (!take_answers(c)) ended(c, "ended by us", false);
    }
}

static void writable(struct client *c) {
    if (!c->connecting) {
        watch(c, EPOLLIN, EPOLL_CTL_MOD);
        send_some(c);
        return;
    }
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    c->connecting = false;
    if (error) {
        refused(c);
        return;
    }
    count.connections++;
    watch(c, EPOLLIN, EPOLL_CTL_MOD);
    if (c->kind == IDLE && c->number % 2) return;
    ask(c);
}

/* Steps that are due by time. */
static void tick(struct client *c, long now) {
    if (c->done) return;
    if (c->fd < 0) {
        if (now >= c->due) open_connection(c);
    } else if (c->due && now >= c->due && !c->connecting) {
        c->due = 0;
        if (c->batch) send_some(c);
        else {
            /* An end that has come already is seen before anything is asked. */
            readable(c);
            if (c->fd >= 0 && c->unanswered == 0) ask(c);
        }
    }
}

int main(int words, char **word) {
    if (words != 11) return 64;
    port = atoi(word[1]);
    pid_t server = atoi(word[2]);
    long load_ms = atol(word[3]);
    int numbers[KINDS] = {atoi(word[4]), atoi(word[6]), atoi(word[7]), atoi(word[8]), atoi(word[9])};
    depth = atoi(word[5]);
    if (depth < 1 || depth > BATCH_MAX || load_ms < RATE_MS) return 64;
    request_bytes = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", word[10]);
    batch_bytes = malloc((size_t)(request_bytes * depth));
    for (int i = 0; i < depth; i++) memcpy(batch_bytes + i * request_bytes, request, (size_t)request_bytes);
    int total = 0;
    for (int k = 0; k < KINDS; k++) total += numbers[k];
    struct client *clients = calloc((size_t)total, sizeof *clients);
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (int k = 0, i = 0; k < KINDS; k++)
        for (int j = 0; j < numbers[k]; j++, i++) {
            clients[i].kind = (enum kind)k;
            clients[i].number = i;
            clients[i].buffer = malloc(BUFFER_BYTES);
            open_connection(&clients[i]);
        }
    long began = now_ms(), ticked = began, before = -1;
    double rate = 0;
    struct epoll_event events[EVENTS];
    while (true) {
        int n = epoll_wait(poller, events, EVENTS, TICK_MS);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            if (c->fd >= 0 && c->connecting) writable(c);
            else if (c->fd >= 0 && events[i].events & EPOLLOUT) writable(c);
            if (c->fd >= 0 && !c->connecting && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
        }
        long now = now_ms();
        if (now - ticked < TICK_MS) continue;
        ticked = now;
        int left = 0;
        for (int i = 0; i < total; i++) {
            tick(&clients[i], now);
            left += !clients[i].done;
        }
        if (before < 0 && now - began >= load_ms - RATE_MS) before = count.answered;
        if (!signalled && now - began >= load_ms) {
            rate = (double)(count.answered - before) * 1000 / RATE_MS;
            kill(server, SIGTERM);
            signalled = now;
        }
        if (left == 0) break;
        if (signalled && now - signalled > END_MS) {
            printf("{\"error\": \"%d clients are still served\"}\n", left);
            return 2;
        }
    }
    printf("{\"rate\": %.0f, \"answered\": %ld, \"sent\": %ld, \"connections\": %ld, \"closed_by_word\": %ld, \"lost\": %ld, "
           "\"failed\": %ld, \"resets\": %ld, \"end_ms\": %ld, \"example\": \"%s\"}\n",
           rate, count.answered, count.sent, count.connections, count.closed_by_word, count.lost, count.failed,
           count.resets, now_ms() - signalled, count.example);
    return count.lost || count.failed || count.resets || !signalled;
}
