#include "latencies.h"

// Latencies in 128 steps for each power of two of nanoseconds: an error below one percent.
enum { STEPS = 128, POWERS = 40 };
static uint64_t histogram[POWERS * STEPS], slowest, recorded;

void record_latency(uint64_t nanoseconds) {
    recorded++;
    if (nanoseconds > slowest) slowest = nanoseconds;
    if (nanoseconds < STEPS) nanoseconds = STEPS;
    int power = 63 - __builtin_clzll(nanoseconds) - 7;
    if (power >= POWERS) power = POWERS - 1;
    histogram[power * STEPS + (int)(nanoseconds >> power & (STEPS - 1))]++;
}

double latency_percentile(double share) {
    uint64_t wanted = (uint64_t)((double)recorded * share), seen = 0;
    for (int index = 0; index < POWERS * STEPS; index++) {
        seen += histogram[index];
        if (seen > wanted) return (double)((uint64_t)(STEPS + index % STEPS) << (index / STEPS)) / 1e6;
    }
    return (double)slowest / 1e6;
}

double slowest_latency(void) { return (double)slowest / 1e6; }
