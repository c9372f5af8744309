// A task's cancellation handler without the generic function around it.
//
// `withTaskCancellationHandler` costs two executor look-ups and a generic call for each wait, a
// fifth of a small round trip. It is built on these two entry points of the concurrency runtime,
// which are part of its ABI; they are called here with the same discipline: the record is added
// and removed on behalf of one async function, innermost last.

#ifndef CSOCKET_CANCELLATION_H
#define CSOCKET_CANCELLATION_H

// Whether the current task is cancelled, without counting a reference to it.
int csock_task_is_cancelled(void);

// The same of a task that is known to live.
int csock_is_cancelled(void *task);

// What an operation that need not wait asks before it begins: 0 to go on, 1 to let others have the
// thread first, 2 where the current task is cancelled.
int csock_check_task(void);

// How many operations in a row have not waited on this thread: csock_suspendable_task, with which a
// wait begins, ends the row.
extern _Thread_local int csock_thread_streak __attribute__((tls_model("initial-exec")));

static inline void csock_end_streak(void) { csock_thread_streak = 0; }

// Whether any task has, or has had, a deadline.
extern int csock_deadlines_used;

static inline void csock_use_deadlines(void) {
    __atomic_store_n(&csock_deadlines_used, 1, __ATOMIC_RELAXED);
}

static inline int csock_deadlines_are_used(void) {
    return __atomic_load_n(&csock_deadlines_used, __ATOMIC_RELAXED);
}

// Tells which function every handler calls. Once, before the first handler is added.
void csock_set_cancellation_body(void (*body)(void *context, int tag));

// Calls the body with `context` and `tag`, 0 to 2, when the current task is cancelled; at once, if
// it is cancelled already. The record must be removed by the function that added it.
void *csock_add_cancellation_handler(void *context, int tag);

// After this call the handler is not running and will not run.
void csock_remove_cancellation_handler(void *record);

#endif
