#define _GNU_SOURCE
#include "thread.h"
#include "negated_errno.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Thread_local void *csock_thread_loop = NULL;
_Thread_local int csock_thread_streak = 0;

// Start

struct thread_start {
    void (*body)(void *);
    void *context;
    char name[16];
};

static void *thread_main(void *argument) {
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
    pthread_setname_np(pthread_self(), start.name);
    start.body(start.context);
    return NULL;
}

int csock_thread_start(const char *name, void (*body)(void *), void *context) {
    struct thread_start *start = malloc(sizeof *start);
    if (!start) return -ENOMEM;
    start->body = body;
    start->context = context;
    strncpy(start->name, name, sizeof start->name - 1);
    start->name[sizeof start->name - 1] = 0;

    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigset_t all, before;
    sigfillset(&all);
    // Faults are delivered to the thread at fault; blocked, they would end the process unreported.
    const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error) free(start);
    if (is_refused(-error)) csock_note_refusal("pthread_create(");
    return -error;
}

// Forks

int csock_fork_count = 0;

static pthread_once_t forks_once = PTHREAD_ONCE_INIT;

static void forked(void) { csock_fork_count++; }

static void count_forks(void) { pthread_atfork(NULL, NULL, forked); }

void csock_count_forks(void) { pthread_once(&forks_once, count_forks); }

// Probe

static void *wait_for_end(void *end) {
    while (sem_wait(end) < 0 && errno == EINTR) {}
    return NULL;
}

int csock_threads_try(int count) {
    pthread_t *threads = calloc((size_t)count, sizeof *threads);
    if (!threads) return -ENOMEM;
    sem_t end;
    sem_init(&end, 0, 0);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int started = 0, error = 0;
    while (started < count && !error) {
        error = pthread_create(&threads[started], NULL, wait_for_end, &end);
        if (!error) started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    for (int i = 0; i < started; i++) sem_post(&end);
    for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
    sem_destroy(&end);
    free(threads);
    return -error;
}

// ThreadSanitizer

__attribute__((weak)) void __tsan_acquire(void *address);

int csock_is_sanitized(void) { return __tsan_acquire != 0; }

// Gates

struct csock_gate {
    pthread_mutex_t mutex;
    pthread_cond_t opened;
    int is_open;
};

struct csock_gate *csock_gate_create(void) {
    struct csock_gate *gate = malloc(sizeof *gate);
    if (!gate) abort();
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->opened, &attributes);
    pthread_condattr_destroy(&attributes);
    gate->is_open = 0;
    return gate;
}

void csock_gate_open(struct csock_gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->is_open = 1;
    pthread_cond_signal(&gate->opened);
    pthread_mutex_unlock(&gate->mutex);
}

int csock_gate_wait(struct csock_gate *gate, int64_t nanoseconds) {
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += nanoseconds / 1000000000;
    deadline.tv_nsec += nanoseconds % 1000000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec += 1;
        deadline.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&gate->mutex);
    int error = 0;
    while (!gate->is_open && error == 0) {
        error = pthread_cond_timedwait(&gate->opened, &gate->mutex, &deadline);
    }
    int was_open = gate->is_open;
    gate->is_open = 0;
    pthread_mutex_unlock(&gate->mutex);
    return was_open;
}

void csock_gate_destroy(struct csock_gate *gate) {
    pthread_cond_destroy(&gate->opened);
    pthread_mutex_destroy(&gate->mutex);
    free(gate);
}
