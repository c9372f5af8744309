// Membership in multicast groups.

#ifndef CSOCKET_MULTICAST_H
#define CSOCKET_MULTICAST_H

#include <sys/socket.h>

// What changes, by RFC 3678's protocol-independent options, MCAST_JOIN_GROUP and its like.
enum csock_membership {
    CSOCK_JOIN,
    CSOCK_LEAVE,
    CSOCK_JOIN_SOURCE,
    CSOCK_LEAVE_SOURCE,
    CSOCK_BLOCK_SOURCE,
    CSOCK_UNBLOCK_SOURCE,
};

// setsockopt(2). Without a source, `source_length` is 0.
int csock_change_membership(int descriptor,
                            int change,
                            unsigned int interface,
                            const struct sockaddr *group,
                            socklen_t group_length,
                            const struct sockaddr *source,
                            socklen_t source_length);

#endif
