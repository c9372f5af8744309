// Datagram echo, three ways: one datagram per system call, many per call, and many in one buffer.

#define _GNU_SOURCE
#include "Bare.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>

#define LARGEST (64 * 1024)
#define BATCH 64

void serve_datagrams(int descriptor) {
    static unsigned char bytes[LARGEST];
    for (;;) {
        struct address source = {.length = sizeof(struct sockaddr_un)};
        ssize_t count = recvfrom(descriptor, bytes, LARGEST, 0, &source.any, &source.length);
        if (count >= 0)
            sendto(descriptor, bytes, (size_t)count, MSG_NOSIGNAL, &source.any, source.length);
    }
}

void serve_datagrams_batched(int descriptor) {
    static unsigned char bytes[BATCH][LARGEST];
    static struct address sources[BATCH];
    static struct iovec vectors[BATCH];
    static struct mmsghdr messages[BATCH];
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            vectors[i] = (struct iovec){.iov_base = bytes[i], .iov_len = LARGEST};
            messages[i].msg_hdr = (struct msghdr){
                .msg_name = &sources[i],
                .msg_namelen = sizeof(struct sockaddr_un),
                .msg_iov = &vectors[i],
                .msg_iovlen = 1,
            };
        }
        int received = recvmmsg(descriptor, messages, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < received; i++) vectors[i].iov_len = messages[i].msg_len;
        for (int sent = 0; sent < received;) {
            int count = sendmmsg(descriptor, messages + sent, (unsigned)(received - sent),
                                 MSG_NOSIGNAL);
            // A datagram that cannot be sent is lost, as datagrams are; the others go on.
            sent += count > 0 ? count : 1;
        }
    }
}

/// The size of the segments that the kernel put into one buffer, 0 when it was one datagram.
static uint16_t segment_size(struct msghdr *message) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO) continue;
        int size;
        memcpy(&size, CMSG_DATA(c), sizeof size);
        return (uint16_t)size;
    }
    return 0;
}

void serve_datagrams_segmented(int descriptor) {
    static unsigned char bytes[LARGEST];
    checked(setsockopt(descriptor, IPPROTO_UDP, UDP_GRO, &(int){1}, sizeof(int)), "UDP_GRO");
    for (;;) {
        struct address source;
        _Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))];
        struct iovec vector = {.iov_base = bytes, .iov_len = LARGEST};
        struct msghdr message = {
            .msg_name = &source,
            .msg_namelen = sizeof(struct sockaddr_un),
            .msg_iov = &vector,
            .msg_iovlen = 1,
            .msg_control = control,
            .msg_controllen = sizeof control,
        };
        ssize_t count = recvmsg(descriptor, &message, 0);
        if (count < 0) continue;
        uint16_t size = segment_size(&message);
        vector.iov_len = (size_t)count;
        message.msg_controllen = 0;
        if (size > 0 && count > size) {
            message.msg_controllen = CMSG_SPACE(sizeof size);
            struct cmsghdr *header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = IPPROTO_UDP;
            header->cmsg_type = UDP_SEGMENT;
            header->cmsg_len = CMSG_LEN(sizeof size);
            memcpy(CMSG_DATA(header), &size, sizeof size);
        }
        sendmsg(descriptor, &message, MSG_NOSIGNAL);
    }
}
