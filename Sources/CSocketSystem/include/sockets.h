// The life of a socket. Each new descriptor is close-on-exec and non-blocking.

#ifndef CSOCKET_SOCKETS_H
#define CSOCKET_SOCKETS_H

#include <sys/socket.h>

// socket(2), bind(2), listen(2).
int csock_socket(int family, int type, int protocol);
int csock_bind(int descriptor, const struct sockaddr *address, socklen_t length);
int csock_listen(int descriptor, int backlog);

// accept4(2), or accept(2) where that is refused. It has no flag like MSG_DONTWAIT: it waits on a
// listener whose open file somebody else has made blocking.
int csock_accept(int descriptor, struct sockaddr *address, socklen_t *length);

// setsockopt(2), getsockopt(2).
int csock_set_option(int descriptor, int level, int name, const void *value, socklen_t length);
int csock_get_option(int descriptor, int level, int name, void *value, socklen_t *length);

// getsockopt(2), setsockopt(2): takes a positive SO_LINGER off a socket that is about to be closed.
void csock_stop_lingering(int descriptor);

// connect(2), shutdown(2).
int csock_connect(int descriptor, const struct sockaddr *address, socklen_t length);
int csock_shutdown(int descriptor, int how);

// getsockname(2), getpeername(2).
int csock_getsockname(int descriptor, struct sockaddr *address, socklen_t *length);
int csock_getpeername(int descriptor, struct sockaddr *address, socklen_t *length);

#endif
