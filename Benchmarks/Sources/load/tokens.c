#include "tokens.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char **tokens;
uint32_t *token_lengths;
size_t token_count;

void read_tokens(const char *path) {
    static const char none = 0;
    if (strcmp(path, "-") == 0) {
        tokens = malloc(sizeof *tokens);
        token_lengths = malloc(sizeof *token_lengths);
        tokens[0] = &none, token_lengths[0] = 0, token_count = 1;
        return;
    }
    int file = open(path, O_RDONLY);
    struct stat facts;
    if (file < 0 || fstat(file, &facts) != 0 || facts.st_size == 0) {
        fprintf(stderr, "load: no tokens in %s\n", path);
        exit(2);
    }
    size_t size = (size_t)facts.st_size;
    const char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    close(file);
    size_t room = 1024;
    tokens = malloc(room * sizeof *tokens);
    token_lengths = malloc(room * sizeof *token_lengths);
    for (const char *line = bytes, *end = bytes + size; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (stop == NULL) stop = end;
        if (token_count == room) {
            room *= 2;
            tokens = realloc(tokens, room * sizeof *tokens);
            token_lengths = realloc(token_lengths, room * sizeof *token_lengths);
        }
        tokens[token_count] = line;
        token_lengths[token_count++] = (uint32_t)(stop - line);
        line = stop + 1;
    }
}
