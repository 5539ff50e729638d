#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The index of the first byte below 0x20 or equal to 0x7F (RFC 5234: CTL), or `count`.
size_t cbytes_first_control(const uint8_t *bytes, size_t count);

/// Whether both hold the same `count` bytes. How long it takes depends on `count` alone.
bool cbytes_equal(const uint8_t *left, const uint8_t *right, size_t count);
