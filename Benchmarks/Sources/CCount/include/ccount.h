#pragma once
/// Counts instructions from here on, from zero. Does nothing outside callgrind.
void count_begin(void);
/// Writes what was counted since `count_begin` under a name, and stops.
void count_end(const char *name);
