#define _GNU_SOURCE
#include "transfer.h"
#include "negated_errno.h"

#include <sys/socket.h>

intptr_t csock_recv(int descriptor, void *bytes, size_t count, int flags) {
    return or_errno(recv(descriptor, bytes, count, flags | MSG_DONTWAIT));
}

intptr_t csock_send(int descriptor, const void *bytes, size_t count, int flags) {
    return or_errno(send(descriptor, bytes, count, flags | MSG_DONTWAIT | MSG_NOSIGNAL));
}

intptr_t csock_send_vector(int descriptor, const struct iovec *buffers, size_t count) {
    struct msghdr message = {.msg_iov = (struct iovec *)buffers, .msg_iovlen = count};
    return or_errno(sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}
