// epoll(7), level-triggered: the kernel repeats what is so, the server asks for what it wants.

#define _GNU_SOURCE
#include "Bare.h"

#include <sys/epoll.h>

#define BATCH 256

static void want(int epoll, int operation, struct client *client, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = client};
    checked(epoll_ctl(epoll, operation, client->descriptor, &event), "epoll_ctl");
}

static void accept_all(int epoll, int listener) {
    int descriptor;
    while ((descriptor = accept_client(listener)) >= 0) {
        struct client *client = calloc(1, sizeof *client);
        client->descriptor = descriptor;
        want(epoll, EPOLL_CTL_ADD, client, EPOLLIN);
    }
}

static void handle(int epoll, struct client *client) {
    bool held = client->held != NULL;
    switch (client_echo(client, false)) {
    case WANT_READ:
        if (held) want(epoll, EPOLL_CTL_MOD, client, EPOLLIN);
        break;
    case WANT_WRITE:
        if (!held) want(epoll, EPOLL_CTL_MOD, client, EPOLLOUT);
        break;
    case GONE:
        close(client->descriptor);
        free(client->held);
        free(client);
    }
}

void serve_epoll_level(int listener) {
    int epoll = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    struct epoll_event accepting = {.events = EPOLLIN, .data.ptr = NULL};
    checked(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &accepting), "epoll_ctl");
    struct epoll_event events[BATCH];
    for (;;) {
        int count = epoll_wait(epoll, events, BATCH, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) handle(epoll, events[i].data.ptr);
            else accept_all(epoll, listener);
        }
    }
}
