// Datagram echo: each socket keeps `pipeline` datagrams under way, each numbered in its first eight
// bytes. One that does not come back in time is counted as lost and replaced.

#define _GNU_SOURCE
#include "Load.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define BATCH 64
#define LARGEST (64 * 1024)
#define PATIENCE 200000000u

struct flow {
    int descriptor;
    uint32_t stream;
    uint64_t next, underWay, completed, completedBefore, lastAnswer;
    /// When datagram n was sent, at n % ring.
    uint64_t *times;
};

static struct flow *flows;
static uint64_t ring = 1024;
static unsigned char (*buffers)[LARGEST];
static struct mmsghdr messages[BATCH];
static struct iovec vectors[BATCH];

static void number(unsigned char *bytes, struct flow *flow, uint64_t moment) {
    memcpy(bytes, pattern_at(flow->stream, flow->next), (size_t)options.message);
    memcpy(bytes, &flow->next, sizeof flow->next);
    flow->times[flow->next++ % ring] = moment;
    flow->underWay++;
}

/// Sends until the pipeline is full, many datagrams to a system call.
static void fill(struct flow *flow, uint64_t moment) {
    while (flow->underWay < (uint64_t)options.pipeline) {
        uint64_t before = flow->next, room = (uint64_t)options.pipeline - flow->underWay;
        int batch = room < BATCH ? (int)room : BATCH;
        for (int i = 0; i < batch; i++) {
            number(buffers[i], flow, moment);
            vectors[i] = (struct iovec){buffers[i], (size_t)options.message};
            messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
        }
        int sent = sendmmsg(flow->descriptor, messages, (unsigned)batch, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) fail("sendmmsg");
        if (sent == batch) continue;
        flow->underWay -= (uint64_t)(batch - (sent < 0 ? 0 : sent));
        flow->next = before + (uint64_t)(sent < 0 ? 0 : sent);
        return;
    }
}

/// The same in one buffer, which the kernel cuts into datagrams (UDP_SEGMENT).
static void fill_segmented(struct flow *flow, uint64_t moment) {
    while (flow->underWay < (uint64_t)options.pipeline) {
        uint64_t room = (uint64_t)options.pipeline - flow->underWay;
        uint64_t most = 65000u / (uint64_t)options.message;
        if (most > 64) most = 64;
        // Full buffers only, but the last: a trickle of small ones would measure the generator.
        if (room < most && flow->underWay > 0) return;
        uint64_t batch = room < most ? room : most;
        for (uint64_t i = 0; i < batch; i++)
            number(buffers[0] + i * (uint64_t)options.message, flow, moment);
        size_t count = batch * (size_t)options.message;
        ssize_t sent = send(flow->descriptor, buffers[0], count, MSG_NOSIGNAL);
        if (sent == (ssize_t)count) continue;
        if (errno != EAGAIN && errno != ENOBUFS) fail("send");
        flow->underWay -= batch;
        flow->next -= batch;
        return;
    }
}

static void answer(struct flow *flow, unsigned char *bytes, uint64_t moment) {
    uint64_t index;
    memcpy(&index, bytes, sizeof index);
    uint64_t time = flow->times[index % ring];
    // Given up before, or answered twice: not counted again.
    if (index >= flow->next || time == 0) return;
    pattern_verify(bytes + sizeof index, (size_t)options.message - sizeof index, flow->stream,
                   index + sizeof index);
    flow->times[index % ring] = 0;
    flow->underWay--;
    flow->completed++;
    flow->lastAnswer = moment;
    histogram_add(&result.latency, moment - time);
    result.operations++;
    result.bytes += (uint64_t)options.message;
}

static void receive(struct flow *flow) {
    for (int i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){buffers[i], LARGEST};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(flow->descriptor, messages, BATCH, MSG_DONTWAIT, NULL);
    uint64_t moment = now();
    for (int i = 0; i < count; i++) {
        // With UDP_GRO one buffer holds datagrams of equal size; without it, one datagram.
        if (messages[i].msg_len % (unsigned)options.message) continue;
        for (unsigned at = 0; at < messages[i].msg_len; at += (unsigned)options.message)
            answer(flow, buffers[i] + at, moment);
    }
    if (options.segmented) fill_segmented(flow, moment);
    else fill(flow, moment);
}

static void give_up(struct flow *flow, uint64_t moment) {
    if (moment - flow->lastAnswer < PATIENCE) return;
    result.lost += flow->underWay;
    flow->underWay = 0;
    flow->lastAnswer = moment;
    memset(flow->times, 0, ring * sizeof *flow->times);
    if (options.segmented) fill_segmented(flow, moment);
    else fill(flow, moment);
}

static void open_flow(struct flow *flow, int epoll) {
    int family = options.server.any.sa_family, room = 4 << 20;
    flow->descriptor = checked(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    setsockopt(flow->descriptor, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    setsockopt(flow->descriptor, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    checked(connect(flow->descriptor, &options.server.any, options.server.length), "connect");
    if (options.segmented) {
        int d = flow->descriptor;
        checked(setsockopt(d, IPPROTO_UDP, UDP_SEGMENT, &options.message, sizeof(int)),
                "UDP_SEGMENT");
        checked(setsockopt(d, IPPROTO_UDP, UDP_GRO, &(int){1}, sizeof(int)), "UDP_GRO");
    }
    flow->times = calloc(ring, sizeof *flow->times);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = flow};
    checked(epoll_ctl(epoll, EPOLL_CTL_ADD, flow->descriptor, &event), "epoll_ctl");
}

void load_datagrams(void) {
    if (options.message < 8 || options.message > 65000) {
        fprintf(stderr, "datagrams carry 8 to 65000 bytes\n");
        exit(2);
    }
    while (ring < 8 * (uint64_t)options.pipeline) ring *= 2;
    int epoll = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    buffers = malloc(BATCH * sizeof *buffers);
    flows = calloc((size_t)options.connections, sizeof *flows);
    for (int i = 0; i < options.connections; i++) {
        flows[i].stream = (uint32_t)i;
        open_flow(&flows[i], epoll);
    }
    run_begin();
    struct epoll_event events[BATCH];
    bool measured = false;
    uint64_t checkedAt = 0;
    for (uint64_t moment = now(); run_continues(moment); moment = now()) {
        if (!measured && run_is_measured()) {
            measured = true;
            for (int i = 0; i < options.connections; i++)
                flows[i].completedBefore = flows[i].completed;
        }
        if (moment - checkedAt > PATIENCE / 4) {
            for (int i = 0; i < options.connections; i++) give_up(&flows[i], moment);
            checkedAt = moment;
        }
        int count = epoll_wait(epoll, events, BATCH, 20);
        for (int i = 0; i < count; i++) receive(events[i].data.ptr);
    }
    run_end();
    for (int i = 0; i < options.connections; i++)
        result.stalled += flows[i].completed == flows[i].completedBefore;
}
