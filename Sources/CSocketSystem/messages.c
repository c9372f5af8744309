#define _GNU_SOURCE
#include "messages.h"
#include "negated_errno.h"

_Static_assert(sizeof(struct csock_message) == sizeof(struct mmsghdr), "layout of mmsghdr");
_Static_assert(offsetof(struct csock_message, length) == offsetof(struct mmsghdr, msg_len),
               "layout of mmsghdr");

intptr_t csock_receive_message(int descriptor, struct msghdr *message, int flags) {
    return or_errno(recvmsg(descriptor, message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
}

intptr_t csock_send_message(int descriptor, struct msghdr *message, int flags) {
    return or_errno(sendmsg(descriptor, message, flags | MSG_DONTWAIT | MSG_NOSIGNAL));
}

// As many as there are, or as there is room for: fewer than asked for mean that it would have to wait.
static int one_by_one(intptr_t transfer(int, struct msghdr *, int),
                      int descriptor,
                      struct mmsghdr *headers,
                      unsigned int count,
                      int flags) {
    for (unsigned int i = 0; i < count; i++) {
        intptr_t length = transfer(descriptor, &headers[i].msg_hdr, flags);
        if (length < 0) return (int)(i > 0 ? i : length);
        headers[i].msg_len = (unsigned int)length;
    }
    return (int)count;
}

int csock_receive_messages(int descriptor,
                           struct csock_message *messages,
                           unsigned int count,
                           int flags) {
    struct mmsghdr *headers = (struct mmsghdr *)messages;
    int received = or_errno(
        recvmmsg(descriptor, headers, count, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL));
    if (!is_refused(received)) return received;
    return one_by_one(csock_receive_message, descriptor, headers, count, flags);
}

int csock_send_messages(int descriptor,
                        struct csock_message *messages,
                        unsigned int count,
                        int flags) {
    struct mmsghdr *headers = (struct mmsghdr *)messages;
    int sent = or_errno(sendmmsg(descriptor, headers, count, flags | MSG_DONTWAIT | MSG_NOSIGNAL));
    if (!is_refused(sent)) return sent;
    return one_by_one(csock_send_message, descriptor, headers, count, flags);
}

intptr_t csock_send_to(int descriptor,
                       const void *bytes,
                       size_t count,
                       int flags,
                       const struct sockaddr *address,
                       socklen_t length) {
    return or_errno(sendto(descriptor, bytes, count, flags | MSG_DONTWAIT | MSG_NOSIGNAL, address, length));
}
