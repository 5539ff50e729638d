#include "cthreadnumber.h"
#include <stdatomic.h>

static _Atomic uint32_t last = 0;
static _Thread_local uint32_t number = 0;

uint32_t cthread_number(void) {
    if (number == 0) number = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    return number - 1;
}
