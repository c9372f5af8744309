// Bare C echo servers: the floor that every library is compared with. Each waits in another way;
// what they do with a ready client is the same code, `Client.c`.

#ifndef BARE_H
#define BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "Support.h"

/// One client. It owns a buffer only while its peer does not take what is to be sent.
struct client {
    int descriptor;
    /// The peer will send no more: a short read then does not end the reading.
    bool hungUp;
    /// Bytes read and not yet sent: `held[heldStart ..< heldEnd]`.
    unsigned char *held;
    size_t heldStart, heldEnd;
};

enum outcome { WANT_READ, WANT_WRITE, GONE };

/// Sends what is held, then echoes until the client has nothing more to read (or once, unless
/// `drain`).
enum outcome client_echo(struct client *client, bool drain);

/// The next accepted connection, non-blocking, close-on-exec, without Nagle's delay; -1 when there
/// is none.
int accept_client(int listener);

/// A bound, listening, non-blocking socket; `shared` lets several of them have one port.
int listen_at(const struct address *address, bool shared);

// One function per way to wait. Each serves for ever on the listener that it is given.

void serve_select(int listener);
void serve_poll(int listener);
void serve_epoll_level(int listener);
void serve_epoll_edge(int listener);

// The same for datagrams, on a bound, blocking socket.

void serve_datagrams(int descriptor);
void serve_datagrams_batched(int descriptor);
void serve_datagrams_segmented(int descriptor);

#endif
