#define _GNU_SOURCE
#include "files.h"
#include "negated_errno.h"
#include "new_descriptor.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Not in every C library.
#ifndef STATX_BTIME
#include <linux/stat.h>

static int statx(int directory, const char *path, int flags, unsigned mask, struct statx *status) {
    return syscall(SYS_statx, (long)directory, path, (long)flags, (long)mask, status);
}
#endif

static int identity_at(
    int directory, const char *path, int flags, struct csock_file_identity *identity) {
    struct statx status;
    int result = or_errno(statx(directory,
                                path,
                                flags | AT_SYMLINK_NOFOLLOW,
                                STATX_TYPE | STATX_MODE | STATX_INO | STATX_BTIME,
                                &status));
    if (result < 0) return result;
    int has_birth = (status.stx_mask & STATX_BTIME) != 0;
    identity->device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor;
    identity->inode = status.stx_ino;
    identity->birth_seconds = has_birth ? status.stx_btime.tv_sec : 0;
    identity->birth_nanoseconds = has_birth ? status.stx_btime.tv_nsec : 0;
    identity->mode = status.stx_mode;
    return 0;
}

int csock_file_identity(const char *path, struct csock_file_identity *identity) {
    return identity_at(AT_FDCWD, path, 0, identity);
}

int csock_set_socket_mode(int descriptor, uint32_t mode) {
    return or_errno(fchmod(descriptor, (mode_t)mode));
}

int csock_set_file_mode(const char *path, const struct csock_file_identity *file, uint32_t mode) {
    int opened = new_descriptor(or_errno(open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC)));
    if (opened < 0) return opened;
    struct csock_file_identity found;
    int result = identity_at(opened, "", AT_EMPTY_PATH, &found);
    if (result == 0 && (found.device != file->device || found.inode != file->inode))
        result = -ESTALE;
    if (result == 0) {
        // fchmod(2) refuses O_PATH; the link in /proc leads to the very file that was opened.
        char link[32];
        snprintf(link, sizeof link, "/proc/self/fd/%d", opened);
        result = or_errno(chmod(link, (mode_t)mode));
    }
    close(opened);
    return result;
}

int csock_open_file(const char *path) {
    return new_descriptor(or_errno(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)));
}

int csock_open_lock(const char *path) {
    int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    return new_descriptor(or_errno(open(path, flags, 0600)));
}

int csock_lock(int descriptor) { return or_errno(flock(descriptor, LOCK_EX | LOCK_NB)); }

int csock_open_file_identity(int descriptor, struct csock_file_identity *identity) {
    return identity_at(descriptor, "", AT_EMPTY_PATH, identity);
}

int csock_unlink(const char *path) { return or_errno(unlink(path)); }
