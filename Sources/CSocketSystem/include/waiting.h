// Waiting for descriptors: epoll(7), poll(2) and select(2). The waits return how many are ready, 0
// after the time, or a negated errno; -1 milliseconds are for ever.

#ifndef CSOCKET_WAITING_H
#define CSOCKET_WAITING_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

// epoll_create1(2), close-on-exec.
int csock_epoll_create(void);

// epoll_ctl(2).
int csock_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t key);

// epoll_wait(2), or epoll_pwait(2) where that is refused.
int csock_epoll_wait(int epoll, struct epoll_event *events, int capacity, int milliseconds);

// poll(2), or ppoll(2) where that is refused.
int csock_poll(struct pollfd *entries, size_t count, int milliseconds);

// poll(2) of one descriptor without waiting: the events that it shows now, 0 for none, or a negated
// errno.
int csock_poll_now(int descriptor, int events);

// select(2). The sets are arrays of FD_SETSIZE bits, and `count` is at most FD_SETSIZE: the caller
// keeps to that, FD_SET would not.
int csock_select(int count,
                 unsigned long *readable,
                 unsigned long *writable,
                 unsigned long *urgent,
                 int milliseconds);

// fstat(2): 0 for a descriptor that can be waited for, as epoll_ctl(2) sees it; negated EPERM for
// files and directories, negated EBADF for none.
int csock_check_watchable(int descriptor);

#endif
