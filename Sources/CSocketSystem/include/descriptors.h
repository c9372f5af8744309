// What all descriptors have in common.

#ifndef CSOCKET_DESCRIPTORS_H
#define CSOCKET_DESCRIPTORS_H

// close(2).
int csock_close(int descriptor);

// fcntl(2) with F_DUPFD_CLOEXEC: another descriptor of the same open file.
int csock_duplicate(int descriptor);

// fcntl(2) with F_SETFD: execve(2) closes the descriptor.
int csock_close_on_exec(int descriptor);

// fcntl(2) with F_SETFL and F_SETFD: non-blocking and close-on-exec.
int csock_set_nonblocking_cloexec(int descriptor);

// fcntl(2) with F_GETFD: 1 if the number is an open descriptor, 0 if not.
int csock_is_open(int descriptor);

#endif
