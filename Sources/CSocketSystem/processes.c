#define _GNU_SOURCE
#include "processes.h"
#include "raw_syscall.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

// The child of vfork(2) has our memory and runs before us until it is another program: it makes
// system calls and writes to what we prepared, nothing else.

static void write_number(char *text, unsigned number) {
    char digits[11];
    int count = 0;
    do digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count > 0) *text++ = digits[--count];
    *text = 0;
}

static int place_descriptors(const struct csock_spawn *request, int *moved) {
    int limit = 3 + request->descriptor_count;
    // Out of the way first, so that none is overwritten before it is placed.
    for (int i = 0; i < request->descriptor_count; i++) {
        moved[i] = fcntl(request->descriptors[i], F_DUPFD_CLOEXEC, limit);
        if (moved[i] < 0) return -errno;
    }
    for (int i = 0; i < request->descriptor_count; i++)
        if (dup2(moved[i], 3 + i) < 0) return -errno;
    // Whatever else is open and not close-on-exec is nobody's intention. Old kernels cannot.
    raw_syscall(SYS_close_range, limit, ~0U, CLOSE_RANGE_CLOEXEC, 0, 0, 0);
    return 0;
}

static int become(const struct csock_spawn *request, int *moved, pid_t parent) {
    // A handler of ours must not run in the child, which has our memory.
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number <= SIGRTMAX; number++) sigaction(number, &standard, NULL);
    if (request->signal_at_parents_end) {
        prctl(PR_SET_PDEATHSIG, request->signal_at_parents_end);
        // It may have ended before it was asked for.
        if (getppid() != parent) return -ESRCH;
    }
    int result = place_descriptors(request, moved);
    if (result < 0) return result;
    for (int i = 0; i < request->process_number_count; i++)
        write_number(request->process_numbers[i], (unsigned)getpid());
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(request->path, request->arguments, request->environment);
    return -errno;
}

// A pipe for the child's errno, which execve(2) closes. Its end for writing is none of the numbers
// that the child's descriptors get.
static int open_report(int limit, int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    if (ends[1] >= limit) return 0;
    int higher = OR_ERRNO(fcntl(ends[1], F_DUPFD_CLOEXEC, limit));
    close(ends[1]);
    ends[1] = higher;
    if (higher < 0) close(ends[0]);
    return higher < 0 ? higher : 0;
}

// The child's errno, negated, or 0 when it has become another program.
static int read_report(int descriptor) {
    int failure = 0;
    ssize_t count;
    do count = read(descriptor, &failure, sizeof failure);
    while (count < 0 && errno == EINTR);
    return count == sizeof failure ? failure : 0;
}

int csock_spawn(const struct csock_spawn *request) {
    int *moved = calloc((size_t)request->descriptor_count + 1, sizeof *moved);
    if (!moved) return -ENOMEM;
    int report[2];
    int result = open_report(3 + request->descriptor_count, report);
    if (result < 0) {
        free(moved);
        return result;
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t child = vfork();
    if (child == 0) {
        // Not by our common memory: a sanitizer makes fork(2) of vfork(2).
        int failure = become(request, moved, parent);
        while (write(report[1], &failure, sizeof failure) < 0 && errno == EINTR) {}
        _exit(127);
    }
    result = child < 0 ? -errno : child;
    close(report[1]);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    int failure = child < 0 ? 0 : read_report(report[0]);
    close(report[0]);
    free(moved);
    if (failure < 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
        result = failure;
    }
    return result;
}

int csock_close_on_exec(int descriptor) { return OR_ERRNO(fcntl(descriptor, F_SETFD, FD_CLOEXEC)); }

int csock_signal_at_parents_end(int number, int parent) {
    int result = OR_ERRNO(prctl(PR_SET_PDEATHSIG, number));
    // It may have ended before it was asked for.
    if (result == 0 && getppid() != parent) result = OR_ERRNO(kill(getpid(), number));
    return result;
}

void csock_kill_child(int process) {
    kill(process, SIGKILL);
    while (waitpid(process, NULL, 0) < 0 && errno == EINTR) {}
}

int csock_pidfd_open(int process) {
    return (int)raw_syscall(SYS_pidfd_open, process, 0, 0, 0, 0, 0);
}

int csock_pidfd_signal(int pidfd, int number) {
    return (int)raw_syscall(SYS_pidfd_send_signal, pidfd, number, 0, 0, 0, 0);
}

int csock_pidfd_wait(int pidfd, int *status) {
    siginfo_t info = {0};
    int result;
    do result = OR_ERRNO(waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG));
    while (result == -EINTR);
    if (result < 0 || info.si_pid == 0) return result;
    *status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    return 1;
}

int csock_notify_open(char *name) {
    int descriptor = OR_ERRNO(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (descriptor < 0) return descriptor;
    int on = 1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;
    // Bound without a name, it gets one: autobind in unix(7).
    if (setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
        bind(descriptor, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
        getsockname(descriptor, (struct sockaddr *)&address, &length) < 0) {
        int error = -errno;
        close(descriptor);
        return error;
    }
    size_t count = length - offsetof(struct sockaddr_un, sun_path);
    memcpy(name, address.sun_path, count);
    name[0] = '@';
    name[count] = 0;
    return descriptor;
}

intptr_t csock_notify_receive(int descriptor, char *bytes, size_t count, int *process) {
    struct iovec buffer = {.iov_base = bytes, .iov_len = count};
    // Room for a descriptor or two that somebody may send along; they are closed.
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(16 * sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &buffer,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    intptr_t received = OR_ERRNO(recvmsg(descriptor, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT));
    if (received < 0) return received;
    int known = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET) continue;
        if (part->cmsg_type == SCM_CREDENTIALS) {
            struct ucred credentials;
            memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
            *process = credentials.pid;
            known = 1;
        } else if (part->cmsg_type == SCM_RIGHTS) {
            size_t parts = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < parts; i++) {
                int extra;
                memcpy(&extra, CMSG_DATA(part) + i * sizeof extra, sizeof extra);
                close(extra);
            }
        }
    }
    return known ? received : 0;
}

int csock_notify_send(const char *name, const char *bytes, size_t count, long patience_ms) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length < 2 || length >= sizeof address.sun_path) return -EINVAL;
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') address.sun_path[0] = 0;
    int descriptor = OR_ERRNO(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (descriptor < 0) return descriptor;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    // A send that waits ends with EAGAIN after that time. Zero would be for ever.
    struct timeval patience = {patience_ms / 1000, patience_ms % 1000 * 1000};
    int flags = MSG_NOSIGNAL | (patience_ms > 0 ? 0 : MSG_DONTWAIT);
    int result = OR_ERRNO(setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience));
    if (result == 0) {
        do result = OR_ERRNO((int)sendto(
            descriptor, bytes, count, flags, (struct sockaddr *)&address, size));
        while (result == -EINTR);
    }
    close(descriptor);
    return result < 0 ? result : 0;
}
