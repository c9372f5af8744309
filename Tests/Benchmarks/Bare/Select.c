// select(2): two bit sets go to the kernel on every wait; no descriptor may reach FD_SETSIZE.

#define _GNU_SOURCE
#include "Bare.h"

#include <sys/select.h>

static struct client clients[FD_SETSIZE];
static fd_set reading, writing;
static int highest;

static void accept_all(int listener) {
    int descriptor;
    while ((descriptor = accept_client(listener)) >= 0) {
        if (descriptor >= FD_SETSIZE) {
            close(descriptor);
            continue;
        }
        clients[descriptor] = (struct client){.descriptor = descriptor};
        FD_SET(descriptor, &reading);
        if (descriptor > highest) highest = descriptor;
    }
}

static void handle(int descriptor) {
    struct client *client = &clients[descriptor];
    FD_CLR(descriptor, &reading);
    FD_CLR(descriptor, &writing);
    switch (client_echo(client, false)) {
    case WANT_READ:
        FD_SET(descriptor, &reading);
        break;
    case WANT_WRITE:
        FD_SET(descriptor, &writing);
        break;
    case GONE:
        close(descriptor);
        free(client->held);
    }
}

void serve_select(int listener) {
    FD_SET(listener, &reading);
    highest = listener;
    for (;;) {
        fd_set readable = reading, writable = writing;
        int ready = select(highest + 1, &readable, &writable, NULL, NULL);
        for (int i = 0; i <= highest && ready > 0; i++) {
            bool isReadable = FD_ISSET(i, &readable), isWritable = FD_ISSET(i, &writable);
            if (!isReadable && !isWritable) continue;
            ready -= isReadable + isWritable;
            if (i == listener) accept_all(listener);
            else handle(i);
        }
    }
}
