#include "cthread.h"
#include <pthread.h>
#include <stddef.h>

static _Thread_local void *slot = NULL;

uint64_t cthread_current_id(void) { return (uint64_t)pthread_self(); }

void *cthread_slot(void) { return slot; }

void cthread_set_slot(void *pointer) { slot = pointer; }
