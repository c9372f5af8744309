#define _GNU_SOURCE
#include "processes.h"
#include "negated_errno.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Newer than the wrappers, or the headers, of some C libraries: these three go through syscall(2).
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
// system calls and writes to what we prepared, and to the errno of this thread, nothing else.

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
    // Nobody means to pass what else is open and not close-on-exec. Old kernels cannot close it.
    syscall(SYS_close_range, (long)limit, (long)~0U, (long)CLOSE_RANGE_CLOEXEC);
    return 0;
}

static int become(const struct csock_spawn *request, int *moved, pid_t parent) {
    // A handler of ours must not run in the child, which has our memory.
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number <= SIGRTMAX; number++) sigaction(number, &standard, NULL);
    if (request->signal_at_parents_end) {
        prctl(PR_SET_PDEATHSIG, request->signal_at_parents_end);
        // The parent may have ended before the signal was asked for.
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
    int higher = or_errno(fcntl(ends[1], F_DUPFD_CLOEXEC, limit));
    close(ends[1]);
    ends[1] = higher;
    if (higher < 0) close(ends[0]);
    return higher < 0 ? higher : 0;
}

// The child's errno, negated, or 0 if it has become another program.
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
    // If there is a child, the errno that it leaves here is not read.
    pid_t child = vfork();
    if (child == 0) {
        // Not through the common memory: a sanitizer makes fork(2) of vfork(2).
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

int csock_signal_at_parents_end(int number, int parent) {
    int result = or_errno(prctl(PR_SET_PDEATHSIG, number));
    // The parent may have ended before the signal was asked for.
    if (result == 0 && getppid() != parent) result = or_errno(kill(getpid(), number));
    return result;
}

void csock_kill_child(int process) {
    kill(process, SIGKILL);
    while (waitpid(process, NULL, 0) < 0 && errno == EINTR) {}
}

int csock_pidfd_open(int process) {
    return or_errno(syscall(SYS_pidfd_open, (long)process, 0L));
}

int csock_pidfd_signal(int pidfd, int number) {
    return or_errno(syscall(SYS_pidfd_send_signal, (long)pidfd, (long)number, NULL, 0L));
}

int csock_pidfd_wait(int pidfd, int *status) {
    siginfo_t info = {0};
    int result;
    do result = or_errno(waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG));
    while (result == -EINTR);
    if (result < 0 || info.si_pid == 0) return result;
    *status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    return 1;
}
