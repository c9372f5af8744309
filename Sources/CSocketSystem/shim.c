#define _GNU_SOURCE
#include "CSocketSystem.h"
#include "raw_syscall.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

// epoll

int csock_epoll_create(void) { return OR_ERRNO(epoll_create1(EPOLL_CLOEXEC)); }

int csock_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t key) {
    struct epoll_event event = {.events = events, .data = {.u64 = key}};
    return OR_ERRNO(epoll_ctl(epoll, operation, descriptor, &event));
}

int csock_epoll_wait(int epoll, struct epoll_event *events, int capacity, int milliseconds) {
    // epoll_pwait with no mask: aarch64 has no plain epoll_wait.
    return (int)raw_syscall(
        SYS_epoll_pwait, epoll, (long)events, capacity, milliseconds, 0, 8);
}

// eventfd, pipe

int csock_eventfd(void) { return OR_ERRNO(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int csock_pipe(int ends[2]) { return OR_ERRNO(pipe2(ends, O_CLOEXEC | O_NONBLOCK)); }

intptr_t csock_read(int descriptor, void *bytes, size_t count) {
    return raw_syscall(SYS_read, descriptor, (long)bytes, (long)count, 0, 0, 0);
}

intptr_t csock_write(int descriptor, const void *bytes, size_t count) {
    return raw_syscall(SYS_write, descriptor, (long)bytes, (long)count, 0, 0, 0);
}

// ThreadSanitizer

__attribute__((weak)) void __tsan_acquire(void *address);

int csock_is_sanitized(void) { return __tsan_acquire != 0; }

// The life of a socket

int csock_socket(int family, int type, int protocol) {
    return OR_ERRNO(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

int csock_bind(int descriptor, const struct sockaddr *address, socklen_t length) {
    return OR_ERRNO(bind(descriptor, address, length));
}

int csock_listen(int descriptor, int backlog) { return OR_ERRNO(listen(descriptor, backlog)); }

int csock_accept(int descriptor, struct sockaddr *address, socklen_t *length) {
    return (int)raw_syscall(SYS_accept4,
                            descriptor,
                            (long)address,
                            (long)length,
                            SOCK_CLOEXEC | SOCK_NONBLOCK,
                            0,
                            0);
}

int csock_connect(int descriptor, const struct sockaddr *address, socklen_t length) {
    return (int)raw_syscall(SYS_connect, descriptor, (long)address, length, 0, 0, 0);
}

int csock_shutdown(int descriptor, int how) { return OR_ERRNO(shutdown(descriptor, how)); }

int csock_close(int descriptor) { return (int)raw_syscall(SYS_close, descriptor, 0, 0, 0, 0, 0); }

int csock_getsockname(int descriptor, struct sockaddr *address, socklen_t *length) {
    return OR_ERRNO(getsockname(descriptor, address, length));
}

int csock_getpeername(int descriptor, struct sockaddr *address, socklen_t *length) {
    return OR_ERRNO(getpeername(descriptor, address, length));
}

int csock_getsockopt(int descriptor, int level, int name, void *value, socklen_t *length) {
    return OR_ERRNO(getsockopt(descriptor, level, name, value, length));
}

int csock_setsockopt(int descriptor, int level, int name, const void *value, socklen_t length) {
    return OR_ERRNO(setsockopt(descriptor, level, name, value, length));
}

int csock_set_nonblocking_cloexec(int descriptor) {
    int status = OR_ERRNO(fcntl(descriptor, F_GETFL));
    if (status < 0) return status;
    if (!(status & O_NONBLOCK)) {
        status = OR_ERRNO(fcntl(descriptor, F_SETFL, status | O_NONBLOCK));
        if (status < 0) return status;
    }
    return OR_ERRNO(fcntl(descriptor, F_SETFD, FD_CLOEXEC));
}

int csock_duplicate(int descriptor) { return OR_ERRNO(fcntl(descriptor, F_DUPFD_CLOEXEC, 0)); }

// Transfer

intptr_t csock_recv(int descriptor, void *bytes, size_t count, int flags) {
    return raw_syscall(SYS_recvfrom, descriptor, (long)bytes, (long)count, flags, 0, 0);
}

intptr_t csock_send(int descriptor, const void *bytes, size_t count, int flags) {
    return raw_syscall(
        SYS_sendto, descriptor, (long)bytes, (long)count, flags | MSG_NOSIGNAL, 0, 0);
}

intptr_t csock_send_vector(int descriptor, const struct iovec *buffers, size_t count) {
    struct msghdr message = {.msg_iov = (struct iovec *)buffers, .msg_iovlen = count};
    return raw_syscall(SYS_sendmsg, descriptor, (long)&message, MSG_NOSIGNAL, 0, 0, 0);
}

// Threads

_Thread_local void *csock_thread_loop = NULL;
_Thread_local int csock_thread_streak = 0;

struct thread_start {
    void (*body)(void *);
    void *context;
    char name[16];
};

static void *thread_main(void *argument) {
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
    pthread_setname_np(pthread_self(), start.name);
    start.body(start.context);
    return NULL;
}

int csock_thread_start(const char *name, void (*body)(void *), void *context) {
    struct thread_start *start = malloc(sizeof *start);
    if (!start) return -ENOMEM;
    start->body = body;
    start->context = context;
    strncpy(start->name, name, sizeof start->name - 1);
    start->name[sizeof start->name - 1] = 0;

    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigset_t all, before;
    sigfillset(&all);
    // Faults are delivered to the thread at fault; blocked, they would end the process unreported.
    const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error) free(start);
    return -error;
}

int csock_processors_available(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int count = CPU_COUNT(&set);
        if (count > 0) return count;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

int64_t csock_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
