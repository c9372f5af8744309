// The machine's processors, and threads and listeners that belong to one of them.

#ifndef CSOCKET_CORES_H
#define CSOCKET_CORES_H

// How many processors the calling thread may run on, sched_getaffinity(2).
int csock_processors_available(void);

// Lets the calling thread run only on the n-th of the processors that it may run on, counted
// round, pthread_setaffinity_np(3); returns the processor or a negated errno.
int csock_pin_thread(int n);

// Lets the listeners that share this one's address take the connections of "their" processor: the
// n-th listener those that arrive on processor n modulo `count`. SO_ATTACH_REUSEPORT_CBPF in
// socket(7).
int csock_steer_by_processor(int listener, unsigned count);

#endif
