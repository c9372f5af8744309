// The bytes of a stream: received and sent, never with SIGPIPE.
//
// Every call has MSG_DONTWAIT: O_NONBLOCK belongs to the open file, so another process that shares it
// can clear it, and a loop's thread must not wait for that.

#ifndef CSOCKET_TRANSFER_H
#define CSOCKET_TRANSFER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

// recv(2), send(2), sendmsg(2).
intptr_t csock_recv(int descriptor, void *bytes, size_t count, int flags);
intptr_t csock_send(int descriptor, const void *bytes, size_t count, int flags);
intptr_t csock_send_vector(int descriptor, const struct iovec *buffers, size_t count);

#endif
