#define _GNU_SOURCE
#include "processes.h"
#include "negated_errno.h"
#include "new_descriptor.h"
#include "signals.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
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

// What went wrong on the way to another program.
struct failure {
    int error;
    // Points to a literal, which the child has at the same address as we do.
    const char *call;
};

static struct failure failed(const char *call) { return (struct failure){-errno, call}; }

// Nobody means to pass what is open from `first` on and not close-on-exec.
static void close_others(int first) {
    if (syscall(SYS_close_range, (long)first, (long)~0U, (long)CLOSE_RANGE_CLOEXEC) == 0) return;
    // An old kernel, or one that refuses the call: one by one.
    struct rlimit most;
    int end = 65536;
    if (getrlimit(RLIMIT_NOFILE, &most) == 0 && most.rlim_cur < (rlim_t)end)
        end = (int)most.rlim_cur;
    for (int descriptor = first; descriptor < end; descriptor++)
        fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

static struct failure place_descriptors(const struct csock_spawn *request, int *moved) {
    int limit = 3 + request->descriptor_count;
    // Out of the way first, so that none is overwritten before it is placed.
    for (int i = 0; i < request->descriptor_count; i++) {
        moved[i] = fcntl(request->descriptors[i], F_DUPFD_CLOEXEC, limit);
        if (moved[i] < 0) return failed("fcntl");
    }
    for (int i = 0; i < request->descriptor_count; i++)
        if (dup2(moved[i], 3 + i) < 0) return failed("dup2");
    // What the child opens later must not become its standard output.
    for (int i = 0; i < 3; i++)
        if (fcntl(i, F_GETFD) & FD_CLOEXEC) close(i);
    csock_fill_standard_descriptors();
    close_others(limit);
    return (struct failure){0, NULL};
}

// A handler of ours must not run in the child, which has our memory. What is ignored stays so:
// nohup(1) and the `&` of a shell ask for that.
static void reset_signals(void) {
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction action = {
            .sa_handler = csock_signal_is_ignored(number) ? SIG_IGN : SIG_DFL};
        sigaction(number, &action, NULL);
    }
}

static struct failure become(const struct csock_spawn *request, int *moved, pid_t parent) {
    reset_signals();
    if (request->own_group) setpgid(0, 0);
    if (request->signal_at_parents_end) {
        prctl(PR_SET_PDEATHSIG, request->signal_at_parents_end);
        // The parent may have ended before the signal was asked for.
        if (getppid() != parent) return (struct failure){-ESRCH, "getppid"};
    }
    struct failure failure = place_descriptors(request, moved);
    if (failure.error) return failure;
    for (int i = 0; i < request->process_number_count; i++)
        write_number(request->process_numbers[i], (unsigned)getpid());
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(request->path, request->arguments, request->environment);
    return failed("execve");
}

// A pipe for the child's failure, which execve(2) closes. Its ends are none of the numbers that the
// child's descriptors get.
static int open_report(int limit, int ends[2]) {
    int result = or_errno(pipe2(ends, O_CLOEXEC));
    if (is_refused(result))
        result = or_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    return csock_new_pair(result, ends, limit);
}

// The child's failure; none if it has become another program.
static struct failure read_report(int descriptor) {
    struct failure failure = {0, NULL};
    ssize_t count;
    do count = read(descriptor, &failure, sizeof failure);
    while (count < 0 && errno == EINTR);
    return count == sizeof failure ? failure : (struct failure){0, NULL};
}

static int not_started(struct csock_spawn *request, struct failure failure) {
    request->failed_call = failure.call;
    return failure.error;
}

int csock_spawn(struct csock_spawn *request) {
    int *moved = calloc((size_t)request->descriptor_count + 1, sizeof *moved);
    if (!moved) return not_started(request, (struct failure){-ENOMEM, "malloc"});
    int report[2];
    int opened = open_report(3 + request->descriptor_count, report);
    if (opened < 0) {
        free(moved);
        return not_started(request, (struct failure){opened, "pipe2"});
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    // If there is a child, the errno that it leaves here is not read.
    pid_t child = vfork();
    if (child == 0) {
        // Not through the common memory: a sanitizer makes fork(2) of vfork(2).
        struct failure failure = become(request, moved, parent);
        while (write(report[1], &failure, sizeof failure) < 0 && errno == EINTR) {}
        _exit(127);
    }
    struct failure failure = child < 0 ? failed("vfork") : (struct failure){0, NULL};
    close(report[1]);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (child > 0) failure = read_report(report[0]);
    close(report[0]);
    free(moved);
    if (failure.error && child > 0)
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    return failure.error ? not_started(request, failure) : child;
}

int csock_signal_at_parents_end(int number, int parent) {
    int result = or_errno(prctl(PR_SET_PDEATHSIG, number));
    // The parent may have ended before the signal was asked for.
    if (result == 0 && getppid() != parent) result = or_errno(kill(getpid(), number));
    return result;
}

// Whether the number is a child's that nobody has reaped: only then it cannot be another process's.
static int is_child(int process) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

int csock_child_signal(int pidfd, int process, int number) {
    int result = -ENOSYS;
    if (pidfd >= 0)
        result = or_errno(
            syscall(SYS_pidfd_send_signal, (long)pidfd, (long)number, NULL, 0L));
    if (!is_refused(result)) return result;
    return is_child(process) ? or_errno(kill(process, number)) : -ESRCH;
}

void csock_child_kill(int process) {
    if (!is_child(process)) return;
    kill(process, SIGKILL);
    while (waitpid(process, NULL, 0) < 0 && errno == EINTR) {}
}

int csock_pidfd_open(int process) {
    return new_descriptor(or_errno(syscall(SYS_pidfd_open, (long)process, 0L)));
}

void csock_child_wait(int process) {
    siginfo_t info;
    while (waitid(P_PID, (id_t)process, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {}
}

int csock_child_reap(int pidfd, int process, int *status) {
    siginfo_t info = {0};
    int flags = WEXITED | WNOHANG;
    int result = -EINVAL;
    if (pidfd >= 0) result = or_errno(waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, flags));
    // A kernel that knows pidfds, but not here.
    if (result == -EINVAL) result = or_errno(waitid(P_PID, (id_t)process, &info, flags));
    if (result < 0 || info.si_pid == 0) return result;
    *status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    return 1;
}
