// The convention of every wrapper here: what the system call returns, or a negated errno(3).

#ifndef CSOCKET_NEGATED_ERRNO_H
#define CSOCKET_NEGATED_ERRNO_H

#include "refusal.h"

#include <errno.h>
#include <stdint.h>

// Turns the -1 of a call of the C library, which has just returned, into the negated errno.
#define or_errno(call) negated_errno((call), #call)

// Whether the system does not have a call, or a sandbox does not allow it: then another call may do.
static inline int is_refused(intptr_t result) {
    return result == -ENOSYS || result == -EPERM || result == -EACCES;
}

static inline intptr_t negated_errno(intptr_t result, const char *call) {
    if (result >= 0) return result;
    int negated = -errno;
    if (is_refused(negated)) csock_note_refusal(call);
    return negated;
}

#endif
