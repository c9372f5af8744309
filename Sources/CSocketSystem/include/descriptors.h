// What all descriptors have in common.

#ifndef CSOCKET_DESCRIPTORS_H
#define CSOCKET_DESCRIPTORS_H

// close(2).
int csock_close(int descriptor);

// fcntl(2) with F_DUPFD_CLOEXEC: another descriptor of the same open file, never 0, 1 or 2.
int csock_duplicate(int descriptor);

// The same descriptor, if it is `least` or above; otherwise one that is, close-on-exec, and this
// one is closed. A negated errno if there is none; this one is closed then, too.
int csock_move_up(int descriptor, int least);

// open(2) of /dev/null for those of 0, 1 and 2 that are not open. It is done once before main, too.
void csock_fill_standard_descriptors(void);

// fcntl(2) with F_SETFD: execve(2) closes the descriptor.
int csock_close_on_exec(int descriptor);

// fcntl(2) with F_SETFL and F_SETFD: non-blocking and close-on-exec.
int csock_set_nonblocking_cloexec(int descriptor);

// fcntl(2) with F_GETFD: 1 if the number is an open descriptor, 0 if not.
int csock_is_open(int descriptor);

#endif
