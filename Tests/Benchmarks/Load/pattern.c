// Every stream carries the same pseudo-random bytes, each from its own place on: what is sent needs
// no copy, and what comes back is compared with one memcmp.

#include "Load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char pattern[PATTERN_PERIOD + PATTERN_SPAN];

void pattern_prepare(void) {
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < PATTERN_PERIOD; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        pattern[i] = (unsigned char)(state >> 32);
    }
    for (size_t i = PATTERN_PERIOD; i < sizeof pattern; i++) pattern[i] = pattern[i - PATTERN_PERIOD];
}

const unsigned char *pattern_at(uint32_t stream, uint64_t position) {
    return pattern + (stream * 7919ull + position) % PATTERN_PERIOD;
}

void pattern_verify(const unsigned char *bytes, size_t count, uint32_t stream, uint64_t position) {
    if (memcmp(bytes, pattern_at(stream, position), count) == 0) return;
    fprintf(stderr, "connection %u: the echo differs within %zu bytes from byte %llu on\n", stream,
            count, (unsigned long long)position);
    exit(1);
}
