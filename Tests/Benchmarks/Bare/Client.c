#define _GNU_SOURCE
#include "Bare.h"
#include "Spread.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#define SCRATCH (64 * 1024)

/// One per thread, not one per client: an idle client costs no buffer.
static _Thread_local unsigned char scratch[SCRATCH];

/// Sends all of it, or keeps the rest.
static enum outcome send_or_hold(struct client *client, const unsigned char *bytes, size_t count) {
    ssize_t sent;
    do sent = send(client->descriptor, bytes, count, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)count) return WANT_READ;
    if (sent < 0 && errno != EAGAIN) return GONE;

    size_t taken = sent < 0 ? 0 : (size_t)sent;
    client->held = malloc(count - taken);
    if (!client->held) return GONE;
    memcpy(client->held, bytes + taken, count - taken);
    client->heldStart = 0;
    client->heldEnd = count - taken;
    return WANT_WRITE;
}

static enum outcome send_held(struct client *client) {
    while (client->heldStart < client->heldEnd) {
        ssize_t sent = send(client->descriptor, client->held + client->heldStart,
                            client->heldEnd - client->heldStart, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno == EAGAIN ? WANT_WRITE : GONE;
        client->heldStart += (size_t)sent;
    }
    free(client->held);
    client->held = NULL;
    client->heldStart = client->heldEnd = 0;
    return WANT_READ;
}

enum outcome client_echo(struct client *client, bool drain) {
    if (client->held) {
        enum outcome outcome = send_held(client);
        if (outcome != WANT_READ) return outcome;
    }
    ssize_t count;
    do {
        do count = recv(client->descriptor, scratch, SCRATCH, 0);
        while (count < 0 && errno == EINTR);
        if (count == 0) return GONE;
        if (count < 0) return errno == EAGAIN ? WANT_READ : GONE;
        enum outcome outcome = send_or_hold(client, scratch, (size_t)count);
        if (outcome != WANT_READ) return outcome;
        // A short read has emptied the socket, so the next arrival makes a new edge (epoll(7)).
        // A hang-up that was already reported makes none: read on to the end of the stream.
    } while (drain && (count == SCRATCH || client->hungUp));
    return WANT_READ;
}

int accept_client(int listener) {
    int descriptor;
    do descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (descriptor < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (descriptor < 0) return -1;
    spread_note();
    // Not a TCP socket: no Nagle to switch off, and nothing to report.
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return descriptor;
}

int listen_at(const struct address *address, bool shared) {
    int kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int listener = checked(socket(address->any.sa_family, kind, 0), "socket");
    if (address_is_local(address)) {
        unlink(address->local.sun_path);
    } else {
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
        if (shared) setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
    }
    checked(bind(listener, &address->any, address->length), "bind");
    checked(listen(listener, SOMAXCONN), "listen");
    return listener;
}
