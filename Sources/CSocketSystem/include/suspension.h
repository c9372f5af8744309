// Suspending the current task without the locks of a continuation.
//
// A continuation may be resumed by any thread at any moment, before the task has suspended too, and
// the task then goes where its executor preference says: that takes six locks of the task, for each
// wait. A task that waits on its own loop's thread, and is run by that same thread later, needs none
// of this. The concurrency runtime has a primitive for it, `swift_task_suspend`: "a primitive
// suspension of the current task, as if part of a continuation"; the task, once it knows where to go
// on, is "enqueued or run as a job later". Documentation/Suspension.md tells more.

#ifndef CSOCKET_SUSPENSION_H
#define CSOCKET_SUSPENSION_H

#include <stdint.h>

// The current task, which is a job; NULL where it cannot be suspended so: it is isolated to an actor,
// the runtime lacks the primitive, or there is no task.
void *csock_suspendable_task(void);

// Brings a suspended task's memory nearer: its head and what its functions keep lie together. No
// address is wrong.
static inline void csock_prefetch_task(const void *task) {
    for (int offset = 0; offset < 1280; offset += 64) __builtin_prefetch((const char *)task + offset, 1);
}

// The same for the two cache lines at an address, as long as a small object's head.
static inline void csock_prefetch(uintptr_t address) {
    __builtin_prefetch((const void *)address, 1);
    __builtin_prefetch((const char *)address + 64, 1);
}

// In Swift: `nonisolated(nonsending) func csock_suspend() async`. Suspends the current task; it
// goes on where it is run as a job. Defined in suspension.c; a C program cannot call it.

#endif
