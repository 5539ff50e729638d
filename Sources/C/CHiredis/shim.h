#pragma once
#include <hiredis/hiredis.h>
#include <hiredis/read.h>
#include <stdlib.h>

// Elements that one array of a reply may have. hiredis itself would reserve memory for 2^31 of them on a peer's word.
#define CHIREDIS_ELEMENTS_MAX 1024

static inline void *chiredis_bounded_array(const redisReadTask *task, int elements) {
    const redisReplyObjectFunctions *own = (const redisReplyObjectFunctions *)task->privdata;
    // hiredis reports a NULL as "out of memory", which ends the reader.
    return elements > CHIREDIS_ELEMENTS_MAX ? NULL : own->createArray(task, elements);
}

// A reader that makes hiredis' usual redisReply values, but no array of more than CHIREDIS_ELEMENTS_MAX elements. NULL
// when memory is short. Free it with chiredis_reader_free.
static inline redisReader *chiredis_reader_create(void) {
    redisReader *reader = redisReaderCreate();
    redisReplyObjectFunctions *functions = (redisReplyObjectFunctions *)malloc(sizeof *functions);
    if (reader == NULL || functions == NULL) {
        if (reader != NULL) redisReaderFree(reader);
        free(functions);
        return NULL;
    }
    *functions = *reader->fn;
    functions->createArray = chiredis_bounded_array;
    reader->privdata = reader->fn;
    reader->fn = functions;
    return reader;
}

static inline void chiredis_reader_free(redisReader *reader) {
    redisReplyObjectFunctions *functions = reader->fn;
    redisReaderFree(reader);
    free(functions);
}

static inline const char *chiredis_reader_error(const redisReader *reader) { return reader->errstr; }

// Bytes that were fed and belong to no finished reply yet.
static inline size_t chiredis_reader_unread(const redisReader *reader) { return reader->len - reader->pos; }
