// What services and their manager say to each other, sd_notify(3).

#ifndef CSOCKET_NOTIFICATIONS_H
#define CSOCKET_NOTIFICATIONS_H

#include <stddef.h>
#include <stdint.h>

// A datagram socket of unix(7) with an abstract name that the kernel chose, for NOTIFY_SOCKET. The
// name, with `@` for the zero byte and ended by zero, is stored to `name`, which has room for 109
// bytes.
int csock_notify_open(char *name);

// recvmsg(2): one message and the number of its sender's process; 0 for a message that is to be
// ignored, or a negated errno.
intptr_t csock_notify_receive(int descriptor, char *bytes, size_t count, int *process);

// sendto(2) to a path, or to an abstract name that begins with `@`; -EAGAIN if the receiver has not
// taken enough of those that were sent before within so many milliseconds. It blocks for them.
int csock_notify_send(const char *name, const char *bytes, size_t count, long patience_ms);

#endif
