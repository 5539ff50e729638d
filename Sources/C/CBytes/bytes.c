#include "cbytes.h"

static inline uint8_t is_control(uint8_t byte) { return (uint8_t)(byte < 0x20) | (uint8_t)(byte == 0x7F); }

// Without a way out in the middle, so that the compiler makes vector instructions of it.
static inline bool has_control(const uint8_t *bytes, size_t count) {
    uint8_t found = 0;
    for (size_t index = 0; index < count; index++) found |= is_control(bytes[index]);
    return found != 0;
}

size_t cbytes_first_control(const uint8_t *bytes, size_t count) {
    size_t index = 0;
    // Only a token is long enough for the larger blocks.
    while (count - index >= 64 && !has_control(bytes + index, 64)) index += 64;
    while (count - index >= 16 && !has_control(bytes + index, 16)) index += 16;
    while (index < count && !is_control(bytes[index])) index++;
    return index;
}

bool cbytes_equal(const uint8_t *left, const uint8_t *right, size_t count) {
    uint8_t different = 0;
    for (size_t index = 0; index < count; index++) different |= left[index] ^ right[index];
    return different == 0;
}
