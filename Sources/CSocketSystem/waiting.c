#define _GNU_SOURCE
#include "waiting.h"
#include "raw_syscall.h"

#include <fcntl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <time.h>

static struct timespec *timeout(struct timespec *room, int milliseconds) {
    if (milliseconds < 0) return NULL;
    room->tv_sec = milliseconds / 1000;
    room->tv_nsec = (long)(milliseconds % 1000) * 1000000;
    return room;
}

// aarch64 has no plain poll and select: the calls with a signal mask, without one.

int csock_poll(struct pollfd *entries, size_t count, int milliseconds) {
    struct timespec room;
    return (int)raw_syscall(
        SYS_ppoll, (long)entries, (long)count, (long)timeout(&room, milliseconds), 0, 8, 0);
}

int csock_select(int count,
                 unsigned long *readable,
                 unsigned long *writable,
                 unsigned long *urgent,
                 int milliseconds) {
    struct timespec room;
    return (int)raw_syscall(SYS_pselect6,
                            count,
                            (long)readable,
                            (long)writable,
                            (long)urgent,
                            (long)timeout(&room, milliseconds),
                            0);
}

int csock_check_watchable(int descriptor) {
    struct stat status;
    if (fstat(descriptor, &status) < 0) return -errno;
    mode_t mode = status.st_mode;
    return S_ISREG(mode) || S_ISDIR(mode) || S_ISBLK(mode) ? -EPERM : 0;
}

int csock_is_open(int descriptor) { return fcntl(descriptor, F_GETFD) >= 0; }
