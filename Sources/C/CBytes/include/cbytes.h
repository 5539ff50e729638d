#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The index of the first byte below 0x20 or equal to 0x7F (RFC 5234: CTL), or `count`.
size_t cbytes_first_control(const uint8_t *bytes, size_t count);

/// The index of the first byte that equals `wanted`, or `count`.
size_t cbytes_first(const uint8_t *bytes, size_t count, uint8_t wanted);

/// The index of the first quotation mark, backslash or byte below 0x20, or `count`: what may not stand in the text of a
/// JSON string (RFC 8259 section 7).
size_t cbytes_first_in_json_text(const uint8_t *bytes, size_t count);

/// Decodes groups of four characters into three bytes each, where `values` holds the value of each character and more than
/// 63 for what is none. What stands behind the last whole group is not read. False when there was a character that is
/// none.
bool cbytes_decode_base64(const uint8_t *text, size_t count, const uint8_t values[256], uint8_t *bytes);

/// Whether both hold the same `count` bytes. How long it takes depends on `count` alone.
bool cbytes_equal(const uint8_t *left, const uint8_t *right, size_t count);
