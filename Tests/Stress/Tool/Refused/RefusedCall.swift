/// A system call that the scenarios make, as `strace -f` shows them.
///
/// Left out is what no program can do without, so that its refusal says nothing about the library:
/// - memory (mmap, munmap, mprotect, madvise, brk);
/// - locks and threads of the C library (futex, set_robust_list, rseq, gettid, exit), signal masks
///   (rt_sigprocmask, rt_sigreturn);
/// - close: what cannot be closed stays open, and no peer sees an end;
/// - openat: the runtime looks into /proc after its threads, and ends the program if it cannot.
struct RefusedCall: Sendable {
    let name: String
    /// The words by which an error may name it. The C library makes several calls to list
    /// interfaces, getifaddrs(3).
    let words: [String]
    /// Whether the runtime of a program that is started under the refusal ends it at once.
    var keepsFromStarting = false

    init(_ name: String, _ words: String..., keepsFromStarting: Bool = false) {
        self.name = name
        self.words = words
        self.keepsFromStarting = keepsFromStarting
    }

    static let all: [RefusedCall] = [
        RefusedCall("accept4", "accept"),
        RefusedCall("access", "access"),
        RefusedCall("bind", "bind", "list interfaces"),
        RefusedCall("clone", "thread", "clone", "fork"),
        RefusedCall("clone3", "thread", "clone", "fork"),
        RefusedCall("close_range", "close_range"),
        RefusedCall("connect", "connect"),
        RefusedCall("dup2", "dup"),
        RefusedCall("epoll_create1", "epoll_create", keepsFromStarting: true),
        RefusedCall("epoll_ctl", "epoll_ctl", keepsFromStarting: true),
        RefusedCall("epoll_pwait", "epoll_wait", "epoll_pwait"),
        RefusedCall("epoll_wait", "epoll_wait"),
        RefusedCall("eventfd2", "eventfd", keepsFromStarting: true),
        RefusedCall("execve", "exec"),
        RefusedCall("fcntl", "fcntl"),
        RefusedCall("getpeername", "getpeername"),
        RefusedCall("getppid", "getppid"),
        RefusedCall("getrandom", "getrandom", keepsFromStarting: true),
        RefusedCall("getsockname", "getsockname", "list interfaces"),
        RefusedCall("getsockopt", "getsockopt", "get option"),
        RefusedCall("ioctl", "ioctl", "list interfaces"),
        RefusedCall("kill", "kill"),
        RefusedCall("listen", "listen"),
        RefusedCall("newfstatat", "stat"),
        RefusedCall("pidfd_open", "pidfd_open"),
        RefusedCall("pidfd_send_signal", "pidfd_send_signal"),
        RefusedCall("pipe2", "pipe"),
        RefusedCall("poll", "poll"),
        RefusedCall("ppoll", "poll"),
        RefusedCall("prctl", "prctl"),
        RefusedCall("prlimit64", "prlimit"),
        RefusedCall("pselect6", "select"),
        RefusedCall("read", "read"),
        RefusedCall("readlink", "readlink"),
        RefusedCall("recvfrom", "recv", "read"),
        RefusedCall("recvmmsg", "recvmmsg", "receive"),
        RefusedCall("recvmsg", "recvmsg", "receive", "list interfaces"),
        RefusedCall("rt_sigaction", "sigaction"),
        RefusedCall("sched_getaffinity", "sched_getaffinity"),
        RefusedCall("sched_setscheduler", "sched_setscheduler"),
        RefusedCall("sched_yield", "sched_yield"),
        RefusedCall("sendmmsg", "sendmmsg", "send"),
        RefusedCall("sendmsg", "sendmsg", "send"),
        RefusedCall("sendto", "send", "write", "list interfaces"),
        RefusedCall("setpriority", "setpriority"),
        RefusedCall("setsockopt", "setsockopt", "set option"),
        RefusedCall("shutdown", "shutdown"),
        RefusedCall("socket", "socket", "open", "list interfaces"),
        RefusedCall("socketpair", "socketpair", "open"),
        RefusedCall("statx", "statx"),
        RefusedCall("timerfd_create", "timerfd", keepsFromStarting: true),
        RefusedCall("timerfd_settime", "timerfd", keepsFromStarting: true),
        RefusedCall("unlink", "unlink"),
        RefusedCall("vfork", "fork"),
        RefusedCall("wait4", "wait"),
        RefusedCall("waitid", "waitid"),
        RefusedCall("write", "write"),
    ]
}
