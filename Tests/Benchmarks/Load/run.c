#include "Load.h"

#include <unistd.h>

struct result result;

static uint64_t warmUpEnd, deadline;
static bool measured;

static void start_measuring(void) {
    // What went wrong while it was warming up went wrong all the same.
    result = (struct result){
        .serverEmpty = result.serverEmpty, .failed = result.failed, .complaint = result.complaint,
    };
    measured = true;
    result.serverBefore = sample_process(options.server_pid);
    result.generatorBefore = sample_process(getpid());
    result.busyBefore = machine_busy();
    result.started = now();
    deadline = result.started + (uint64_t)(options.duration * 1e9);
}

void run_begin(void) {
    warmUpEnd = now() + (uint64_t)(options.warmUp * 1e9);
    if (options.count) start_measuring();
}

bool run_continues(uint64_t moment) {
    if (!measured && moment >= warmUpEnd) start_measuring();
    if (options.count) return result.operations < options.count;
    return !measured || moment < deadline;
}

bool run_is_measured(void) { return measured; }

void run_end(void) {
    result.ended = now();
    result.busyAfter = machine_busy();
    result.serverAfter = sample_process(options.server_pid);
    result.generatorAfter = sample_process(getpid());
}
