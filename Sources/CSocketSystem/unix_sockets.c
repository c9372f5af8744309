#define _GNU_SOURCE
#include "unix_sockets.h"
#include "raw_syscall.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

// Newer than some C libraries.
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

// Messages

intptr_t csock_unix_receive_stream(int descriptor, void *bytes, size_t count, int *stopped) {
    struct iovec buffer = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &buffer, .msg_iovlen = 1};
    intptr_t result = raw_syscall(SYS_recvmsg, descriptor, (long)&message, 0, 0, 0, 0);
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
    intptr_t result =
        raw_syscall(SYS_recvmsg, descriptor, (long)&message, MSG_CMSG_CLOEXEC, 0, 0, 0);
    *control_count = result < 0 ? 0 : message.msg_controllen;
    *truncated = result >= 0 && (message.msg_flags & MSG_CTRUNC) != 0;
    return result;
}

int csock_socketpair(int type, int ends[2]) {
    return OR_ERRNO(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
}

// The peer

int csock_peer_credentials(int descriptor, int32_t *process, uint32_t *user, uint32_t *group) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    int result = OR_ERRNO(getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length));
    if (result < 0) return result;
    *process = credentials.pid;
    *user = credentials.uid;
    *group = credentials.gid;
    return 0;
}

int csock_peer_process_descriptor(int descriptor) {
    int process = -1;
    socklen_t length = sizeof process;
    int result = OR_ERRNO(getsockopt(descriptor, SOL_SOCKET, SO_PEERPIDFD, &process, &length));
    return result < 0 ? result : process;
}

int csock_peer_groups(int descriptor, uint32_t *groups, uint32_t capacity) {
    socklen_t length = capacity * (socklen_t)sizeof *groups;
    int result = OR_ERRNO(getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups, &length));
    return result < 0 ? result : (int)(length / sizeof *groups);
}

int csock_mark_packets(int descriptor) {
    int on = 1;
    return OR_ERRNO(setsockopt(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on));
}

// Files

static int identity_at(
    int directory, const char *path, int flags, struct csock_file_identity *identity) {
    struct statx status;
    int result = OR_ERRNO(statx(directory,
                                path,
                                flags | AT_SYMLINK_NOFOLLOW,
                                STATX_TYPE | STATX_MODE | STATX_INO | STATX_BTIME,
                                &status));
    if (result < 0) return result;
    int has_birth = (status.stx_mask & STATX_BTIME) != 0;
    identity->device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor;
    identity->inode = status.stx_ino;
    identity->birth_seconds = has_birth ? status.stx_btime.tv_sec : 0;
    identity->birth_nanoseconds = has_birth ? status.stx_btime.tv_nsec : 0;
    identity->mode = status.stx_mode;
    return 0;
}

int csock_file_identity(const char *path, struct csock_file_identity *identity) {
    return identity_at(AT_FDCWD, path, 0, identity);
}

int csock_set_socket_mode(int descriptor, uint32_t mode) {
    return OR_ERRNO(fchmod(descriptor, (mode_t)mode));
}

int csock_set_file_mode(const char *path, const struct csock_file_identity *file, uint32_t mode) {
    int opened = OR_ERRNO(open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (opened < 0) return opened;
    struct csock_file_identity found;
    int result = identity_at(opened, "", AT_EMPTY_PATH, &found);
    if (result == 0 && (found.device != file->device || found.inode != file->inode))
        result = -ESTALE;
    if (result == 0) {
        // fchmod(2) refuses O_PATH; the link in /proc leads to the very file that was opened.
        char link[32];
        snprintf(link, sizeof link, "/proc/self/fd/%d", opened);
        result = OR_ERRNO(chmod(link, (mode_t)mode));
    }
    close(opened);
    return result;
}

int csock_unlink(const char *path) { return OR_ERRNO(unlink(path)); }
