// The tokens that are sent, from a file that stays mapped.
#ifndef TOKENS_H
#define TOKENS_H
#include <stddef.h>
#include <stdint.h>

extern const char **tokens;
extern uint32_t *token_lengths;
extern size_t token_count;

/// One a line; `-` gives one empty token, for requests without. Ends the program when there are none.
void read_tokens(const char *path);

#endif
