#define _GNU_SOURCE
#include "stress.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    long number;
} calls[] = {
#define CALL(name) {#name, SYS_##name},
    CALL(accept4) CALL(bind) CALL(clone) CALL(close) CALL(connect) CALL(epoll_create1) CALL(epoll_ctl)
    CALL(epoll_pwait) CALL(eventfd2) CALL(execve) CALL(fcntl) CALL(getpeername) CALL(getppid)
    CALL(getrandom) CALL(getsockname) CALL(getsockopt) CALL(ioctl) CALL(kill) CALL(listen)
    CALL(newfstatat) CALL(openat) CALL(pipe2) CALL(ppoll) CALL(prctl) CALL(prlimit64) CALL(pselect6)
    CALL(read) CALL(recvfrom) CALL(recvmmsg) CALL(recvmsg) CALL(rt_sigaction)
    CALL(sched_getaffinity) CALL(sched_setscheduler) CALL(sched_yield) CALL(sendmmsg) CALL(sendmsg)
    CALL(sendto) CALL(setpriority) CALL(setsockopt) CALL(shutdown) CALL(socket) CALL(socketpair)
    CALL(timerfd_create) CALL(timerfd_settime) CALL(wait4) CALL(waitid) CALL(write)
    // Other machines than this family have newer calls instead.
#ifdef SYS_access
    CALL(access) CALL(dup2) CALL(epoll_wait) CALL(poll) CALL(readlink) CALL(unlink) CALL(vfork)
#endif
#ifdef SYS_clone3
    CALL(clone3)
#endif
#ifdef SYS_close_range
    CALL(close_range)
#endif
#ifdef SYS_pidfd_open
    CALL(pidfd_open) CALL(pidfd_send_signal)
#endif
#ifdef SYS_statx
    CALL(statx)
#endif
};

long stress_call_number(const char *name) {
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (!strcmp(calls[i].name, name)) return calls[i].number;
    return -1;
}

int stress_refuse(long call, int error) {
    // A scenario must be able to say what it found: writing to its standard streams is let through.
    unsigned spares_streams = call == SYS_write;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 2, 0, spares_streams),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) < 0)
        return -errno;
    return 0;
}
