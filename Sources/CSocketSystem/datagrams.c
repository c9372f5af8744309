#define _GNU_SOURCE
#include "datagrams.h"
#include "raw_syscall.h"

#include <netinet/in.h>
#include <string.h>

_Static_assert(sizeof(struct csock_message) == sizeof(struct mmsghdr), "layout of mmsghdr");
_Static_assert(offsetof(struct csock_message, length) == offsetof(struct mmsghdr, msg_len),
               "layout of mmsghdr");

intptr_t csock_receive_message(int descriptor, struct msghdr *message, int flags) {
    return raw_syscall(
        SYS_recvmsg, descriptor, (long)message, flags | MSG_CMSG_CLOEXEC, 0, 0, 0);
}

intptr_t csock_send_message(int descriptor, const struct msghdr *message, int flags) {
    return raw_syscall(SYS_sendmsg, descriptor, (long)message, flags | MSG_NOSIGNAL, 0, 0, 0);
}

int csock_receive_messages(int descriptor,
                           struct csock_message *messages,
                           unsigned int count,
                           int flags) {
    return (int)raw_syscall(SYS_recvmmsg,
                            descriptor,
                            (long)messages,
                            count,
                            flags | MSG_CMSG_CLOEXEC,
                            0,
                            0);
}

int csock_send_messages(int descriptor,
                        struct csock_message *messages,
                        unsigned int count,
                        int flags) {
    return (int)raw_syscall(
        SYS_sendmmsg, descriptor, (long)messages, count, flags | MSG_NOSIGNAL, 0, 0);
}

intptr_t csock_send_to(int descriptor,
                       const void *bytes,
                       size_t count,
                       int flags,
                       const struct sockaddr *address,
                       socklen_t length) {
    return raw_syscall(SYS_sendto,
                       descriptor,
                       (long)bytes,
                       (long)count,
                       flags | MSG_NOSIGNAL,
                       (long)address,
                       length);
}

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
        return OR_ERRNO(
            setsockopt(descriptor, level, options[change], &request, sizeof request));
    }
    struct group_source_req request = {.gsr_interface = interface};
    memcpy(&request.gsr_group, group, group_length);
    memcpy(&request.gsr_source, source, source_length);
    return OR_ERRNO(setsockopt(descriptor, level, options[change], &request, sizeof request));
}
