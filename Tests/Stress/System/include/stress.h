// What the stress tool needs from C: calls that are refused, calls that fail, programs that are watched.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// Refusing

/// The number of a system call on this machine; negative if it has none of that name.
long stress_call_number(const char *name);

/// From now on the kernel answers a system call of this process, of its threads and of the programs
/// that it starts with an error. Returns 0 or a negated errno.
int stress_refuse(long call, int error);

// Running a program

struct stress_outcome {
    /// As of waitpid(2).
    int status;
    /// Whether it was killed because its time was over.
    int was_late;
    /// The processor time of it and of the children that it waited for.
    int64_t processor_milliseconds;
    /// How many of the processes that it started were still there two seconds after its end. They
    /// have been killed.
    int left_behind;
    /// What it printed, cut off.
    char output[4096];
};

/// Runs `program scenario NAME DIRECTORY CALL ERROR`, and waits for its end.
int stress_run_scenario(const char *program,
                        const char *name,
                        const char *directory,
                        const char *call,
                        int error,
                        int milliseconds,
                        struct stress_outcome *outcome);

/// Processes whose parents have ended become children of this one. Returns 0 or a negated errno.
int stress_adopt_orphans(void);

// Failing

/// From now on one of so many calls that this program makes fails, with an error that the kernel may
/// give there; none for a rate of 0. With `is_edge` no call pretends that it would have to wait, nor
/// does less than it could: the kernel would send no edge for that.
void stress_fail_calls(uint64_t seed, long rate, bool is_edge);

/// How many calls have failed so.
long stress_fault_count(void);
