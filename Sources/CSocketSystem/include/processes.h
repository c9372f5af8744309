// Child processes and what a service manager says to them and hears from them.

#ifndef CSOCKET_PROCESSES_H
#define CSOCKET_PROCESSES_H

#include <stddef.h>
#include <stdint.h>

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
    // What the child gets when the calling thread, which should be one that stays, ends; 0 for
    // nothing.
    int signal_at_parents_end;
};

// Starts a program; returns the process's number or a negated errno, that of execve(2) too. Its
// signals have their default actions, none is blocked.
int csock_spawn(const struct csock_spawn *request);

// The process gets the signal when its parent, which was `parent`, ends; at once where that has
// happened already. It counts as long as the calling thread lives and no user or group changes.
int csock_signal_at_parents_end(int number, int parent);

int csock_close_on_exec(int descriptor);

// Kills a child and waits until it is gone.
void csock_kill_child(int process);

int csock_pidfd_open(int process);
int csock_pidfd_signal(int pidfd, int number);
// 1 and the status (exit code, or the negated number of a signal) when the child has ended, 0 while
// it has not, or a negated errno. The child is gone then.
int csock_pidfd_wait(int pidfd, int *status);

// A datagram socket with an abstract name that the kernel chose, for NOTIFY_SOCKET; the name, with
// `@` for the zero byte and ended by zero, is stored to `name`, which has room for 108 bytes.
int csock_notify_open(char *name);
// One message and who sent it; 0 for a message that is to be ignored, or a negated errno.
intptr_t csock_notify_receive(int descriptor, char *bytes, size_t count, int *process);
// Sends one message to a path, or to an abstract name that begins with `@`; -EAGAIN where the
// receiver has not taken enough of those that were sent before, within so many milliseconds.
int csock_notify_send(const char *name, const char *bytes, size_t count, long patience_ms);

#endif
