// Threads and listeners that belong to a processor.

#ifndef CSOCKET_CORES_H
#define CSOCKET_CORES_H

// Lets the calling thread run only on the n-th of the processors that it may run on, counted
// round; returns the processor or a negated errno.
int csock_pin_thread(int n);

// Lets the listeners that share this one's address take the connections of "their" processor: the
// n-th listener those that arrive on processor n modulo `count`. SO_ATTACH_REUSEPORT_CBPF.
int csock_steer_by_processor(int listener, unsigned count);

#endif
