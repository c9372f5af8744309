#define _GNU_SOURCE
#include "Load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

void raise_descriptor_limit(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/// Connections to one port share 28,000 source ports an address; loopback has sixteen million
/// addresses.
static void choose_source(int descriptor, int index) {
    const in_addr_t loopback = 0x7f000000;
    if (options.server.any.sa_family != AF_INET) return;
    if ((ntohl(options.server.v4.sin_addr.s_addr) & 0xff000000) != loopback) return;
    struct sockaddr_in source = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(loopback + 0x10000 + (in_addr_t)index % 200 * 256 + 1),
    };
    setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    checked(bind(descriptor, (struct sockaddr *)&source, sizeof source), "bind a source address");
}

int try_connection(int index) {
    int family = options.server.any.sa_family;
    int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    choose_source(descriptor, index);
    // Blocking on loopback is short, and makes a full backlog wait instead of fail.
    if (connect(descriptor, &options.server.any, options.server.length) < 0) {
        int cause = errno;
        close(descriptor);
        errno = cause;
        return -1;
    }
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return descriptor;
}

int open_connection(int index) { return checked(try_connection(index), "connect"); }

#define GREETING 64

static void send_greeting(int descriptor, uint32_t stream) {
    checked((int)send(descriptor, pattern_at(stream, 0), GREETING, MSG_NOSIGNAL), "send");
}

static void receive_greeting(int descriptor, uint32_t stream) {
    unsigned char bytes[GREETING];
    for (size_t got = 0; got < sizeof bytes;) {
        ssize_t count = recv(descriptor, bytes + got, sizeof bytes - got, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count == 0) errno = ECONNRESET;
        if (count <= 0) fail("the first echo of a connection");
        got += (size_t)count;
    }
    pattern_verify(bytes, sizeof bytes, stream, 0);
}

void greet(int descriptor, uint32_t stream) {
    send_greeting(descriptor, stream);
    receive_greeting(descriptor, stream);
}

void open_idle_connections(void) {
    // Many at a time: a server that looks through its whole list for each would take minutes.
    // Left open: that is what they are for.
    int descriptors[256];
    const int most = sizeof descriptors / sizeof *descriptors;
    for (int start = 0; start < options.idle; start += most) {
        int count = options.idle - start < most ? options.idle - start : most;
        uint32_t stream = 1000000u + (uint32_t)start;
        for (int i = 0; i < count; i++) {
            descriptors[i] = open_connection((start + i) / 1000);
            send_greeting(descriptors[i], stream + (uint32_t)i);
        }
        for (int i = 0; i < count; i++) receive_greeting(descriptors[i], stream + (uint32_t)i);
    }
}
