#pragma once
#include <stdint.h>

/// A number that is the same for every call on one thread and differs between live threads.
/// It is a call into another translation unit on purpose: glibc declares pthread_self() `const`, so a compiler may
/// keep its value across a suspension point, after which the code may run on another thread.
uint64_t cplatform_thread_id(void);

/// The pointer last given to cplatform_set_thread_slot() on this thread, or NULL.
void *cplatform_thread_slot(void);

/// Remembers one pointer for this thread.
void cplatform_set_thread_slot(void *pointer);

/// Cores this process may run on by its CPU affinity, at least 1.
int cplatform_usable_cores(void);

/// accept4(2) with SOCK_NONBLOCK and SOCK_CLOEXEC: glibc shows it to GNU sources only, which Swift's import is not.
/// A descriptor, or -1 with errno set.
int cplatform_accept(int listening);
