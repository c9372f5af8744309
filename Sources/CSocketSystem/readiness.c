#define _GNU_SOURCE
#include "readiness.h"
#include "raw_syscall.h"

#include <poll.h>

int csock_poll_now(int descriptor, int events) {
    struct pollfd watched = {.fd = descriptor, .events = (short)events};
    int count;
    do count = OR_ERRNO(poll(&watched, 1, 0));
    while (count == -EINTR);
    return count <= 0 ? count : (unsigned short)watched.revents;
}
