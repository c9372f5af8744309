// The file in the file system that a Unix socket is bound to.

#ifndef CSOCKET_FILES_H
#define CSOCKET_FILES_H

#include <stdint.h>

// A file, told apart from one that later gets its inode's number by the moment of its birth.
struct csock_file_identity {
    uint64_t device;
    uint64_t inode;
    int64_t birth_seconds;
    uint32_t birth_nanoseconds;
    uint32_t mode;
};

// statx(2) of a path itself, not of what a symbolic link there leads to.
int csock_file_identity(const char *path, struct csock_file_identity *identity);

// fchmod(2) of a socket: the file that bind(2) makes gets these permissions, less the umask.
int csock_set_socket_mode(int descriptor, uint32_t mode);

// chmod(2) of a file if it is the one meant; -ESTALE if it is not.
int csock_set_file_mode(const char *path, const struct csock_file_identity *file, uint32_t mode);

// open(2) of a file to be read, which never waits for a pipe's writer.
int csock_open_file(const char *path);

// open(2) of a file that is made if there is none, for its owner alone, to be locked.
int csock_open_lock(const char *path);

// flock(2) without waiting: -EAGAIN if somebody else has the lock.
int csock_lock(int descriptor);

// statx(2) of an open file.
int csock_open_file_identity(int descriptor, struct csock_file_identity *identity);

// unlink(2).
int csock_unlink(const char *path);

#endif
