#pragma once
#include <stdint.h>

/// A number of the calling thread that never changes: 0 for the first thread that asks, 1 for the next. Threads come and
/// go, so numbers only say who should not share a cache line; they are no identity.
uint32_t cthread_number(void);
