// Messages: datagrams with their addresses and control data, one or many to a system call, never
// with SIGPIPE and never waiting, see transfer.h. Descriptors that come with a message are
// close-on-exec.

#ifndef CSOCKET_MESSAGES_H
#define CSOCKET_MESSAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

// The kernel's `struct mmsghdr`, which needs _GNU_SOURCE to be seen.
struct csock_message {
    struct msghdr header;
    // How many bytes were transferred.
    unsigned int length;
};

// recvmsg(2), sendmsg(2).
intptr_t csock_receive_message(int descriptor, struct msghdr *message, int flags);
intptr_t csock_send_message(int descriptor, struct msghdr *message, int flags);

// recvmmsg(2), sendmmsg(2): how many messages were transferred. One after the other by recvmsg(2) or
// sendmsg(2) where those are refused.
int csock_receive_messages(int descriptor,
                           struct csock_message *messages,
                           unsigned int count,
                           int flags);
int csock_send_messages(int descriptor,
                        struct csock_message *messages,
                        unsigned int count,
                        int flags);

// sendto(2).
intptr_t csock_send_to(int descriptor,
                       const void *bytes,
                       size_t count,
                       int flags,
                       const struct sockaddr *address,
                       socklen_t length);

#endif
