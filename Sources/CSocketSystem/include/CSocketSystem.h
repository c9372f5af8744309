// What `import Glibc` does not show to Swift: one small wrapper for each call, one file for each
// topic.
//
// Every wrapper returns what the system call returns, or a negated errno: the caller never reads
// the thread's errno. `_GNU_SOURCE` is defined in the .c files only: in a header it would clash
// with Swift's own Glibc module.

#ifndef CSOCKETSYSTEM_H
#define CSOCKETSYSTEM_H

#include "clock.h"
#include "cores.h"
#include "descriptors.h"
#include "files.h"
#include "interfaces.h"
#include "messages.h"
#include "multicast.h"
#include "names.h"
#include "notifications.h"
#include "processes.h"
#include "program.h"
#include "refusal.h"
#include "signals.h"
#include "sockets.h"
#include "thread.h"
#include "transfer.h"
#include "unix_sockets.h"
#include "waiting.h"
#include "wakeup.h"

#endif
