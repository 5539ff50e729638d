// A load generator for one path and many access tokens: closed loop (each connection asks again when it was answered) or
// open loop (requests are due at a fixed rate whether or not earlier ones were answered, and their latency counts from when
// they were due). One thread; prints one JSON object.
//
// Usage: load [OPTIONS] PORT[,PORT…] TOKENS
//   TOKENS            a file of tokens, one a line; - sends none
//   --path PATH       what is asked for (/api/services)
//   --post JSON       sends POST with this body instead of GET
//   --field LINE      sends this field too; may be given several times
//   --connections N   (64) dealt over the ports in turn
//   --seconds S       how long (3)
//   --from N          the token to begin with (0)
//   --once            sends each token once and ends when there are no more
//   --requests N      ends after so many
//   --rate N          open loop: requests a second; all that were due in the time are sent, be it up to ten seconds late
//   --overload        open loop against a server that refuses some: 503 is counted and is no failure, latencies are those of
//                     the answers with 200, nothing is sent late, and the run ends at its time whatever is under way
//   --abandon N       every Nth request is reset by its client within 50 ms (with --overload)
//
// Anything but 200 is counted, and makes the exit status 1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "latencies.h"
#include "tokens.h"

enum { HEAD_MAX = 16384, BODY_READ = 1 << 18, CONNECTIONS_MAX = 8192, PORTS_MAX = 16, FIELDS_MAX = 8192 };

struct connection {
    int descriptor;
    int port;
    uint64_t began;  // when the request was sent, or was due
    size_t have;     // bytes of the head so far
    uint64_t left;   // bytes of the body still to come
    uint64_t gives_up;  // when its client resets it; 0: never
    int status;
    char head[HEAD_MAX];
};

static size_t next_token;
static int once;

// MARK: What is counted

static uint64_t requests, failures, received, failed_status, refused, abandoned;
static int overload;

// MARK: One connection

static char before[FIELDS_MAX + 512], without[FIELDS_MAX + 1024], after[512];
static size_t before_length, without_length, after_length;
static int ports[PORTS_MAX], port_count, poller;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void open_connection(struct connection *it) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)it->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    it->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (it->descriptor < 0 || connect(it->descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        fprintf(stderr, "load: cannot connect to port %d: %s\n", it->port, strerror(errno));
        exit(2);
    }
    int yes = 1;
    setsockopt(it->descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(it->descriptor, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = it};
    epoll_ctl(poller, EPOLL_CTL_ADD, it->descriptor, &event);
    it->have = 0;
    it->left = 0;
}

/// Sends the next request; 0 when there is none left.
static int ask(struct connection *it, uint64_t began) {
    if (next_token == token_count) {
        if (once) return 0;
        next_token = 0;
    }
    size_t token = next_token++, length;
    ssize_t sent;
    if (token_lengths[token] == 0) {
        length = without_length;
        sent = write(it->descriptor, without, length);
    } else {
        struct iovec parts[] = {
            {before, before_length}, {(void *)tokens[token], token_lengths[token]}, {after, after_length}};
        length = before_length + token_lengths[token] + after_length;
        sent = writev(it->descriptor, parts, 3);
    }
    if (sent != (ssize_t)length) {
        fprintf(stderr, "load: a request could not be sent whole: %s\n", strerror(errno));
        exit(2);
    }
    it->began = began;
    it->have = 0;
    it->left = 0;
    return 1;
}

static uint64_t content_length(const char *line, const char *end) {
    while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        line++;
        if ((*line | 0x20) == 'c' && strncasecmp(line, "content-length:", 15) == 0) return strtoull(line + 15, NULL, 10);
    }
    fprintf(stderr, "load: an answer without Content-Length\n");
    exit(2);
}

/// Reads what has come; 1 when the answer is whole, -1 when the server has closed.
static int read_answer(struct connection *it) {
    static char body[BODY_READ];
    for (;;) {
        int is_body = it->left > 0;
        char *into = is_body ? body : it->head + it->have;
        size_t room = is_body ? sizeof body : HEAD_MAX - it->have;
        ssize_t got = read(it->descriptor, into, room);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
        if (got <= 0) return -1;
        received += (uint64_t)got;
        if (is_body) {
            it->left -= (uint64_t)got < it->left ? (uint64_t)got : it->left;
        } else {
            it->have += (size_t)got;
            char *end = memmem(it->head, it->have, "\r\n\r\n", 4);
            if (end == NULL) {
                if (it->have == HEAD_MAX) return -1;
                continue;
            }
            it->status = atoi(it->head + 9);
            if (overload && it->status == 503) {
                refused++;
            } else if (it->status != 200) {
                failures++;
                failed_status = strtoull(it->head + 9, NULL, 10);
            }
            uint64_t whole = (uint64_t)(end + 4 - it->head) + content_length(it->head, end);
            it->left = whole > it->have ? whole - it->have : 0;
        }
        if (it->left == 0) return 1;
    }
}

