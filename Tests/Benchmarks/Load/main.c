// load --connect ADDRESS [options]: drives an echo server and prints what it measured as one line
// of JSON.

#define _GNU_SOURCE
#include "Load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct options options = {
    .mode = "roundtrip", .connections = 64, .message = 64, .pipeline = 1,
    .duration = 3, .warmUp = 0.5,
};

static const struct mode {
    const char *name;
    void (*run)(void);
} modes[] = {
    {"roundtrip", load_roundtrip},
    {"bulk", load_bulk},
    {"churn", load_churn},
    {"datagrams", load_datagrams},
};

static _Noreturn void usage(void) {
    fprintf(stderr,
            "usage: load --connect ADDRESS [--mode roundtrip|bulk|churn|datagrams]\n"
            "            [--connections N] [--idle N] [--message BYTES] [--pipeline K]\n"
            "            [--duration SECONDS] [--warm-up SECONDS] [--rate PER_SECOND] [--count N]\n"
            "            [--pid SERVER] [--segmented]\n");
    exit(2);
}

static void parse(int count, char **arguments) {
    static const struct option names[] = {
        {"connect", 1, 0, 'a'}, {"mode", 1, 0, 'm'}, {"connections", 1, 0, 'c'},
        {"idle", 1, 0, 'i'}, {"message", 1, 0, 'b'}, {"pipeline", 1, 0, 'k'},
        {"duration", 1, 0, 'd'}, {"warm-up", 1, 0, 'w'}, {"rate", 1, 0, 'r'},
        {"count", 1, 0, 'n'}, {"pid", 1, 0, 'p'}, {"segmented", 0, 0, 's'}, {0, 0, 0, 0},
    };
    bool connect = false;
    for (int name; (name = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        switch (name) {
        case 'a': options.server = address_parse(optarg); connect = true; break;
        case 'm': options.mode = optarg; break;
        case 'c': options.connections = atoi(optarg); break;
        case 'i': options.idle = atoi(optarg); break;
        case 'b': options.message = atoi(optarg); break;
        case 'k': options.pipeline = atoi(optarg); break;
        case 'd': options.duration = atof(optarg); break;
        case 'w': options.warmUp = atof(optarg); break;
        case 'r': options.rate = atof(optarg); break;
        case 'n': options.count = strtoull(optarg, NULL, 10); break;
        case 'p': options.server_pid = atoi(optarg); break;
        case 's': options.segmented = true; break;
        default: usage();
        }
    }
    bool sane = options.connections > 0 && options.message > 0 && options.message <= PATTERN_SPAN
        && options.pipeline > 0 && options.duration > 0 && options.idle >= 0;
    if (!connect || !sane || optind < count) usage();
}

static double microseconds(double part) {
    return (double)histogram_quantile(&result.latency, part) / 1e3;
}

/// Processor time of a process between two samples. The scheduler's count is exact; its split into
/// user and system is the clock ticks'.
static void print_process(const char *name, struct sample before, struct sample after) {
    double seconds = (double)(after.running - before.running) / 1e9;
    double user = (double)(after.userTicks - before.userTicks);
    double system = (double)(after.systemTicks - before.systemTicks);
    double share = user + system > 0 ? user / (user + system) : 0;
    double operations = result.operations ? (double)result.operations : 1;
    printf("\"%s\":{\"cpu\":%.6f,\"user\":%.6f,\"system\":%.6f,\"cpu_us_per_operation\":%.4f,"
           "\"voluntary_switches\":%llu,\"rss_kib\":%llu,\"rss_peak_kib\":%llu}",
           name, seconds, seconds * share, seconds * (1 - share), seconds / operations * 1e6,
           (unsigned long long)(after.voluntarySwitches - before.voluntarySwitches),
           (unsigned long long)after.resident, (unsigned long long)after.residentPeak);
}

static void print_result(void) {
    double seconds = (double)(result.ended - result.started) / 1e9;
    double mean = result.latency.count ? result.latency.sum / (double)result.latency.count : 0;
    printf("{\"mode\":\"%s\",\"connections\":%d,\"idle\":%d,\"message\":%d,\"pipeline\":%d,"
           "\"rate_wanted\":%.0f,\"seconds\":%.4f,\"operations\":%llu,\"rate\":%.1f,"
           "\"bytes_per_second\":%.0f,\"failed\":%llu,\"lost\":%llu,\"stalled\":%d,",
           options.mode, options.connections, options.idle, options.message, options.pipeline,
           options.rate, seconds, (unsigned long long)result.operations,
           (double)result.operations / seconds, (double)result.bytes / seconds,
           (unsigned long long)result.failed, (unsigned long long)result.lost, result.stalled);
    printf("\"latency_us\":{\"mean\":%.2f,\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,\"p999\":%.2f,"
           "\"max\":%.2f},",
           mean / 1e3, microseconds(0.5), microseconds(0.9), microseconds(0.99),
           microseconds(0.999), (double)result.latency.maximum / 1e3);
    if (result.complaint) printf("\"complaint\":\"%s\",", result.complaint);
    double idleBytes = 0;
    if (options.idle && result.serverEmpty.resident)
        idleBytes = ((double)result.serverBefore.resident - (double)result.serverEmpty.resident)
            * 1024 / (options.idle + options.connections);
    printf("\"bytes_per_connection\":%.0f,\"rss_empty_kib\":%llu,", idleBytes,
           (unsigned long long)result.serverEmpty.resident);
    // Processor time that neither the server nor the load used, but another process did.
    double others = (double)(result.busyAfter - result.busyBefore)
        - (double)(result.serverAfter.running - result.serverBefore.running)
        - (double)(result.generatorAfter.running - result.generatorBefore.running);
    printf("\"others\":%.3f,", others > 0 ? others / 1e9 / seconds : 0);
    print_process("server", result.serverBefore, result.serverAfter);
    printf(",");
    print_process("generator", result.generatorBefore, result.generatorAfter);
    printf("}\n");
}

int main(int count, char **arguments) {
    parse(count, arguments);
    const struct mode *mode = NULL;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(options.mode, modes[i].name) == 0) mode = &modes[i];
    if (!mode) usage();
    raise_descriptor_limit();
    prctl(PR_SET_TIMERSLACK, 1);
    pattern_prepare();
    result.serverEmpty = sample_process(options.server_pid);
    open_idle_connections();
    mode->run();
    print_result();
    return result.stalled == 0 && result.failed == 0 ? 0 : 1;
}
