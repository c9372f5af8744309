// The life of a socket. Each new descriptor is close-on-exec and non-blocking.

#ifndef CSOCKET_SOCKETS_H
#define CSOCKET_SOCKETS_H

#include <sys/socket.h>

// socket(2), bind(2), listen(2).
int csock_socket(int family, int type, int protocol);
int csock_bind(int descriptor, const struct sockaddr *address, socklen_t length);
int csock_listen(int descriptor, int backlog);

// accept4(2), which has no flag like MSG_DONTWAIT: it waits on a listener whose open file somebody
// else has made blocking.
int csock_accept(int descriptor, struct sockaddr *address, socklen_t *length);

// connect(2), shutdown(2).
int csock_connect(int descriptor, const struct sockaddr *address, socklen_t length);
int csock_shutdown(int descriptor, int how);

// getsockname(2), getpeername(2).
int csock_getsockname(int descriptor, struct sockaddr *address, socklen_t *length);
int csock_getpeername(int descriptor, struct sockaddr *address, socklen_t *length);

#endif
