// bare KIND [ADDRESS] [THREADS]

#define _GNU_SOURCE
#include "Bare.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct kind {
    const char *name;
    int type;
    void (*serve)(int descriptor);
};

static const struct kind kinds[] = {
    {"select", SOCK_STREAM, serve_select},
    {"poll", SOCK_STREAM, serve_poll},
    {"level", SOCK_STREAM, serve_epoll_level},
    {"edge", SOCK_STREAM, serve_epoll_edge},
    {"datagrams", SOCK_DGRAM, serve_datagrams},
    {"datagrams-batched", SOCK_DGRAM, serve_datagrams_batched},
    {"datagrams-segmented", SOCK_DGRAM, serve_datagrams_segmented},
};

static const struct kind *kind;

static void *run(void *listener) {
    kind->serve((int)(long)listener);
    return NULL;
}

static void serve_streams(struct address address, int threads) {
    int first = listen_at(&address, threads > 1);
    for (int i = 1; i < threads; i++) {
        // A Unix socket cannot be bound twice: its threads accept from one listener.
        int listener = first;
        if (!address_is_local(&address)) {
            getsockname(first, &address.any, &address.length);
            listener = listen_at(&address, true);
        }
        pthread_t thread;
        pthread_create(&thread, NULL, run, (void *)(long)listener);
    }
    announce(first);
    kind->serve(first);
}

static void serve_messages(struct address address) {
    int descriptor = checked(socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    int room = 4 << 20;
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    checked(bind(descriptor, &address.any, address.length), "bind");
    announce(descriptor);
    kind->serve(descriptor);
}

int main(int count, char **arguments) {
    for (size_t i = 0; count > 1 && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(arguments[1], kinds[i].name) == 0) kind = &kinds[i];
    if (!kind || count > 4) {
        fprintf(stderr, "usage: bare select|poll|level|edge [ADDRESS] [THREADS]\n"
                        "       bare datagrams|datagrams-batched|datagrams-segmented [ADDRESS]\n");
        return 2;
    }
    struct address address = address_parse(count > 2 ? arguments[2] : "127.0.0.1:0");
    int threads = count > 3 ? atoi(arguments[3]) : 1;
    bool epoll = kind->serve == serve_epoll_level || kind->serve == serve_epoll_edge;
    if (threads < 1 || (threads > 1 && !epoll)) {
        fprintf(stderr, "%s serves with one thread\n", kind->name);
        return 2;
    }
    if (kind->type == SOCK_DGRAM) serve_messages(address);
    else serve_streams(address, threads);
    return 0;
}
