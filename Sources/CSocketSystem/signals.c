#define _GNU_SOURCE
#include "signals.h"
#include "negated_errno.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

static atomic_uint counts[CSOCK_SIGNAL_LIMIT];
static struct sigaction previous[CSOCK_SIGNAL_LIMIT];
static sem_t arrived;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void) { sem_init(&arrived, 0, 0); }

static void count_signal(int number) {
    int saved = errno;
    atomic_fetch_add_explicit(&counts[number], 1, memory_order_release);
    // A full semaphore wakes the dispatcher as well as one more would.
    sem_post(&arrived);
    errno = saved;
}

int csock_signal_watch(int number) {
    if (number <= 0 || number >= CSOCK_SIGNAL_LIMIT) return -EINVAL;
    pthread_once(&once, prepare);
    atomic_store(&counts[number], 0);
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    return or_errno(sigaction(number, &action, &previous[number]));
}

void csock_signal_unwatch(int number) {
    if (number <= 0 || number >= CSOCK_SIGNAL_LIMIT) return;
    sigaction(number, &previous[number], NULL);
}

int csock_signal_is_ignored(int number) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) < 0) return 0;
    if (action.sa_handler == count_signal) action = previous[number];
    return action.sa_handler == SIG_IGN;
}

void csock_signal_unblock_only(uint64_t set) {
    const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&blocked, faults[i]);
    for (int number = 1; number < CSOCK_SIGNAL_LIMIT; number++)
        if (set >> (number - 1) & 1) sigdelset(&blocked, number);
    pthread_sigmask(SIG_SETMASK, &blocked, NULL);
}

void csock_signal_wait(void) {
    pthread_once(&once, prepare);
    while (sem_wait(&arrived) < 0 && errno == EINTR) {}
    // One look at the counts serves all that was posted so far.
    while (sem_trywait(&arrived) == 0) {}
}

void csock_signal_wake(void) {
    pthread_once(&once, prepare);
    sem_post(&arrived);
}

unsigned csock_signal_take(int number) {
    return atomic_exchange_explicit(&counts[number], 0, memory_order_acquire);
}

int csock_signal_is_realtime(int number) { return number >= SIGRTMIN && number <= SIGRTMAX; }

int csock_kill(int process, int number) { return or_errno(kill(process, number)); }
