#include "Load.h"

#include <time.h>

uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// Below 64 a bucket is one nanosecond. Above, the highest set bit picks the row and the six bits
// below it the bucket in the row.

static unsigned bucket_of(uint64_t value) {
    if (value < 64) return (unsigned)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - 6u;
    return (shift + 1) * 64 + (unsigned)((value >> shift) & 63);
}

static uint64_t middle_of(unsigned bucket) {
    if (bucket < 64) return bucket;
    unsigned shift = bucket / 64 - 1;
    return ((uint64_t)(bucket % 64 + 64) << shift) + ((uint64_t)1 << shift) / 2;
}

void histogram_add(struct histogram *histogram, uint64_t nanoseconds) {
    histogram->buckets[bucket_of(nanoseconds)]++;
    histogram->count++;
    histogram->sum += (double)nanoseconds;
    if (nanoseconds > histogram->maximum) histogram->maximum = nanoseconds;
}

uint64_t histogram_quantile(const struct histogram *histogram, double part) {
    uint64_t wanted = (uint64_t)(part * (double)histogram->count), seen = 0;
    for (unsigned i = 0; i < 64 * 64; i++) {
        seen += histogram->buckets[i];
        if (seen > wanted) return middle_of(i);
    }
    return histogram->maximum;
}
