#pragma once
#include <stdint.h>

/// A number that is the same for every call on one thread and differs between live threads.
/// It is a call into another translation unit on purpose: glibc declares pthread_self() `const`, so a compiler may
/// keep its value across a suspension point, after which the code may run on another thread.
uint64_t cthread_current_id(void);

/// The pointer last given to cthread_set_slot() on this thread, or NULL.
void *cthread_slot(void);

/// Remembers one pointer for this thread.
void cthread_set_slot(void *pointer);
