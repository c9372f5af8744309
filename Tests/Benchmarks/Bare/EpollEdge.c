// epoll(7), edge-triggered: the kernel tells each change once, the server remembers.

#define _GNU_SOURCE
#include "Bare.h"

#include <sys/epoll.h>

#define BATCH 256

// Room to send is asked for only while a client holds bytes: a Unix socket would otherwise report it
// after every message that the peer takes.
#define READING (EPOLLIN | EPOLLRDHUP | EPOLLET)

static void want(int epoll, int operation, struct client *client, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = client};
    checked(epoll_ctl(epoll, operation, client->descriptor, &event), "epoll_ctl");
}

static void accept_all(int epoll, int listener) {
    int descriptor;
    while ((descriptor = accept_client(listener)) >= 0) {
        struct client *client = calloc(1, sizeof *client);
        client->descriptor = descriptor;
        want(epoll, EPOLL_CTL_ADD, client, READING);
    }
}

static void handle(int epoll, struct client *client, unsigned events) {
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) client->hungUp = true;
    bool held = client->held != NULL;
    switch (client_echo(client, true)) {
    case WANT_READ:
        if (held) want(epoll, EPOLL_CTL_MOD, client, READING);
        break;
    case WANT_WRITE:
        if (!held) want(epoll, EPOLL_CTL_MOD, client, READING | EPOLLOUT);
        break;
    case GONE:
        close(client->descriptor);
        free(client->held);
        free(client);
    }
}

void serve_epoll_edge(int listener) {
    int epoll = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    struct epoll_event accepting = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    checked(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &accepting), "epoll_ctl");
    struct epoll_event events[BATCH];
    for (;;) {
        int count = epoll_wait(epoll, events, BATCH, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) handle(epoll, events[i].data.ptr, events[i].events);
            else accept_all(epoll, listener);
        }
    }
}
