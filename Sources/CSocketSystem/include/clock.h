// The clock that deadlines are told by.

#ifndef CSOCKET_CLOCK_H
#define CSOCKET_CLOCK_H

#include <stdint.h>

// The monotonic clock in nanoseconds, clock_gettime(2) with CLOCK_MONOTONIC.
int64_t csock_monotonic_nanoseconds(void);

#endif
