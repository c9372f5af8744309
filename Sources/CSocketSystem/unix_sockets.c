#define _GNU_SOURCE
#include "unix_sockets.h"
#include "negated_errno.h"
#include "new_descriptor.h"

#include <sys/socket.h>

// Newer than some C libraries.
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

// Messages

intptr_t csock_unix_receive_stream(int descriptor, void *bytes, size_t count, int *stopped) {
    struct iovec buffer = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &buffer, .msg_iovlen = 1};
    intptr_t result = or_errno(recvmsg(descriptor, &message, MSG_DONTWAIT));
    *stopped = result >= 0 && (message.msg_flags & MSG_CTRUNC) != 0;
    return result;
}

intptr_t csock_unix_receive_message(int descriptor,
                                    void *bytes,
                                    size_t count,
                                    void *control,
                                    size_t *control_count,
                                    int *truncated) {
    struct iovec buffer = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {
        .msg_iov = &buffer,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = *control_count,
    };
    intptr_t result = or_errno(recvmsg(descriptor, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
    *control_count = result < 0 ? 0 : message.msg_controllen;
    *truncated = result >= 0 && (message.msg_flags & MSG_CTRUNC) != 0;
    return result;
}

int csock_socketpair(int type, int ends[2]) {
    int result = or_errno(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
    return csock_new_pair(result, ends, 3);
}

// The peer

int csock_peer_credentials(int descriptor, int32_t *process, uint32_t *user, uint32_t *group) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    int result = or_errno(getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length));
    if (result < 0) return result;
    *process = credentials.pid;
    *user = credentials.uid;
    *group = credentials.gid;
    return 0;
}

int csock_peer_process_descriptor(int descriptor) {
    int process = -1;
    socklen_t length = sizeof process;
    int result = or_errno(getsockopt(descriptor, SOL_SOCKET, SO_PEERPIDFD, &process, &length));
    return result < 0 ? result : new_descriptor(process);
}

int csock_peer_groups(int descriptor, uint32_t *groups, uint32_t capacity) {
    socklen_t length = capacity * (socklen_t)sizeof *groups;
    int result = or_errno(getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups, &length));
    return result < 0 ? result : (int)(length / sizeof *groups);
}

int csock_mark_packets(int descriptor) {
    int on = 1;
    return or_errno(setsockopt(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on));
}
