#define _GNU_SOURCE
#include "wakeup.h"
#include "negated_errno.h"
#include "new_descriptor.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

int csock_eventfd(void) { return new_descriptor(or_errno(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))); }

int csock_pipe(int ends[2]) {
    return csock_new_pair(or_errno(pipe2(ends, O_CLOEXEC | O_NONBLOCK)), ends, 3);
}

intptr_t csock_read(int descriptor, void *bytes, size_t count) {
    return or_errno(read(descriptor, bytes, count));
}

intptr_t csock_write(int descriptor, const void *bytes, size_t count) {
    return or_errno(write(descriptor, bytes, count));
}
