#include "cancellation.h"

#define SWIFT_CALL __attribute__((swiftcall))
#define SWIFT_CONTEXT __attribute__((swift_context))

typedef SWIFT_CALL void (*cancellation_handler)(SWIFT_CONTEXT void *context);

SWIFT_CALL void *swift_task_addCancellationHandler(cancellation_handler handler, void *context);
SWIFT_CALL void swift_task_removeCancellationHandler(void *record);

SWIFT_CALL void *swift_task_getCurrent(void);
SWIFT_CALL _Bool swift_task_isCancelled(void *task);

int csock_task_is_cancelled(void) {
    void *task = swift_task_getCurrent();
    return task && swift_task_isCancelled(task);
}

int csock_is_cancelled(void *task) { return swift_task_isCancelled(task); }

int csock_deadlines_used;

_Thread_local int csock_thread_streak __attribute__((tls_model("initial-exec")));

// A turn of the loop in between costs about as much as two operations.
static const int longest_streak = 64;

int csock_check_task(void) {
    if (csock_task_is_cancelled()) return 2;
    if (++csock_thread_streak < longest_streak) return 0;
    csock_thread_streak = 0;
    return 1;
}

typedef void (*cancellation_body)(void *context, int tag);

/* Set by every group of loops, to the same function, while handlers of other groups run. */
static cancellation_body current_body;

static SWIFT_CALL void handler_0(SWIFT_CONTEXT void *context) {
    __atomic_load_n(&current_body, __ATOMIC_RELAXED)(context, 0);
}

static SWIFT_CALL void handler_1(SWIFT_CONTEXT void *context) {
    __atomic_load_n(&current_body, __ATOMIC_RELAXED)(context, 1);
}

static SWIFT_CALL void handler_2(SWIFT_CONTEXT void *context) {
    __atomic_load_n(&current_body, __ATOMIC_RELAXED)(context, 2);
}

void csock_set_cancellation_body(cancellation_body body) {
    __atomic_store_n(&current_body, body, __ATOMIC_RELAXED);
}

void *csock_add_cancellation_handler(void *context, int tag) {
    static const cancellation_handler handlers[] = {handler_0, handler_1, handler_2};
    return swift_task_addCancellationHandler(handlers[tag], context);
}

void csock_remove_cancellation_handler(void *record) {
    swift_task_removeCancellationHandler(record);
}
