// The clock that deadlines are told by.

#ifndef CSOCKET_CLOCK_H
#define CSOCKET_CLOCK_H

#include <stdint.h>

// The monotonic clock in nanoseconds, clock_gettime(2) with CLOCK_MONOTONIC.
int64_t csock_monotonic_nanoseconds(void);

// The same as of the kernel's last tick, some milliseconds ago, for a quarter of the price:
// CLOCK_MONOTONIC_COARSE.
int64_t csock_coarse_nanoseconds(void);

#endif
