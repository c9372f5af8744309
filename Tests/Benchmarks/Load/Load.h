// The load generator: what is asked of it, what it measures, and the loads it knows.

#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "Support.h"

// ---- What is asked (main.c) ----

struct options {
    /// roundtrip, bulk, churn or datagrams.
    const char *mode;
    struct address server;
    /// Connections at work, and connections that are opened, echoed once and then left alone.
    int connections, idle;
    /// Bytes in a message, and messages under way at once on each connection.
    int message, pipeline;
    /// Seconds measured, after seconds that are not.
    double duration, warmUp;
    /// Messages a second over all connections, 0 for as many as the server answers.
    double rate;
    /// Messages over all connections after which to stop, regardless of the time; 0 for no such end.
    uint64_t count;
    /// The server's process, to sample; 0 for none.
    pid_t server_pid;
    /// Datagrams go out and come in many to a buffer (UDP_SEGMENT and UDP_GRO).
    bool segmented;
};

extern struct options options;

// ---- What is measured ----

/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t now(void);

/// Latencies in nanoseconds: 64 buckets for each power of two, so within 1.6 % of the truth.
struct histogram {
    uint64_t buckets[64 * 64];
    uint64_t count, maximum;
    double sum;
};

void histogram_add(struct histogram *histogram, uint64_t nanoseconds);
/// The latency that `part` (0…1) of all are not above, in nanoseconds.
uint64_t histogram_quantile(const struct histogram *histogram, double part);

/// What /proc tells of a process at a moment.
struct sample {
    /// Nanoseconds on a processor, and clock ticks in user and kernel code.
    uint64_t running, userTicks, systemTicks;
    /// Times that its threads gave the processor up by themselves.
    uint64_t voluntarySwitches;
    /// Resident memory now and at most, KiB.
    uint64_t resident, residentPeak;
};

struct sample sample_process(pid_t process);
/// Nanoseconds, to a clock tick, that all processors were busy with any work.
uint64_t machine_busy(void);

/// The counters of a run. Loads add to them without asking whether they are measured: the clock's
/// owner (run.c) clears them when the warm-up ends.
struct result {
    uint64_t operations, bytes;
    /// Operations that failed, and datagrams that did not come back in time.
    uint64_t failed, lost;
    struct histogram latency;
    struct sample serverEmpty, serverBefore, serverAfter, generatorBefore, generatorAfter;
    uint64_t started, ended;
    /// What `machine_busy` told at the start and at the end.
    uint64_t busyBefore, busyAfter;
    /// Connections that completed nothing while it was measured.
    int stalled;
    /// What the first failure of all was, a string; nil for none.
    const char *complaint;
};

extern struct result result;

// ---- The clock of a run (run.c) ----

/// Starts the warm-up. Call it when every connection is open.
void run_begin(void);
/// Whether to go on, at the time `moment`; ends the warm-up when it is due.
bool run_continues(uint64_t moment);
/// Whether the run is measured yet.
bool run_is_measured(void);
/// Takes the last samples.
void run_end(void);

// ---- What is sent (pattern.c) ----

/// The longest piece of the pattern there is in one place.
#define PATTERN_SPAN (256 * 1024)
/// Bytes after which the pattern repeats: a prime, so that no shift goes unnoticed.
#define PATTERN_PERIOD 65521

void pattern_prepare(void);
/// The bytes of the stream `stream` from `position` on, at least PATTERN_SPAN of them.
const unsigned char *pattern_at(uint32_t stream, uint64_t position);
/// Ends the program when the bytes that came are not those that were sent.
void pattern_verify(const unsigned char *bytes, size_t count, uint32_t stream, uint64_t position);

// ---- The loads ----

/// A connected socket, or -1 and errno. `index` picks a source address, for IPv4 on loopback, so that
/// connections in quick succession do not run out of ports.
int try_connection(int index);
/// The same, and the program ends if it fails.
int open_connection(int index);
/// Allows as many descriptors as the system lets us have.
void raise_descriptor_limit(void);
/// Has a few bytes echoed: afterwards the server has accepted the connection and serves it.
void greet(int descriptor, uint32_t stream);
/// Opens `options.idle` connections and echoes once on each.
void open_idle_connections(void);

void load_roundtrip(void);
void load_bulk(void);
void load_churn(void);
void load_datagrams(void);

#endif
