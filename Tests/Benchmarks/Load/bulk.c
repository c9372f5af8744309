// A stream both ways: each connection sends as fast as the server takes and reads all that comes.

#define _GNU_SOURCE
#include "Load.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define BATCH 64

struct connection {
    int descriptor;
    uint32_t stream;
    uint64_t sent, received, receivedBefore;
};

static struct connection *connections;
static unsigned char *buffer;

static void send_some(struct connection *c) {
    ssize_t count = send(c->descriptor, pattern_at(c->stream, c->sent), PATTERN_SPAN,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno != EAGAIN) fail("send");
    if (count > 0) c->sent += (uint64_t)count;
}

static void receive_some(struct connection *c) {
    ssize_t count = recv(c->descriptor, buffer, PATTERN_SPAN, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count == 0) errno = ECONNRESET;
    if (count <= 0) fail("recv");
    pattern_verify(buffer, (size_t)count, c->stream, c->received);
    c->received += (uint64_t)count;
    result.bytes += (uint64_t)count;
}

void load_bulk(void) {
    int epoll = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    buffer = malloc(PATTERN_SPAN);
    connections = calloc((size_t)options.connections, sizeof *connections);
    for (int i = 0; i < options.connections; i++) {
        struct connection *c = &connections[i];
        c->descriptor = open_connection(i / 1000);
        c->stream = (uint32_t)i;
        greet(c->descriptor, c->stream);
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
        checked(epoll_ctl(epoll, EPOLL_CTL_ADD, c->descriptor, &event), "epoll_ctl");
    }
    run_begin();
    struct epoll_event events[BATCH];
    bool measured = false;
    for (uint64_t moment = now(); run_continues(moment); moment = now()) {
        if (!measured && run_is_measured()) {
            measured = true;
            for (int i = 0; i < options.connections; i++)
                connections[i].receivedBefore = connections[i].received;
        }
        int count = epoll_wait(epoll, events, BATCH, 100);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLIN) receive_some(c);
            if (events[i].events & EPOLLOUT) send_some(c);
            if (events[i].events & EPOLLERR) receive_some(c);
        }
        result.operations = result.bytes / (uint64_t)options.message;
    }
    run_end();
    for (int i = 0; i < options.connections; i++)
        result.stalled += connections[i].received == connections[i].receivedBefore;
}
