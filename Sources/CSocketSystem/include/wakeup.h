// How one thread wakes another that waits for descriptors.

#ifndef CSOCKET_WAKEUP_H
#define CSOCKET_WAKEUP_H

#include <stddef.h>
#include <stdint.h>

// eventfd(2), close-on-exec and non-blocking.
int csock_eventfd(void);

// pipe2(2), both ends close-on-exec and non-blocking.
int csock_pipe(int ends[2]);

// read(2) and write(2).
intptr_t csock_read(int descriptor, void *bytes, size_t count);
intptr_t csock_write(int descriptor, const void *bytes, size_t count);

#endif
