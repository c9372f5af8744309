// Messages: datagrams with their addresses and control data, one or many to a system call.
//
// Every wrapper returns what the system call returns, or a negated errno.

#ifndef CSOCKET_DATAGRAMS_H
#define CSOCKET_DATAGRAMS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

// The kernel's `struct mmsghdr`, which needs _GNU_SOURCE to be seen.
struct csock_message {
    struct msghdr header;
    // How many bytes were transferred.
    unsigned int length;
};

intptr_t csock_receive_message(int descriptor, struct msghdr *message, int flags);
intptr_t csock_send_message(int descriptor, const struct msghdr *message, int flags);
int csock_receive_messages(int descriptor,
                           struct csock_message *messages,
                           unsigned int count,
                           int flags);
int csock_send_messages(int descriptor,
                        struct csock_message *messages,
                        unsigned int count,
                        int flags);
intptr_t csock_send_to(int descriptor,
                       const void *bytes,
                       size_t count,
                       int flags,
                       const struct sockaddr *address,
                       socklen_t length);

// Multicast membership by RFC 3678's protocol-independent options, MCAST_JOIN_GROUP and its like.
// Without a source, `source_length` is 0.
enum csock_membership {
    CSOCK_JOIN,
    CSOCK_LEAVE,
    CSOCK_JOIN_SOURCE,
    CSOCK_LEAVE_SOURCE,
    CSOCK_BLOCK_SOURCE,
    CSOCK_UNBLOCK_SOURCE,
};

int csock_change_membership(int descriptor,
                            int change,
                            unsigned int interface,
                            const struct sockaddr *group,
                            socklen_t group_length,
                            const struct sockaddr *source,
                            socklen_t source_length);

#endif
