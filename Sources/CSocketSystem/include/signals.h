// Signals as counts that a thread waits for.
//
// A signal's handler adds one to the signal's count and posts a semaphore: both are safe there. One
// thread, the dispatcher, waits for the semaphore and takes the counts. Other threads may have any
// mask: the dispatcher is the one that is sure to have the watched signals unblocked.

#ifndef CSOCKET_SIGNALS_H
#define CSOCKET_SIGNALS_H

#include <stdint.h>

// The numbers are below this.
#define CSOCK_SIGNAL_LIMIT 65

// sigaction(2): counts a signal from now on instead of acting on it; 0 or a negated errno. The
// action that it had is kept for `csock_signal_unwatch`. The caller sees to it that the two
// alternate.
int csock_signal_watch(int number);
void csock_signal_unwatch(int number);

// sigaction(2): whether a signal is ignored, or was so until it was watched.
int csock_signal_is_ignored(int number);

// pthread_sigmask(3): unblocks the signals of a set, bit n - 1 for signal n, on the calling thread
// and blocks all others but faults.
void csock_signal_unblock_only(uint64_t set);

// sem_wait(3): waits until a signal was counted, or `csock_signal_wake` was called.
void csock_signal_wait(void);
void csock_signal_wake(void);

// How often a watched signal came since the last call.
unsigned csock_signal_take(int number);

// Whether the number is one of SIGRTMIN to SIGRTMAX, signal(7).
int csock_signal_is_realtime(int number);

// kill(2).
int csock_kill(int process, int number);

#endif
