// Threads: how they start, what each of them knows, and a gate for one to wait at.

#ifndef CSOCKET_THREAD_H
#define CSOCKET_THREAD_H

#include <stdint.h>

// Starts a detached thread, pthread_create(3), with every signal but faults blocked, so that a
// program's handlers run on the threads that the program knows. Returns 0 or a negated errno.
int csock_thread_start(const char *name, void (*body)(void *), void *context);

// Fails unless so many threads can be started, all at once, pthread_create(3): starts them and lets
// them end. Returns 0 or a negated errno.
int csock_threads_try(int count);

// What the event loop of this thread keeps for it, or NULL.
extern _Thread_local void *csock_thread_loop __attribute__((tls_model("initial-exec")));

static inline void *csock_current_loop(void) { return csock_thread_loop; }
static inline void csock_set_current_loop(void *loop) { csock_thread_loop = loop; }

// How many operations in a row have not waited on this thread.
extern _Thread_local int csock_thread_streak __attribute__((tls_model("initial-exec")));

static inline int csock_lengthen_streak(void) { return ++csock_thread_streak; }
static inline void csock_end_streak(void) { csock_thread_streak = 0; }

// How often this process was forked off without execve(2), since the first call of
// `csock_count_forks`; pthread_atfork(3). No thread comes along but the one that forked.
extern int csock_fork_count;

static inline int csock_forks(void) { return csock_fork_count; }
void csock_count_forks(void);

// Whether the program runs under ThreadSanitizer.
int csock_is_sanitized(void);

// A gate that one thread waits at until another opens it; the wait closes it again.
struct csock_gate;
struct csock_gate *csock_gate_create(void);
void csock_gate_open(struct csock_gate *gate);
// pthread_cond_timedwait(3) on the monotonic clock: 1 if the gate was opened within the time, 0 if
// not.
int csock_gate_wait(struct csock_gate *gate, int64_t nanoseconds);
void csock_gate_destroy(struct csock_gate *gate);

#endif
