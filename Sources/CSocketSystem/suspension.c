#include "suspension.h"

#include "cancellation.h"

#define SWIFT_CALL __attribute__((swiftcall))
#define SWIFT_ASYNC_CALL __attribute__((swiftasynccall))
#define ASYNC_CONTEXT __attribute__((swift_async_context))

// What the compiler lays out in each function that awaits a continuation. The caller of an async
// function fills the first two fields, swift_continuation_init the others.
struct continuation_context {
    void *parent;
    void *resume_parent;
    uintptr_t flags;
    uintptr_t synchronization;
    void *error;
    void *result;
    uintptr_t executor[2];
};

// Where the current code is isolated; the identity of the generic executor is NULL.
struct serial_executor {
    void *identity;
    uintptr_t implementation;
};

SWIFT_CALL void *swift_task_getCurrent(void);
SWIFT_CALL struct serial_executor swift_task_getCurrentExecutor(void);
SWIFT_CALL void *swift_continuation_init(struct continuation_context *context, uintptr_t flags);
SWIFT_CALL __attribute__((weak)) void *swift_task_suspend(void);

void *csock_suspendable_task(void) {
    csock_thread_streak = 0;
    if (!swift_task_suspend || swift_task_getCurrentExecutor().identity) return 0;
    return swift_task_getCurrent();
}

// Our own context serves as the continuation's: where that goes on is where we return to. To return
// without calling the caller's resumption is to suspend.
SWIFT_ASYNC_CALL void csock_suspend(ASYNC_CONTEXT struct continuation_context *context) {
    swift_continuation_init(context, 0);
    swift_task_suspend();
}

// What Swift calls an async function by: where it is, from here, and how large its context is. From
// here by a name that no other library can take over: programs that use a dynamic library with this
// in it refer to the two public ones.
__asm__(".pushsection .rodata.csock_suspendTu, \"a\", @progbits\n"
        ".balign 8\n"
        ".globl csock_suspendTu\n"
        ".type csock_suspendTu, %object\n"
        "csock_suspendTu:\n"
        ".hidden csock_suspend_here\n"
        ".set csock_suspend_here, csock_suspend\n"
        ".long csock_suspend_here - csock_suspendTu\n"
        ".long 64\n"
        ".size csock_suspendTu, 8\n"
        ".popsection\n");

_Static_assert(sizeof(struct continuation_context) == 64, "the size that csock_suspendTu tells");
