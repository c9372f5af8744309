// poll(2) and select(2). Both return a count or a negated errno.

#ifndef CSOCKET_WAITING_H
#define CSOCKET_WAITING_H

#include <poll.h>
#include <stddef.h>

int csock_poll(struct pollfd *entries, size_t count, int milliseconds);

// The sets are arrays of FD_SETSIZE bits, and `count` is at most FD_SETSIZE: the caller keeps to
// that, FD_SET would not.
int csock_select(int count,
                 unsigned long *readable,
                 unsigned long *writable,
                 unsigned long *urgent,
                 int milliseconds);

// Whether a number is an open descriptor, fcntl(2).
int csock_is_open(int descriptor);

// 0 for a descriptor that can be waited for, as epoll_ctl(2) sees it: negated EPERM for files and
// directories, negated EBADF for none.
int csock_check_watchable(int descriptor);

#endif
