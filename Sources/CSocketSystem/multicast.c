#define _GNU_SOURCE
#include "multicast.h"
#include "negated_errno.h"

#include <netinet/in.h>
#include <string.h>

int csock_change_membership(int descriptor,
                            int change,
                            unsigned int interface,
                            const struct sockaddr *group,
                            socklen_t group_length,
                            const struct sockaddr *source,
                            socklen_t source_length) {
    static const int options[] = {
        [CSOCK_JOIN] = MCAST_JOIN_GROUP,
        [CSOCK_LEAVE] = MCAST_LEAVE_GROUP,
        [CSOCK_JOIN_SOURCE] = MCAST_JOIN_SOURCE_GROUP,
        [CSOCK_LEAVE_SOURCE] = MCAST_LEAVE_SOURCE_GROUP,
        [CSOCK_BLOCK_SOURCE] = MCAST_BLOCK_SOURCE,
        [CSOCK_UNBLOCK_SOURCE] = MCAST_UNBLOCK_SOURCE,
    };
    if (group_length > sizeof(struct sockaddr_storage) ||
        source_length > sizeof(struct sockaddr_storage))
        return -EINVAL;
    int level = group->sa_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    if (change == CSOCK_JOIN || change == CSOCK_LEAVE) {
        struct group_req request = {.gr_interface = interface};
        memcpy(&request.gr_group, group, group_length);
        return or_errno(
            setsockopt(descriptor, level, options[change], &request, sizeof request));
    }
    struct group_source_req request = {.gsr_interface = interface};
    memcpy(&request.gsr_group, group, group_length);
    memcpy(&request.gsr_source, source, source_length);
    return or_errno(setsockopt(descriptor, level, options[change], &request, sizeof request));
}
