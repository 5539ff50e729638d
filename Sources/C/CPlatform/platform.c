#define _GNU_SOURCE
#include "cplatform.h"
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

static _Thread_local void *slot = NULL;

uint64_t cplatform_thread_id(void) { return (uint64_t)pthread_self(); }

void *cplatform_thread_slot(void) { return slot; }

void cplatform_set_thread_slot(void *pointer) { slot = pointer; }

int cplatform_usable_cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

int cplatform_accept(int listening) { return accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }
