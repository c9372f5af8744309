#define _GNU_SOURCE
#include "descriptors.h"
#include "negated_errno.h"

#include <fcntl.h>
#include <unistd.h>

int csock_close(int descriptor) { return or_errno(close(descriptor)); }

int csock_duplicate(int descriptor) { return or_errno(fcntl(descriptor, F_DUPFD_CLOEXEC, 0)); }

int csock_close_on_exec(int descriptor) { return or_errno(fcntl(descriptor, F_SETFD, FD_CLOEXEC)); }

int csock_set_nonblocking_cloexec(int descriptor) {
    int status = or_errno(fcntl(descriptor, F_GETFL));
    if (status < 0) return status;
    if (!(status & O_NONBLOCK)) {
        status = or_errno(fcntl(descriptor, F_SETFL, status | O_NONBLOCK));
        if (status < 0) return status;
    }
    return csock_close_on_exec(descriptor);
}

int csock_is_open(int descriptor) { return fcntl(descriptor, F_GETFD) >= 0; }
