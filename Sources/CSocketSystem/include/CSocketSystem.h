// What `import Glibc` does not show to Swift, one small wrapper per call.
//
// Every wrapper returns what the system call returns, or a negated errno: the caller never reads
// the thread's errno. `_GNU_SOURCE` is defined in the .c files only: in a header it would clash
// with Swift's own Glibc module.

#ifndef CSOCKETSYSTEM_H
#define CSOCKETSYSTEM_H

#include "datagrams.h"
#include "cores.h"
#include "processes.h"
#include "readiness.h"
#include "signals.h"
#include "unix_sockets.h"
#include "waiting.h"
#include "names.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

// epoll(7)
int csock_epoll_create(void);
int csock_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t key);
int csock_epoll_wait(int epoll, struct epoll_event *events, int capacity, int milliseconds);

// eventfd(2), pipe2(2)
int csock_eventfd(void);
int csock_pipe(int ends[2]);
intptr_t csock_read(int descriptor, void *bytes, size_t count);
intptr_t csock_write(int descriptor, const void *bytes, size_t count);

// The life of a socket. Each new descriptor is close-on-exec and non-blocking.
int csock_socket(int family, int type, int protocol);
int csock_bind(int descriptor, const struct sockaddr *address, socklen_t length);
int csock_listen(int descriptor, int backlog);
int csock_accept(int descriptor, struct sockaddr *address, socklen_t *length);
int csock_connect(int descriptor, const struct sockaddr *address, socklen_t length);
int csock_shutdown(int descriptor, int how);
int csock_close(int descriptor);
int csock_getsockname(int descriptor, struct sockaddr *address, socklen_t *length);
int csock_getpeername(int descriptor, struct sockaddr *address, socklen_t *length);
int csock_getsockopt(int descriptor, int level, int name, void *value, socklen_t *length);
int csock_setsockopt(int descriptor, int level, int name, const void *value, socklen_t length);
int csock_set_nonblocking_cloexec(int descriptor);
int csock_duplicate(int descriptor);

// Transfer. The raw system calls: glibc's are thread-cancellation points, which costs on the hot
// path and buys nothing here. Never a SIGPIPE.
intptr_t csock_recv(int descriptor, void *bytes, size_t count, int flags);
intptr_t csock_send(int descriptor, const void *bytes, size_t count, int flags);
intptr_t csock_send_vector(int descriptor, const struct iovec *buffers, size_t count);

// Threads: the thread starts with every signal blocked, so that a program's handlers run on the
// threads that the program knows. Returns 0 or a negated errno.
int csock_thread_start(const char *name, void (*body)(void *), void *context);
int csock_processors_available(void);

// What the event loop of this thread keeps for it, or NULL.
extern _Thread_local void *csock_thread_loop __attribute__((tls_model("initial-exec")));

static inline void *csock_current_loop(void) { return csock_thread_loop; }
static inline void csock_set_current_loop(void *loop) { csock_thread_loop = loop; }

// How many operations in a row have not waited on this thread.
extern _Thread_local int csock_thread_streak __attribute__((tls_model("initial-exec")));

static inline int csock_lengthen_streak(void) { return ++csock_thread_streak; }
static inline void csock_end_streak(void) { csock_thread_streak = 0; }

// Whether the program runs under ThreadSanitizer.
int csock_is_sanitized(void);

// The monotonic clock in nanoseconds, clock_gettime(2).
int64_t csock_monotonic_nanoseconds(void);

#include "values.h"

#endif
