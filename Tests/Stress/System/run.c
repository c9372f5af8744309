#define _GNU_SOURCE
#include "stress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int stress_adopt_orphans(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

// Takes what has been printed; waits a moment for it.
static void take_output(int from, struct stress_outcome *outcome, int milliseconds) {
    struct pollfd watched = {.fd = from, .events = POLLIN};
    if (poll(&watched, 1, milliseconds) <= 0) return;
    char bytes[1024];
    ssize_t count = read(from, bytes, sizeof bytes);
    if (count <= 0) {
        // The end, and a program that has not ended yet.
        usleep((unsigned)milliseconds * 1000);
        return;
    }
    size_t used = strlen(outcome->output), room = sizeof outcome->output - 1 - used;
    memcpy(outcome->output + used, bytes, (size_t)count < room ? (size_t)count : room);
}

// How many processes of the session are there; they get the signal.
static int signal_session(pid_t session, int number) {
    DIR *processes = opendir("/proc");
    if (!processes) return 0;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(processes));) {
        pid_t process = atoi(entry->d_name);
        if (process <= 0 || getsid(process) != session) continue;
        // An orphan that has ended is ours to bury.
        if (waitpid(process, NULL, WNOHANG) == process) continue;
        kill(process, number);
        count++;
    }
    closedir(processes);
    return count;
}

int stress_run_scenario(const char *program,
                        const char *name,
                        const char *directory,
                        const char *call,
                        int error,
                        int milliseconds,
                        struct stress_outcome *outcome) {
    memset(outcome, 0, sizeof *outcome);
    char number[16];
    snprintf(number, sizeof number, "%d", error);
    const char *arguments[] = {program, "scenario", name, directory, call, number, NULL};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    pid_t child = fork();
    if (child == 0) {
        // A session of its own, by which its descendants are found.
        setsid();
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        execv(program, (char *const *)arguments);
        _exit(126);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return -errno;
    }
    int64_t end = now() + milliseconds;
    struct rusage usage;
    while (wait4(child, &outcome->status, WNOHANG, &usage) == 0) {
        if (now() >= end && !outcome->was_late) {
            outcome->was_late = 1;
            kill(child, SIGKILL);
        }
        take_output(ends[0], outcome, 2);
    }
    for (int i = 0; i < 8; i++) take_output(ends[0], outcome, 0);
    close(ends[0]);
    outcome->processor_milliseconds =
        (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000LL +
        (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
    // Workers learn of their supervisor's end by a signal, and take a moment to leave.
    for (end = now() + 2000; signal_session(child, 0) > 0 && now() < end;) usleep(10000);
    outcome->left_behind = signal_session(child, SIGKILL);
    for (int i = 0; i < 200 && signal_session(child, SIGKILL) > 0; i++) usleep(10000);
    return 0;
}
