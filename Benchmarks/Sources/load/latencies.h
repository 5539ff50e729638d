// How long answers took. One thread; milliseconds out.
#ifndef LATENCIES_H
#define LATENCIES_H
#include <stdint.h>

void record_latency(uint64_t nanoseconds);

/// The latency that all but `1 - share` of the answers stayed within, less than one percent too low.
double latency_percentile(double share);

double slowest_latency(void);

#endif
