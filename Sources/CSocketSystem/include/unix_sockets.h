// What Unix sockets have beyond others: messages with descriptors and credentials, pairs, and the
// life of a socket's file.

#ifndef CSOCKET_UNIX_SOCKETS_H
#define CSOCKET_UNIX_SOCKETS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

// The most descriptors that the kernel passes with one message, SCM_MAX_FD.
#define CSOCK_MAX_DESCRIPTORS 253

// What came beside a message's bytes. The descriptors belong to the caller.
struct csock_unix_ancillary {
    int descriptors[CSOCK_MAX_DESCRIPTORS];
    uint32_t descriptor_count;
    // SCM_PIDFD, or -1.
    int process_descriptor;
    // SCM_CREDENTIALS.
    int32_t process;
    uint32_t user;
    uint32_t group;
    uint8_t has_credentials;
    // Whether there was control data of any kind.
    uint8_t has_control;
    // MSG_TRUNC: the message had more bytes than the buffer.
    uint8_t is_truncated;
    // MSG_CTRUNC: control data was dropped, descriptors among it perhaps.
    uint8_t is_control_truncated;
};

// recvmsg(2). `address` may be NULL. Descriptors are close-on-exec.
intptr_t csock_unix_receive(int descriptor,
                            void *bytes,
                            size_t count,
                            struct sockaddr *address,
                            socklen_t *length,
                            struct csock_unix_ancillary *ancillary);

// Reads control data as `csock_unix_receive` gets it from the kernel; whatever the bytes are, it
// reads nothing past `length`. Descriptors for which there is no room are closed.
void csock_unix_parse_control(void *control, size_t length, struct csock_unix_ancillary *ancillary);

// recvmsg(2) of a stream without room for control data: the kernel closes descriptors that were
// passed. `*stopped` is set where the read ended before such a message or behind it, so that a
// short read does not mean that all was read.
intptr_t csock_unix_receive_stream(int descriptor, void *bytes, size_t count, int *stopped);

// sendmsg(2) with SCM_RIGHTS where `descriptor_count` is not 0. `address` may be NULL.
intptr_t csock_unix_send(int descriptor,
                            const void *bytes,
                            size_t count,
                            const struct sockaddr *address,
                            socklen_t length,
                            const int *descriptors,
                            size_t descriptor_count);

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

// Opens a directory and locks it with flock(2), trying for about 200 ms; a descriptor whose closing
// unlocks it, or -EWOULDBLOCK.
int csock_lock_directory(const char *path);

#endif
