// Defined in the program itself, these come before the C library's functions of the same name, for the
// library under test, too, which is linked into it.
#define _GNU_SOURCE
#include "stress.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

static atomic_uint_fast64_t state;
static atomic_long rate, faults;
static atomic_bool edge;

void stress_fail_calls(uint64_t seed, long new_rate, bool is_edge) {
    atomic_store(&state, seed);
    atomic_store(&edge, is_edge);
    atomic_store(&rate, new_rate);
}

long stress_fault_count(void) { return atomic_load(&faults); }

// Set by the linker.
extern char __executable_start, etext;

// splitmix64, whose state several threads may advance at once.
static uint64_t next(void) {
    uint64_t mixed = atomic_fetch_add(&state, 0x9e3779b97f4a7c15) + 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

// Whether a call from there fails now. The runtime and the C library make calls of their own, which
// are none of ours.
static bool fails(const void *caller) {
    long one_in = atomic_load_explicit(&rate, memory_order_relaxed);
    if (!one_in || (char *)caller < &__executable_start || (char *)caller > &etext) return false;
    if (next() % (uint64_t)one_in) return false;
    atomic_fetch_add_explicit(&faults, 1, memory_order_relaxed);
    return true;
}

#define FAILS() fails(__builtin_return_address(0))

// Sets errno to one of some errors.
#define FAIL(...)                                                      \
    do {                                                               \
        static const int errors[] = {__VA_ARGS__};                     \
        errno = errors[next() % (sizeof errors / sizeof *errors)];     \
        return -1;                                                     \
    } while (0)

// A way to have less than all without an error, where the poller will tell of the rest.
#define MAY_PRETEND() (!atomic_load_explicit(&edge, memory_order_relaxed) && next() % 2)

#define REAL(name) real_##name
#define FIND(name) real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static __typeof__(&recv) REAL(recv);
static __typeof__(&send) REAL(send);
static __typeof__(&sendto) REAL(sendto);
static __typeof__(&recvmsg) REAL(recvmsg);
static __typeof__(&sendmsg) REAL(sendmsg);
static __typeof__(&recvmmsg) REAL(recvmmsg);
static __typeof__(&sendmmsg) REAL(sendmmsg);
static __typeof__(&accept4) REAL(accept4);
static __typeof__(&connect) REAL(connect);
static __typeof__(&bind) REAL(bind);
static __typeof__(&listen) REAL(listen);
static __typeof__(&shutdown) REAL(shutdown);
static __typeof__(&socket) REAL(socket);
static __typeof__(&socketpair) REAL(socketpair);
static __typeof__(&getsockname) REAL(getsockname);
static __typeof__(&epoll_ctl) REAL(epoll_ctl);
static __typeof__(&epoll_wait) REAL(epoll_wait);
static __typeof__(&poll) REAL(poll);
static __typeof__(&pselect) REAL(pselect);
static __typeof__(&read) REAL(read);
static __typeof__(&write) REAL(write);
static __typeof__(&close) REAL(close);

__attribute__((constructor)) static void find(void) {
    FIND(recv), FIND(send), FIND(sendto), FIND(recvmsg), FIND(sendmsg), FIND(recvmmsg);
    FIND(sendmmsg), FIND(accept4), FIND(connect), FIND(bind), FIND(listen), FIND(shutdown);
    FIND(socket), FIND(socketpair), FIND(getsockname), FIND(epoll_ctl), FIND(epoll_wait);
    FIND(poll), FIND(pselect), FIND(read), FIND(write), FIND(close);
}

// Streams

// Only there a call may do less than it could.
static bool is_stream(int descriptor) {
    int type = 0;
    socklen_t length = sizeof type;
    return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

ssize_t recv(int descriptor, void *bytes, size_t count, int flags) {
    if (FAILS()) {
        if (!MAY_PRETEND()) FAIL(EINTR, EINTR, ENOMEM, ENOBUFS, ECONNRESET, ETIMEDOUT);
        if (count < 2 || next() % 2 || !is_stream(descriptor)) FAIL(EAGAIN);
        count /= 2;
    }
    return REAL(recv)(descriptor, bytes, count, flags);
}

ssize_t send(int descriptor, const void *bytes, size_t count, int flags) {
    if (FAILS()) {
        if (!MAY_PRETEND()) FAIL(EINTR, EINTR, ENOMEM, ENOBUFS, ECONNRESET, EPIPE, ETIMEDOUT);
        if (count < 2 || next() % 2 || !is_stream(descriptor)) FAIL(EAGAIN);
        count /= 2;
    }
    return REAL(send)(descriptor, bytes, count, flags);
}

// Messages

ssize_t recvmsg(int descriptor, struct msghdr *message, int flags) {
    if (FAILS()) {
        if (MAY_PRETEND()) FAIL(EAGAIN);
        FAIL(EINTR, EINTR, ENOMEM, ENOBUFS);
    }
    return REAL(recvmsg)(descriptor, message, flags);
}

int recvmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags, struct timespec *time) {
    if (FAILS()) {
        if (MAY_PRETEND()) FAIL(EAGAIN);
        FAIL(EINTR, EINTR, ENOMEM, ENOBUFS);
    }
    return REAL(recvmmsg)(descriptor, messages, count, flags, time);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
    if (FAILS()) {
        if (MAY_PRETEND()) FAIL(EAGAIN);
        FAIL(EINTR, EINTR, ENOMEM, ENOBUFS);
    }
    return REAL(sendmsg)(descriptor, message, flags);
}

int sendmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags) {
    if (FAILS()) {
        if (count > 1 && next() % 2) return REAL(sendmmsg)(descriptor, messages, 1, flags);
        FAIL(EINTR, EINTR, ENOMEM, ENOBUFS);
    }
    return REAL(sendmmsg)(descriptor, messages, count, flags);
}

