// Samples of a process from /proc: its threads' times on a processor in nanoseconds (schedstat), the
// split into user and system in clock ticks (stat), its context switches and its memory (status).

#define _GNU_SOURCE
#include "Load.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_file(const char *path, char *text, size_t room) {
    FILE *file = fopen(path, "r");
    if (!file) return false;
    size_t count = fread(text, 1, room - 1, file);
    text[count] = 0;
    fclose(file);
    return true;
}

static uint64_t field(const char *text, const char *name) {
    const char *found = strstr(text, name);
    return found ? strtoull(found + strlen(name), NULL, 10) : 0;
}

static void add_thread(struct sample *sample, const char *folder, const char *thread) {
    char path[512], text[4096];
    snprintf(path, sizeof path, "%s/%s/schedstat", folder, thread);
    if (read_file(path, text, sizeof text)) sample->running += strtoull(text, NULL, 10);
    snprintf(path, sizeof path, "%s/%s/status", folder, thread);
    if (read_file(path, text, sizeof text))
        sample->voluntarySwitches += field(text, "\nvoluntary_ctxt_switches:");
}

struct sample sample_process(pid_t process) {
    struct sample sample = {0};
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    if (process == 0 || !read_file(path, text, sizeof text)) return sample;
    // The name of the program stands in brackets and may hold anything: count fields from its end.
    unsigned long user, system;
    const char *rest = strrchr(text, ')');
    if (rest && sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                       &user, &system) == 2) {
        sample.userTicks = user;
        sample.systemTicks = system;
    }
    snprintf(path, sizeof path, "/proc/%d/status", process);
    if (read_file(path, text, sizeof text)) {
        sample.resident = field(text, "\nVmRSS:");
        sample.residentPeak = field(text, "\nVmHWM:");
    }
    snprintf(path, sizeof path, "/proc/%d/task", process);
    DIR *threads = opendir(path);
    if (!threads) return sample;
    for (struct dirent *entry; (entry = readdir(threads));)
        if (entry->d_name[0] != '.') add_thread(&sample, path, entry->d_name);
    closedir(threads);
    return sample;
}

uint64_t machine_busy(void) {
    char text[4096];
    unsigned long user, nice, system, idle, wait, interrupt, soft, stolen;
    if (!read_file("/proc/stat", text, sizeof text)) return 0;
    if (sscanf(text, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", &user, &nice, &system, &idle, &wait,
               &interrupt, &soft, &stolen) != 8)
        return 0;
    uint64_t ticks = user + nice + system + interrupt + soft + stolen;
    return ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}
