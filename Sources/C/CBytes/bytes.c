#include "cbytes.h"
#include <string.h>

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

size_t cbytes_first(const uint8_t *bytes, size_t count, uint8_t wanted) {
    const uint8_t *found = memchr(bytes, wanted, count);
    return found ? (size_t)(found - bytes) : count;
}

size_t cbytes_first_in_json_text(const uint8_t *bytes, size_t count) {
    size_t index = 0;
    while (index < count && bytes[index] >= 0x20 && bytes[index] != '"' && bytes[index] != '\\') index++;
    return index;
}

bool cbytes_decode_base64(const uint8_t *text, size_t count, const uint8_t values[256], uint8_t *bytes) {
    uint32_t all = 0;
    for (; count >= 4; count -= 4, text += 4, bytes += 3) {
        uint32_t first = values[text[0]], second = values[text[1]], third = values[text[2]], fourth = values[text[3]];
        // A value beyond 63 shows in the bits above, whichever it is.
        all |= first | second | third | fourth;
        uint32_t group = first << 18 | second << 12 | third << 6 | fourth;
        bytes[0] = (uint8_t)(group >> 16);
        bytes[1] = (uint8_t)(group >> 8);
        bytes[2] = (uint8_t)group;
    }
    return all < 64;
}

bool cbytes_equal(const uint8_t *left, const uint8_t *right, size_t count) {
    uint8_t different = 0;
    for (size_t index = 0; index < count; index++) different |= left[index] ^ right[index];
    return different == 0;
}
