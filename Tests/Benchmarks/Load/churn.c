// Churn: connect, have one message echoed, close. An operation is all of that. As many as there are
// slots go on at once; each slot begins again when it is free, or when the next is due at a rate.
//
// At a rate, connection k is due at start + k / rate, whether or not there is a slot for it then, and
// its latency counts from that time to the last byte of the echo (no coordinated omission). Without
// one it counts from connect.

#define _GNU_SOURCE
#include "Load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256
/// The most connections that are made in a row.
#define BURST 32
/// Source addresses, so that 20,000 ports a second do not run out.
#define SOURCES 200
/// After so many nanoseconds without an answer a connection is one that stands still.
#define PATIENCE 1000000000u

struct slot {
    int descriptor;
    uint32_t stream;
    size_t received;
    /// When it was due, and when it was connected.
    uint64_t due, connected;
};

static int epoll;
static unsigned char *buffer;
/// All slots, and those that are free, `spare` of them.
static struct slot *slots, **vacant;
static int spare;
static uint64_t begun, opened;

static void release(struct slot *slot) {
    slot->descriptor = -1;
    vacant[spare++] = slot;
}

/// Counted, not fatal: a server that refuses one connection may take the next.
static void complain(const char *what) {
    result.failed++;
    if (result.complaint) return;
    static char text[128];
    strcat(strcat(strcpy(text, what), ": "), strerror(errno));
    result.complaint = text;
}

static void begin(struct slot *slot, uint64_t due, uint64_t moment) {
    slot->due = due;
    slot->connected = moment;
    slot->stream = (uint32_t)opened++;
    slot->received = 0;
    slot->descriptor = try_connection((int)(slot->stream % SOURCES));
    if (slot->descriptor < 0) {
        complain("connect");
        return release(slot);
    }
    ssize_t sent = send(slot->descriptor, pattern_at(slot->stream, 0), (size_t)options.message,
                        MSG_NOSIGNAL);
    if (sent != options.message) {
        complain("send");
        close(slot->descriptor);
        return release(slot);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = slot};
    checked(epoll_ctl(epoll, EPOLL_CTL_ADD, slot->descriptor, &event), "epoll_ctl");
}

static void handle(struct slot *slot) {
    ssize_t count = recv(slot->descriptor, buffer, PATTERN_SPAN, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count > 0) {
        pattern_verify(buffer, (size_t)count, slot->stream, slot->received);
        slot->received += (size_t)count;
        result.bytes += (size_t)count;
        if (slot->received < (size_t)options.message) return;
        histogram_add(&result.latency, now() - slot->due);
        result.operations++;
    } else {
        if (count == 0) errno = ECONNRESET;
        complain("recv");
    }
    close(slot->descriptor);
    release(slot);
}

/// When connection number `opened` is due.
static uint64_t next_due(uint64_t moment) {
    return options.rate > 0 ? begun + (uint64_t)((double)opened * 1e9 / options.rate) : moment;
}

/// Begins what is due and has a slot; the time until the next is due.
static struct timespec begin_due(uint64_t moment) {
    // Not all at once: those that are answered meanwhile would wait to be timed.
    for (int room = spare < BURST ? spare : BURST; room > 0; room--) {
        uint64_t due = next_due(moment);
        if (due > moment || (options.count && opened >= options.count)) break;
        begin(vacant[--spare], due, moment);
    }
    uint64_t due = next_due(moment), time = now(), most = 100000000;
    if (spare == 0) return (struct timespec){.tv_nsec = (long)most};
    uint64_t wait = due > time ? due - time : 0;
    return (struct timespec){.tv_nsec = (long)(wait < most ? wait : most)};
}

void load_churn(void) {
    epoll = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    buffer = malloc(PATTERN_SPAN);
    slots = calloc((size_t)options.connections, sizeof *slots);
    vacant = calloc((size_t)options.connections, sizeof *vacant);
    for (int i = 0; i < options.connections; i++) release(&slots[i]);
    run_begin();
    begun = now();
    struct epoll_event events[BATCH];
    for (uint64_t moment = now(); run_continues(moment); moment = now()) {
        struct timespec wait = begin_due(moment);
        int count = epoll_pwait2(epoll, events, BATCH, &wait, NULL);
        for (int i = 0; i < count; i++) handle(events[i].data.ptr);
    }
    run_end();
    result.stalled = result.operations == 0;
    for (int i = 0; i < options.connections; i++) {
        bool isOpen = slots[i].descriptor >= 0;
        result.stalled += isOpen && result.ended - slots[i].connected > PATIENCE;
    }
}