ssize_t sendto(int descriptor,
               const void *bytes,
               size_t count,
               int flags,
               __CONST_SOCKADDR_ARG address,
               socklen_t length) {
    if (FAILS()) {
        if (MAY_PRETEND()) FAIL(EAGAIN);
        FAIL(EINTR, EINTR, ENOMEM, ENOBUFS);
    }
    return REAL(sendto)(descriptor, bytes, count, flags, address, length);
}

// Sockets

int accept4(int descriptor, __SOCKADDR_ARG address, socklen_t *length, int flags) {
    if (FAILS()) FAIL(EINTR, ECONNABORTED, EPROTO, ENETDOWN, EMFILE, ENFILE, ENOMEM, ENOBUFS);
    return REAL(accept4)(descriptor, address, length, flags);
}

int connect(int descriptor, __CONST_SOCKADDR_ARG address, socklen_t length) {
    if (FAILS()) {
        if (next() % 2) FAIL(ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT, ENOBUFS);
        // A signal does not stop what has begun.
        int result = REAL(connect)(descriptor, address, length);
        if (result == 0 || errno != EINPROGRESS) return result;
        FAIL(EINTR);
    }
    return REAL(connect)(descriptor, address, length);
}

int bind(int descriptor, __CONST_SOCKADDR_ARG address, socklen_t length) {
    if (FAILS()) FAIL(EADDRINUSE, ENOMEM, ENOBUFS);
    return REAL(bind)(descriptor, address, length);
}

int listen(int descriptor, int backlog) {
    if (FAILS()) FAIL(EADDRINUSE);
    return REAL(listen)(descriptor, backlog);
}

int shutdown(int descriptor, int how) {
    if (FAILS()) FAIL(ENOTCONN);
    return REAL(shutdown)(descriptor, how);
}

int socket(int family, int type, int protocol) {
    if (FAILS()) FAIL(EMFILE, ENFILE, ENOMEM, ENOBUFS);
    return REAL(socket)(family, type, protocol);
}

int socketpair(int family, int type, int protocol, int ends[2]) {
    if (FAILS()) FAIL(EMFILE, ENFILE, ENOMEM, ENOBUFS);
    return REAL(socketpair)(family, type, protocol, ends);
}

int getsockname(int descriptor, __SOCKADDR_ARG address, socklen_t *length) {
    if (FAILS()) FAIL(ENOBUFS);
    return REAL(getsockname)(descriptor, address, length);
}

// Waiting

int epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event) {
    if (operation == EPOLL_CTL_ADD && FAILS()) FAIL(ENOMEM, ENOSPC);
    return REAL(epoll_ctl)(epoll, operation, descriptor, event);
}

int epoll_wait(int epoll, struct epoll_event *events, int capacity, int milliseconds) {
    if (FAILS()) FAIL(EINTR);
    return REAL(epoll_wait)(epoll, events, capacity, milliseconds);
}

int poll(struct pollfd *entries, nfds_t count, int milliseconds) {
    if (FAILS()) FAIL(EINTR, ENOMEM);
    return REAL(poll)(entries, count, milliseconds);
}

int pselect(int count,
            fd_set *readable,
            fd_set *writable,
            fd_set *urgent,
            const struct timespec *time,
            const sigset_t *mask) {
    if (FAILS()) FAIL(EINTR, ENOMEM);
    return REAL(pselect)(count, readable, writable, urgent, time, mask);
}

// Descriptors

ssize_t read(int descriptor, void *bytes, size_t count) {
    if (FAILS()) FAIL(EINTR);
    return REAL(read)(descriptor, bytes, count);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    if (FAILS()) FAIL(EINTR);
    return REAL(write)(descriptor, bytes, count);
}

int close(int descriptor) {
    // Linux has closed it, whatever it answers.
    int result = REAL(close)(descriptor);
    if (FAILS()) FAIL(EINTR, EIO);
    return result;
}
