#define _GNU_SOURCE
#include "waiting.h"
#include "negated_errno.h"
#include "new_descriptor.h"

#include <sys/select.h>
#include <sys/stat.h>
#include <time.h>

int csock_epoll_create(void) { return new_descriptor(or_errno(epoll_create1(EPOLL_CLOEXEC))); }

int csock_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t key) {
    struct epoll_event event = {.events = events, .data = {.u64 = key}};
    return or_errno(epoll_ctl(epoll, operation, descriptor, &event));
}

int csock_epoll_wait(int epoll, struct epoll_event *events, int capacity, int milliseconds) {
    int count = or_errno(epoll_wait(epoll, events, capacity, milliseconds));
    if (is_refused(count)) count = or_errno(epoll_pwait(epoll, events, capacity, milliseconds, NULL));
    return count;
}

static struct timespec timespec_of(int milliseconds) {
    return (struct timespec){
        .tv_sec = milliseconds / 1000,
        .tv_nsec = (long)(milliseconds % 1000) * 1000000,
    };
}

int csock_poll(struct pollfd *entries, size_t count, int milliseconds) {
    int ready = or_errno(poll(entries, count, milliseconds));
    if (!is_refused(ready)) return ready;
    struct timespec time = timespec_of(milliseconds);
    return or_errno(ppoll(entries, count, milliseconds < 0 ? NULL : &time, NULL));
}

int csock_poll_now(int descriptor, int events) {
    struct pollfd watched = {.fd = descriptor, .events = (short)events};
    int count;
    do count = csock_poll(&watched, 1, 0);
    while (count == -EINTR);
    return count <= 0 ? count : (unsigned short)watched.revents;
}

_Static_assert(sizeof(fd_set) == FD_SETSIZE / 8, "an fd_set is its bits");

int csock_select(int count,
                 unsigned long *readable,
                 unsigned long *writable,
                 unsigned long *urgent,
                 int milliseconds) {
    struct timespec time = timespec_of(milliseconds);
    return or_errno(pselect(count,
                            (fd_set *)readable,
                            (fd_set *)writable,
                            (fd_set *)urgent,
                            milliseconds < 0 ? NULL : &time,
                            NULL));
}

int csock_check_watchable(int descriptor) {
    struct stat status;
    int result = or_errno(fstat(descriptor, &status));
    if (result < 0) return result;
    mode_t mode = status.st_mode;
    return S_ISREG(mode) || S_ISDIR(mode) || S_ISBLK(mode) ? -EPERM : 0;
}
