#define _GNU_SOURCE
#include "clock.h"

#include <time.h>

static int64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t csock_monotonic_nanoseconds(void) { return nanoseconds(CLOCK_MONOTONIC); }

int64_t csock_coarse_nanoseconds(void) { return nanoseconds(CLOCK_MONOTONIC_COARSE); }