// MARK: Clients that give up

/// The kernel sends a reset in place of the end, as for a client that was killed.
static void reset(struct connection *it) {
    struct linger now = {1, 0};
    setsockopt(it->descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(it->descriptor);
}

/// Resets those whose time has come; returns how many. They are idle again, on new connections.
static int give_up(struct connection *all, int connections, uint64_t time, struct connection **idle, int *idle_count) {
    int count = 0;
    for (int index = 0; index < connections; index++) {
        struct connection *it = &all[index];
        if (it->gives_up == 0 || it->gives_up > time) continue;
        it->gives_up = 0;
        reset(it);
        open_connection(it);
        idle[(*idle_count)++] = it;
        count++;
    }
    abandoned += (uint64_t)count;
    return count;
}

// MARK: The run

static struct connection *idle[CONNECTIONS_MAX];
static int idle_count;
static const uint64_t GRACE = 10000000000u;

/// When the request of that number is due in an open loop; in a closed one none is.
static uint64_t due_at(uint64_t began, uint64_t number, double rate) {
    return rate > 0 ? began + (uint64_t)((double)number * 1e9 / rate) : 0;
}
static size_t add_field(char *fields, size_t length, const char *line) {
    int added = snprintf(fields + length, FIELDS_MAX - length, "%s\r\n", line);
    if (added < 0 || (size_t)added >= FIELDS_MAX - length) {
        fprintf(stderr, "load: the fields are too long\n");
        exit(2);
    }
    return length + (size_t)added;
}

int main(int argc, char **argv) {
    const char *path = "/api/services", *post = NULL;
    int connections = 64;
    double seconds = 3, rate = 0;
    uint64_t requests_max = UINT64_MAX, abandon = 0, looked = 0;
    char fields[FIELDS_MAX] = "";
    size_t fields_length = 0;
    static const struct option options[] = {{"path", 1, 0, 'p'}, {"connections", 1, 0, 'c'}, {"seconds", 1, 0, 's'},
                                            {"from", 1, 0, 'f'}, {"once", 0, 0, 'o'},        {"requests", 1, 0, 'n'},
                                            {"post", 1, 0, 'b'},        {"field", 1, 0, 'h'}, {"rate", 1, 0, 'r'},        {"overload", 0, 0, 'v'}, {"abandon", 1, 0, 'a'},
                                            {0, 0, 0, 0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
            case 'p': path = optarg; break;
            case 'b': post = optarg; break;
            case 'h': fields_length = add_field(fields, fields_length, optarg); break;
            case 'c': connections = atoi(optarg); break;
            case 's': seconds = atof(optarg); break;
            case 'f': next_token = strtoull(optarg, NULL, 10); break;
            case 'o': once = 1; break;
            case 'n': requests_max = strtoull(optarg, NULL, 10); break;
            case 'r': rate = atof(optarg); break;
            case 'v': overload = 1; break;
            case 'a': abandon = strtoull(optarg, NULL, 10); break;
            default: return 2;
        }
    }
    if (argc - optind != 2 || connections < 1 || connections > CONNECTIONS_MAX || seconds <= 0) {
        fprintf(stderr, "usage: load [OPTIONS] PORT[,PORT...] TOKENS\n");
        return 2;
    }
    for (char *port = strtok(argv[optind], ","); port != NULL && port_count < PORTS_MAX; port = strtok(NULL, ","))
        ports[port_count++] = atoi(port);
    read_tokens(argv[optind + 1]);
    if (next_token >= token_count) {
        fprintf(stderr, "load: there is no token number %zu\n", next_token);
        return 2;
    }
    if (post != NULL) {
        char length[64];
        snprintf(length, sizeof length, "Content-Length: %zu", strlen(post));
        fields_length = add_field(fields, fields_length, "Content-Type: application/json");
        fields_length = add_field(fields, fields_length, length);
    }
    const char *method = post == NULL ? "GET" : "POST";
    before_length = (size_t)snprintf(before, sizeof before, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%sAuthorization: Bearer ",
                                     method, path, fields);
    after_length = (size_t)snprintf(after, sizeof after, "\r\n\r\n%s", post == NULL ? "" : post);
    without_length = (size_t)snprintf(without, sizeof without, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n%s", method, path,
                                      fields, post == NULL ? "" : post);
    if (before_length >= sizeof before || after_length >= sizeof after || without_length >= sizeof without) {
        fprintf(stderr, "load: the path or the body is too long\n");
        return 2;
    }

    poller = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc((size_t)connections, sizeof *all);
    for (int index = 0; index < connections; index++) {
        all[index].port = ports[index % port_count];
        open_connection(&all[index]);
        idle[idle_count++] = &all[index];
    }
    uint64_t began = now(), end = began + (uint64_t)(seconds * 1e9), last = began, asked = 0;
    uint64_t closed = 0, late = 0, unsent = 0;
    int busy = 0, more = 1;
    struct epoll_event events[256];
    for (;;) {
        uint64_t time = now();
        if (overload && time >= end) break;
        if (abandon > 0 && time - looked > 2000000u) {
            busy -= give_up(all, connections, time, idle, &idle_count);
            looked = time;
        }
        // What could not be sent in its second is not sent at all: the clients of an overload do not wait for each other.
        while (overload && due_at(began, asked + unsent, rate) + 1000000000u < time) unsent++;
        if (time >= end + (rate > 0 ? GRACE : 0) || due_at(began, asked + unsent, rate) >= end || asked >= requests_max) more = 0;
        // Closed loop: whoever is idle asks. Open loop: whoever is idle serves what is due.
        while (more && idle_count > 0 && asked < requests_max) {
            uint64_t due = rate > 0 ? due_at(began, asked + unsent, rate) : time;
            if (due > time || due >= end) break;
            if (!ask(idle[idle_count - 1], due)) {
                more = 0;
                break;
            }
            if (abandon > 0 && asked % abandon == 0)
                idle[idle_count - 1]->gives_up = time + (uint64_t)(random() % 50000000);
            idle_count--, busy++, asked++;
        }
        if (busy == 0 && !more) break;
        struct timespec wait = {20, 0}, *timeout = &wait;
        if (rate > 0 && more) {
            uint64_t due = due_at(began, asked + unsent, rate);
            uint64_t pause = idle_count > 0 && due > time ? due - time : idle_count > 0 ? 0 : 5000000000u;
            wait.tv_sec = (time_t)(pause / 1000000000u), wait.tv_nsec = (long)(pause % 1000000000u);
        }
        if (abandon > 0 && (timeout->tv_sec > 0 || timeout->tv_nsec > 2000000)) wait.tv_sec = 0, wait.tv_nsec = 2000000;
        int ready = epoll_pwait2(poller, events, 256, timeout, NULL);
        if (ready == 0 && !overload && (rate <= 0 || !more)) {
            fprintf(stderr, "load: no answer for twenty seconds\n");
            return 2;
        }
        for (int index = 0; index < ready; index++) {
            struct connection *it = events[index].data.ptr;
            int state = read_answer(it);
            if (state == 0) continue;
            last = now();
            it->gives_up = 0;
            if (state < 0) {  // Some servers close after so many requests; the next connection asks on.
                close(it->descriptor);
                closed++;
                int was_idle = 0;
                for (int other = 0; other < idle_count; other++) was_idle |= idle[other] == it;
                open_connection(it);
                if (was_idle) continue;
                failures++;
            } else {
                requests++;
                if (!overload || it->status == 200) record_latency(last - it->began);
                if (rate > 0 && last - it->began > 1000000000u) late++;
            }
            busy--;
            if (rate <= 0 && more && last < end && asked < requests_max && ask(it, last)) {
                busy++, asked++;
            } else {
                idle[idle_count++] = it;
            }
        }
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double spent = (double)(last - began) / 1e9;
    double processor = (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec / 1e6
                       + (double)used.ru_stime.tv_sec + (double)used.ru_stime.tv_usec / 1e6;
    printf("{\"refused\": %llu, \"abandoned\": %llu, \"unsent\": %llu, \"unanswered\": %d, \"requests\": %llu, \"failures\": %llu, \"failed_status\": %llu, \"closed\": %llu, \"late\": %llu,"
           " \"seconds\": %.6f, \"rate\": %.1f, \"bytes\": %llu, \"p50\": %.4f, \"p99\": %.4f, \"p999\": %.4f,"
           " \"max\": %.4f, \"processor\": %.3f, \"next\": %zu}\n",
           (unsigned long long)refused, (unsigned long long)abandoned, (unsigned long long)unsent, busy,
           (unsigned long long)requests, (unsigned long long)failures, (unsigned long long)failed_status,
           (unsigned long long)closed, (unsigned long long)late, spent, spent > 0 ? (double)requests / spent : 0,
           (unsigned long long)received, latency_percentile(0.5), latency_percentile(0.99), latency_percentile(0.999), slowest_latency(),
           processor, next_token);
    return failures > 0;
}
