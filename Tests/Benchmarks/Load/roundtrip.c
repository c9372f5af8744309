// Round trips: each connection keeps `pipeline` messages under way, or sends them at a given rate.
//
// At a rate, message k of connection c is due at start + (k·connections + c) / rate, whether or not
// the ones before it have come back, and its latency counts from then: a server that pauses is
// charged for every message that had to wait (no coordinated omission).

#define _GNU_SOURCE
#include "Load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256

struct connection {
    int descriptor;
    uint32_t stream;
    /// Positions in the stream: what may be sent, is sent, and has come back.
    uint64_t allowed, sent, received;
    /// Messages due, started and completed. `started` is what `times` has an entry for.
    uint64_t due, started, completed, completedBefore;
    /// When each message under way was sent or was due, a ring of `options.pipeline`.
    uint64_t *times;
    bool blocked;
};

static int epoll;
static struct connection *connections;
static unsigned char *buffer;
static uint64_t begun, dueTotal, startedTotal;

static uint64_t due_time(const struct connection *c, uint64_t message) {
    double index = (double)message * options.connections + (double)(c - connections);
    return begun + (uint64_t)(index * 1e9 / options.rate);
}

static void watch(struct connection *c, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (c->blocked ? EPOLLOUT : 0), .data.ptr = c};
    checked(epoll_ctl(epoll, operation, c->descriptor, &event), "epoll_ctl");
}

static void flush(struct connection *c) {
    bool blocked = false;
    while (c->sent < c->allowed && !blocked) {
        size_t count = c->allowed - c->sent;
        if (count > PATTERN_SPAN) count = PATTERN_SPAN;
        ssize_t sent = send(c->descriptor, pattern_at(c->stream, c->sent), count,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) fail("send");
        if (sent > 0) c->sent += (uint64_t)sent;
        blocked = sent < (ssize_t)count;
    }
    if (blocked == c->blocked) return;
    c->blocked = blocked;
    watch(c, EPOLL_CTL_MOD);
}

/// Starts as many messages as are due and fit.
static void start_messages(struct connection *c, uint64_t moment) {
    uint64_t started = c->started;
    while (c->started - c->completed < (uint64_t)options.pipeline) {
        if (options.count && startedTotal == options.count) break;
        if (options.rate > 0 && c->started == c->due) break;
        uint64_t time = options.rate > 0 ? due_time(c, c->started) : moment;
        c->times[c->started % (uint64_t)options.pipeline] = time;
        c->started++;
        startedTotal++;
    }
    if (c->started == started) return;
    c->allowed = c->started * (uint64_t)options.message;
    if (!c->blocked) flush(c);
}

static void complete_messages(struct connection *c, uint64_t moment) {
    uint64_t complete = c->received / (uint64_t)options.message;
    for (; c->completed < complete; c->completed++) {
        uint64_t time = c->times[c->completed % (uint64_t)options.pipeline];
        histogram_add(&result.latency, moment > time ? moment - time : 0);
        result.operations++;
    }
}

static void handle(struct connection *c, unsigned events) {
    if (events & EPOLLOUT) flush(c);
    if (!(events & ~(unsigned)EPOLLOUT)) return;
    ssize_t count = recv(c->descriptor, buffer, PATTERN_SPAN, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count == 0) errno = ECONNRESET;
    if (count <= 0) fail("recv");
    pattern_verify(buffer, (size_t)count, c->stream, c->received);
    c->received += (uint64_t)count;
    result.bytes += (uint64_t)count;
    uint64_t moment = now();
    complete_messages(c, moment);
    start_messages(c, moment);
}

/// Hands out the messages that have become due; the time until the next, or none without a rate.
static struct timespec *send_due(uint64_t moment, struct timespec *wait) {
    *wait = (struct timespec){.tv_nsec = 100000000};
    if (options.rate <= 0) return wait;
    uint64_t due = (uint64_t)((double)(moment - begun) * options.rate / 1e9) + 1;
    for (; dueTotal < due; dueTotal++) {
        struct connection *c = &connections[dueTotal % (uint64_t)options.connections];
        c->due++;
        start_messages(c, moment);
    }
    uint64_t next = begun + (uint64_t)((double)dueTotal * 1e9 / options.rate), time = now();
    wait->tv_nsec = next > time ? (long)(next - time) : 0;
    if (wait->tv_nsec > 100000000) wait->tv_nsec = 100000000;
    return wait;
}

static void open_all(void) {
    epoll = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    buffer = malloc(PATTERN_SPAN);
    connections = calloc((size_t)options.connections, sizeof *connections);
    for (int i = 0; i < options.connections; i++) {
        struct connection *c = &connections[i];
        c->descriptor = open_connection(i / 1000);
        c->stream = (uint32_t)i;
        greet(c->descriptor, c->stream);
        c->times = calloc((size_t)options.pipeline, sizeof *c->times);
        watch(c, EPOLL_CTL_ADD);
    }
}

static void note_progress(void) {
    for (int i = 0; i < options.connections; i++)
        connections[i].completedBefore = connections[i].completed;
}

void load_roundtrip(void) {
    open_all();
    run_begin();
    begun = now();
    for (int i = 0; options.rate <= 0 && i < options.connections; i++)
        start_messages(&connections[i], now());
    struct epoll_event events[BATCH];
    bool measured = run_is_measured();
    for (uint64_t moment = now(); run_continues(moment); moment = now()) {
        if (!measured && run_is_measured()) {
            measured = true;
            note_progress();
        }
        struct timespec wait;
        int count = epoll_pwait2(epoll, events, BATCH, send_due(moment, &wait), NULL);
        for (int i = 0; i < count; i++) handle(events[i].data.ptr, events[i].events);
    }
    run_end();
    for (int i = 0; i < options.connections; i++)
        result.stalled += connections[i].completed == connections[i].completedBefore;
}
