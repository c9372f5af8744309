internal import CSocketSystem

/// Counts from now on, pthread_atfork(3).
package func countForks() { csock_count_forks() }

/// How often this process was made by fork(2) without execve(2): in a child it is one more, and
/// none of the threads have come along but the one that forked.
@inline(__always)
package func forkCount() -> CInt { csock_forks() }
