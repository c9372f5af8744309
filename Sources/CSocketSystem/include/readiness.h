// One look at one descriptor, poll(2).

#ifndef CSOCKET_READINESS_H
#define CSOCKET_READINESS_H

// The events of poll(2) that a descriptor shows now, 0 for none, or a negated errno.
int csock_poll_now(int descriptor, int events);

#endif
