#define _GNU_SOURCE
#include "unix_sockets.h"
#include "raw_syscall.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

// Newer than some C libraries.
#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

// Messages

// Room for everything that can come at once: descriptors, credentials, a pidfd, a security label,
// time stamps.
#define CONTROL_CAPACITY                                                                           \
    (CMSG_SPACE(CSOCK_MAX_DESCRIPTORS * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred)) +          \
     CMSG_SPACE(sizeof(int)) + CMSG_SPACE(1024) + 4 * CMSG_SPACE(3 * sizeof(struct timespec)))

static void clear(struct csock_unix_ancillary *ancillary) {
    // The descriptors' places need no clearing.
    ancillary->descriptor_count = 0;
    ancillary->process_descriptor = -1;
    ancillary->has_credentials = 0;
    ancillary->has_control = 0;
    ancillary->is_truncated = 0;
    ancillary->is_control_truncated = 0;
}

static void keep(int descriptor, struct csock_unix_ancillary *ancillary) {
    if (descriptor < 0) return;
    if (ancillary->descriptor_count < CSOCK_MAX_DESCRIPTORS) {
        ancillary->descriptors[ancillary->descriptor_count++] = descriptor;
    } else {
        close(descriptor);
        ancillary->is_control_truncated = 1;
    }
}

void csock_unix_parse_control(void *control, size_t length, struct csock_unix_ancillary *ancillary) {
    clear(ancillary);
    const unsigned char *bytes = control;
    size_t offset = 0;
    // By hand: CMSG_NXTHDR of some C libraries trusts a header's length further than we do.
    while (length - offset >= CMSG_LEN(0)) {
        struct cmsghdr header;
        memcpy(&header, bytes + offset, sizeof header);
        if (header.cmsg_len < CMSG_LEN(0) || header.cmsg_len > length - offset) return;
        ancillary->has_control = 1;
        const unsigned char *data = bytes + offset + CMSG_LEN(0);
        size_t count = header.cmsg_len - CMSG_LEN(0);
        if (header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_RIGHTS) {
            for (size_t at = 0; at + sizeof(int) <= count; at += sizeof(int)) {
                int passed;
                memcpy(&passed, data + at, sizeof passed);
                keep(passed, ancillary);
            }
        } else if (header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_CREDENTIALS &&
                   count >= sizeof(struct ucred)) {
            struct ucred credentials;
            memcpy(&credentials, data, sizeof credentials);
            ancillary->process = credentials.pid;
            ancillary->user = credentials.uid;
            ancillary->group = credentials.gid;
            ancillary->has_credentials = 1;
        } else if (header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_PIDFD &&
                   count >= sizeof(int)) {
            // The kernel puts a negative errno here where it could not make one.
            int process;
            memcpy(&process, data, sizeof process);
            if (process >= 0) {
                if (ancillary->process_descriptor >= 0) close(ancillary->process_descriptor);
                ancillary->process_descriptor = process;
            }
        }
        size_t step = CMSG_ALIGN(header.cmsg_len);
        if (step > length - offset) return;
        offset += step;
    }
}

intptr_t csock_unix_receive(int descriptor,
                            void *bytes,
                            size_t count,
                            struct sockaddr *address,
                            socklen_t *length,
                            struct csock_unix_ancillary *ancillary) {
    _Alignas(struct cmsghdr) unsigned char control[CONTROL_CAPACITY];
    struct iovec buffer = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {
        .msg_name = address,
        .msg_namelen = address ? *length : 0,
        .msg_iov = &buffer,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof control,
    };
    intptr_t result =
        raw_syscall(SYS_recvmsg, descriptor, (long)&message, MSG_CMSG_CLOEXEC, 0, 0, 0);
    if (result < 0) {
        clear(ancillary);
        return result;
    }
    if (address) *length = message.msg_namelen;
    csock_unix_parse_control(control, message.msg_controllen, ancillary);
    if (message.msg_flags & MSG_TRUNC) ancillary->is_truncated = 1;
    if (message.msg_flags & MSG_CTRUNC) ancillary->is_control_truncated = 1;
    return result;
}

intptr_t csock_unix_receive_stream(int descriptor, void *bytes, size_t count, int *stopped) {
    struct iovec buffer = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &buffer, .msg_iovlen = 1};
    intptr_t result = raw_syscall(SYS_recvmsg, descriptor, (long)&message, 0, 0, 0, 0);
    *stopped = result >= 0 && (message.msg_flags & MSG_CTRUNC) != 0;
    return result;
}

intptr_t csock_unix_send(int descriptor,
                            const void *bytes,
                            size_t count,
                            const struct sockaddr *address,
                            socklen_t length,
                            const int *descriptors,
                            size_t descriptor_count) {
    _Alignas(struct cmsghdr) unsigned char
        control[CMSG_SPACE(CSOCK_MAX_DESCRIPTORS * sizeof(int))];
    if (descriptor_count > CSOCK_MAX_DESCRIPTORS) return -EINVAL;
    struct iovec buffer = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {
        .msg_name = (void *)address,
        .msg_namelen = address ? length : 0,
        .msg_iov = &buffer,
        .msg_iovlen = 1,
    };
    if (descriptor_count > 0) {
        size_t size = descriptor_count * sizeof(int);
        struct cmsghdr header = {
            .cmsg_len = CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memset(control, 0, CMSG_SPACE(size));
        memcpy(control, &header, sizeof header);
        memcpy(control + CMSG_LEN(0), descriptors, size);
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(size);
    }
    return raw_syscall(SYS_sendmsg, descriptor, (long)&message, MSG_NOSIGNAL, 0, 0, 0);
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

int csock_lock_directory(const char *path) {
    int directory = OR_ERRNO(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory < 0) return directory;
    const struct timespec pause = {.tv_nsec = 1000000};
    for (int attempt = 0;; attempt++) {
        int result = OR_ERRNO(flock(directory, LOCK_EX | LOCK_NB));
        if (result == 0) return directory;
        if (result != -EINTR && (result != -EWOULDBLOCK || attempt == 200)) {
            close(directory);
            return result;
        }
        nanosleep(&pause, NULL);
    }
}
