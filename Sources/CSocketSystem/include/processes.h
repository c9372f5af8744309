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
    // The signal that the child gets when the calling thread ends, which should be one that stays; 0
    // for none.
    int signal_at_parents_end;
};

// vfork(2) and execve(2): the process's number or a negated errno, that of execve(2) too. Its
// signals have their default actions, none is blocked.
int csock_spawn(const struct csock_spawn *request);

// prctl(2) with PR_SET_PDEATHSIG: the process gets the signal when its parent, which was `parent`,
// ends; at once if that has happened already. It counts as long as the calling thread lives and no
// user or group changes.
int csock_signal_at_parents_end(int number, int parent);

// kill(2) with SIGKILL and waitpid(2): the child is gone then.
void csock_kill_child(int process);

// pidfd_open(2), pidfd_send_signal(2).
int csock_pidfd_open(int process);
int csock_pidfd_signal(int pidfd, int number);

// waitid(2) with P_PIDFD, without waiting: 1 and the status (exit code, or the negated number of a
// signal) if the child has ended, which is gone then; 0 if it has not; or a negated errno.
int csock_pidfd_wait(int pidfd, int *status);

#endif
