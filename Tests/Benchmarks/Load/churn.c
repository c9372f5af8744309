// Churn: each slot connects, has one message echoed, closes and begins again. An operation is all of
// that; its latency counts from connect to the last byte of the echo.

#define _GNU_SOURCE
#include "Load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCH 64

struct slot {
    int descriptor;
    uint32_t stream;
    size_t received;
    uint64_t begun;
};

static int epoll;
static unsigned char *buffer;
static uint32_t opened;

static void begin(struct slot *slot) {
    slot->begun = now();
    slot->stream = opened++;
    slot->received = 0;
    slot->descriptor = open_connection((int)(slot->stream % 200));
    ssize_t sent = send(slot->descriptor, pattern_at(slot->stream, 0), (size_t)options.message,
                        MSG_NOSIGNAL);
    if (sent != options.message) fail("send");
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
        histogram_add(&result.latency, now() - slot->begun);
        result.operations++;
    } else {
        result.failed++;
    }
    close(slot->descriptor);
    if (!options.count || opened < options.count) begin(slot);
}

void load_churn(void) {
    epoll = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    buffer = malloc(PATTERN_SPAN);
    struct slot *slots = calloc((size_t)options.connections, sizeof *slots);
    run_begin();
    for (int i = 0; i < options.connections; i++) begin(&slots[i]);
    struct epoll_event events[BATCH];
    for (uint64_t moment = now(); run_continues(moment); moment = now()) {
        int count = epoll_wait(epoll, events, BATCH, 100);
        for (int i = 0; i < count; i++) handle(events[i].data.ptr);
    }
    run_end();
    result.stalled = result.operations == 0;
}
