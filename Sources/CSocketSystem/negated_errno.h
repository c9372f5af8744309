// The convention of every wrapper here: what the system call returns, or a negated errno(3).

#ifndef CSOCKET_NEGATED_ERRNO_H
#define CSOCKET_NEGATED_ERRNO_H

#include <errno.h>
#include <stdint.h>

// Turns the -1 of a call of the C library, which has just returned, into the negated errno.
static inline intptr_t or_errno(intptr_t result) { return result < 0 ? -errno : result; }

#endif
