#define _GNU_SOURCE
#include "sockets.h"
#include "negated_errno.h"
#include "new_descriptor.h"

int csock_socket(int family, int type, int protocol) {
    return new_descriptor(or_errno(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)));
}

int csock_bind(int descriptor, const struct sockaddr *address, socklen_t length) {
    return or_errno(bind(descriptor, address, length));
}

int csock_listen(int descriptor, int backlog) { return or_errno(listen(descriptor, backlog)); }

int csock_accept(int descriptor, struct sockaddr *address, socklen_t *length) {
    int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    return new_descriptor(or_errno(accept4(descriptor, address, length, flags)));
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
