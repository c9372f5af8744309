// What Unix sockets have beyond others: pairs, knowledge of the peer, and the life of a socket's
// file.

#ifndef CSOCKET_UNIX_SOCKETS_H
#define CSOCKET_UNIX_SOCKETS_H

#include <stddef.h>
#include <stdint.h>

// recvmsg(2) of a stream without room for control data: the kernel closes descriptors that were
// passed. `*stopped` is set where the read ended before such a message or behind it, so that a
// short read does not mean that all was read.
intptr_t csock_unix_receive_stream(int descriptor, void *bytes, size_t count, int *stopped);

// recvmsg(2) of a stream with room for control data, whose length goes in and comes out.
// Descriptors are close-on-exec. `*truncated` is set where some of it was dropped.
intptr_t csock_unix_receive_message(int descriptor,
                                    void *bytes,
                                    size_t count,
                                    void *control,
                                    size_t *control_count,
                                    int *truncated);

// socketpair(2), both close-on-exec and non-blocking.
int csock_socketpair(int type, int ends[2]);

// SO_PEERCRED; SO_PEERPIDFD, whose answer is the descriptor; SO_PEERGROUPS, whose answer is the
// number of groups, -ERANGE where there are more than `capacity`.
int csock_peer_credentials(int descriptor, int32_t *process, uint32_t *user, uint32_t *group);
int csock_peer_process_descriptor(int descriptor);
int csock_peer_groups(int descriptor, uint32_t *groups, uint32_t capacity);

// SO_TIMESTAMPNS: so that an empty packet has something beside it that the end has not.
int csock_mark_packets(int descriptor);

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

// chmod(2) of a file, provided it is the one meant; -ESTALE if it is not.
int csock_set_file_mode(const char *path, const struct csock_file_identity *file, uint32_t mode);

// unlink(2).
int csock_unlink(const char *path);

#endif
