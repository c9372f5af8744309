// poll(2): the whole list goes to the kernel on every wait.

#define _GNU_SOURCE
#include "Bare.h"

#include <poll.h>

/// Parallel lists, the listener first; a client that has gone is replaced by the last one.
static struct pollfd *watched;
static struct client *clients;
static size_t count, capacity;

static void add(int descriptor) {
    if (count == capacity) {
        capacity = capacity ? capacity * 2 : 64;
        watched = realloc(watched, capacity * sizeof *watched);
        clients = realloc(clients, capacity * sizeof *clients);
    }
    watched[count] = (struct pollfd){.fd = descriptor, .events = POLLIN};
    clients[count] = (struct client){.descriptor = descriptor};
    count++;
}

static void take_away(size_t index) {
    close(clients[index].descriptor);
    free(clients[index].held);
    count--;
    watched[index] = watched[count];
    clients[index] = clients[count];
}

void serve_poll(int listener) {
    add(listener);
    for (;;) {
        int ready = poll(watched, count, -1);
        // From the end, so that what replaces a client that has gone was looked at before.
        for (size_t i = count; --i > 0 && ready > 0;) {
            if (!watched[i].revents) continue;
            ready--;
            enum outcome outcome = client_echo(&clients[i], false);
            if (outcome == GONE) take_away(i);
            else watched[i].events = outcome == WANT_READ ? POLLIN : POLLOUT;
        }
        int descriptor;
        if (watched[0].revents)
            while ((descriptor = accept_client(listener)) >= 0) add(descriptor);
    }
}
