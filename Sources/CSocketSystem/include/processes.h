// Child processes.

#ifndef CSOCKET_PROCESSES_H
#define CSOCKET_PROCESSES_H

// A program to start.
struct csock_spawn {
    const char *path;
    char *const *arguments;
    char *const *environment;
    // The child's descriptors 3, 4, …; it has no others but 0 to 2.
    const int *descriptors;
    int descriptor_count;
    // Places inside entries of `environment`, each with room for eleven bytes: the child writes its
    // number there.
    char *const *process_numbers;
    int process_number_count;
    // Whether the child gets a process group of its own.
    int own_group;
    // The signal that the child gets when the calling thread ends, which should be one that stays;
    // 0 for none.
    int signal_at_parents_end;
    // If the child could not be started: the name of the call that failed, a literal.
    const char *failed_call;
};

// vfork(2) and execve(2): the process's number or a negated errno, that of execve(2) too. Signals
// that are ignored here stay so; all others have their default actions, and none is blocked. If one
// of 0 to 2 is closed here, the child has /dev/null there.
int csock_spawn(struct csock_spawn *request);

// prctl(2) with PR_SET_PDEATHSIG: the process gets the signal when its parent, which was `parent`,
// ends; at once if that has happened already. It counts as long as the calling thread lives and no
// user or group changes.
int csock_signal_at_parents_end(int number, int parent);

// pidfd_open(2).
int csock_pidfd_open(int process);

// The functions below take a child's number and, if there is one, its pidfd; otherwise -1.

// pidfd_send_signal(2); or kill(2) if that is refused, and nobody has reaped the child.
int csock_child_signal(int pidfd, int process, int number);

// kill(2) with SIGKILL and waitpid(2), if nobody has reaped the child: it is gone then.
void csock_child_kill(int process);

// waitid(2): waits until a child has ended or was reaped; it stays to be reaped.
void csock_child_wait(int process);

// waitid(2), without waiting: 1 and the status (exit code, or the negated number of a signal) if
// the child has ended, which is gone then; 0 if it has not; or a negated errno.
int csock_child_reap(int pidfd, int process, int *status);

#endif
