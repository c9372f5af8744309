#define _GNU_SOURCE
#include "sockets.h"
#include "descriptors.h"
#include "negated_errno.h"
#include "new_descriptor.h"

#include <unistd.h>

int csock_socket(int family, int type, int protocol) {
    return new_descriptor(or_errno(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)));
}

int csock_bind(int descriptor, const struct sockaddr *address, socklen_t length) {
    return or_errno(bind(descriptor, address, length));
}

int csock_listen(int descriptor, int backlog) { return or_errno(listen(descriptor, backlog)); }

int csock_accept(int descriptor, struct sockaddr *address, socklen_t *length) {
    socklen_t room = *length;
    int accepted;
    do accepted = or_errno(accept4(descriptor, address, length, SOCK_CLOEXEC | SOCK_NONBLOCK));
    while (accepted == -EINTR);
    if (!is_refused(accepted)) return new_descriptor(accepted);
    *length = room;
    int second = or_errno(accept(descriptor, address, length));
    if (second < 0) return second == -EAGAIN ? second : accepted;
    second = new_descriptor(second);
    if (second < 0) return second;
    int status = csock_set_nonblocking_cloexec(second);
    if (status < 0) close(second);
    return status < 0 ? status : second;
}

int csock_set_option(int descriptor, int level, int name, const void *value, socklen_t length) {
    return or_errno(setsockopt(descriptor, level, name, value, length));
}

int csock_get_option(int descriptor, int level, int name, void *value, socklen_t *length) {
    return or_errno(getsockopt(descriptor, level, name, value, length));
}

void csock_stop_lingering(int descriptor) {
    struct linger linger;
    socklen_t size = sizeof linger;
    if (getsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, &size) < 0) return;
    if (!linger.l_onoff || linger.l_linger == 0) return;
    linger.l_onoff = 0;
    (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

int csock_connect(int descriptor, const struct sockaddr *address, socklen_t length) {
    return or_errno(connect(descriptor, address, length));
}

int csock_shutdown(int descriptor, int how) { return or_errno(shutdown(descriptor, how)); }

int csock_getsockname(int descriptor, struct sockaddr *address, socklen_t *length) {
    return or_errno(getsockname(descriptor, address, length));
}

int csock_getpeername(int descriptor, struct sockaddr *address, socklen_t *length) {
    return or_errno(getpeername(descriptor, address, length));
}
