// What every call that makes a descriptor returns through.
//
// If a program runs without standard input, output or error, the kernel gives 0, 1 or 2 to the next
// descriptor that is made, and what the program prints then goes into a socket. What is closed when
// the program begins is filled with /dev/null. A program may close one of them later, so none of
// these numbers is used: a descriptor that has one is moved. That costs others a comparison.

#ifndef CSOCKET_NEW_DESCRIPTOR_H
#define CSOCKET_NEW_DESCRIPTOR_H

#include "descriptors.h"

static inline int new_descriptor(int result) {
    return result < 0 || result > 2 ? result : csock_move_up(result, 3);
}

// The same for the two of a pair, both moved to `least` or above; if one cannot be, both are
// closed.
int csock_new_pair(int result, int ends[2], int least);

#endif
