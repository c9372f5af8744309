#define _GNU_SOURCE
#include "notifications.h"
#include "negated_errno.h"
#include "new_descriptor.h"
#include "sockets.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int csock_notify_open(char *name) {
    int descriptor = csock_socket(AF_UNIX, SOCK_DGRAM, 0);
    if (descriptor < 0) return descriptor;
    int on = 1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;
    // Bound without a name, it gets one: autobind in unix(7).
    if (setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
        bind(descriptor, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
        getsockname(descriptor, (struct sockaddr *)&address, &length) < 0) {
        int error = -errno;
        close(descriptor);
        return error;
    }
    size_t count = length - offsetof(struct sockaddr_un, sun_path);
    memcpy(name, address.sun_path, count);
    name[0] = '@';
    name[count] = 0;
    return descriptor;
}

intptr_t csock_notify_receive(int descriptor, char *bytes, size_t count, int *process) {
    struct iovec buffer = {.iov_base = bytes, .iov_len = count};
    // Room for a descriptor or two that somebody may send along; they are closed.
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(16 * sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &buffer,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    intptr_t received = or_errno(recvmsg(descriptor, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT));
    if (received < 0) return received;
    int known = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET) continue;
        if (part->cmsg_type == SCM_CREDENTIALS) {
            struct ucred credentials;
            memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
            *process = credentials.pid;
            known = 1;
        } else if (part->cmsg_type == SCM_RIGHTS) {
            size_t parts = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < parts; i++) {
                int extra;
                memcpy(&extra, CMSG_DATA(part) + i * sizeof extra, sizeof extra);
                close(extra);
            }
        }
    }
    return known ? received : 0;
}

int csock_notify_send(const char *name, const char *bytes, size_t count, long patience_ms) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length < 2 || length >= sizeof address.sun_path) return -EINVAL;
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') address.sun_path[0] = 0;
    int descriptor = new_descriptor(or_errno(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
    if (descriptor < 0) return descriptor;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    // A send that waits ends with EAGAIN after that time. Zero would be for ever.
    struct timeval patience = {patience_ms / 1000, patience_ms % 1000 * 1000};
    int flags = MSG_NOSIGNAL | (patience_ms > 0 ? 0 : MSG_DONTWAIT);
    int result = or_errno(setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience));
    if (result == 0) {
        do result = or_errno((int)sendto(
            descriptor, bytes, count, flags, (struct sockaddr *)&address, size));
        while (result == -EINTR);
    }
    close(descriptor);
    return result < 0 ? result : 0;
}
