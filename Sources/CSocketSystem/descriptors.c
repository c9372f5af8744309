#define _GNU_SOURCE
#include "descriptors.h"
#include "negated_errno.h"
#include "new_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

int csock_close(int descriptor) { return or_errno(close(descriptor)); }

int csock_duplicate(int descriptor) { return or_errno(fcntl(descriptor, F_DUPFD_CLOEXEC, 3)); }

int csock_move_up(int descriptor, int least) {
    if (descriptor >= least) return descriptor;
    int higher = or_errno(fcntl(descriptor, F_DUPFD_CLOEXEC, least));
    close(descriptor);
    return higher;
}

int csock_new_pair(int result, int ends[2], int least) {
    if (result < 0) return result;
    ends[0] = csock_move_up(ends[0], least);
    ends[1] = csock_move_up(ends[1], least);
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0) continue;
        if (ends[1 - i] >= 0) close(ends[1 - i]);
        return ends[i];
    }
    return result;
}

void csock_fill_standard_descriptors(void) {
    for (int i = 0; i < 3; i++)
        // The lowest free number is given out first.
        if (fcntl(i, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return;
}

// Before main, because others open descriptors, too: the C library, and the runtime's executors.
__attribute__((constructor)) static void fill_before_main(void) {
    csock_fill_standard_descriptors();
}

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
