// What `import Glibc` does not show to Swift, one small wrapper per call.
//
// Every wrapper returns what the system call returns, or a negated errno: the caller never reads
// the thread's errno. `_GNU_SOURCE` is defined in the .c files only: in a header it would clash
// with Swift's own Glibc module.

#ifndef CSOCKETSYSTEM_H
#define CSOCKETSYSTEM_H

#include <stddef.h>
#include <stdint.h>

#include "values.h"

#endif
