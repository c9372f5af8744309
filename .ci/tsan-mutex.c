/* Lets ThreadSanitizer see Swift's Mutex, which on Linux waits in a library that is not instrumented:
   without this a contended lock looks like no lock, and what it protects looks like a race. It is the
   only cure: the library locks with `Synchronization.Mutex` and knows nothing of the sanitizer's locks.

   The preload replaces the two slow paths of Mutex: it calls the real ones and tells the sanitizer what
   they did. The fast paths are compiled into the program and need no help. It names the paths by their
   symbols, which nobody promised; that is for a tool of the tests, never for Sources. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define SWIFT_CALL __attribute__((swiftcall))
#define SWIFT_SELF __attribute__((swift_context))

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT_CALL void lock_slow(uint32_t thread, SWIFT_SELF void *mutex) __asm__(LOCK);
SWIFT_CALL void unlock_slow(SWIFT_SELF void *mutex) __asm__(UNLOCK);

typedef SWIFT_CALL void (*lock_function)(uint32_t thread, SWIFT_SELF void *mutex);
typedef SWIFT_CALL void (*unlock_function)(SWIFT_SELF void *mutex);

static lock_function real_lock;
static unlock_function real_unlock;
static void (*tsan_acquire)(void *);
static void (*tsan_release)(void *);

__attribute__((constructor)) static void find(void) {
    real_lock = (lock_function)dlsym(RTLD_NEXT, LOCK);
    real_unlock = (unlock_function)dlsym(RTLD_NEXT, UNLOCK);
    tsan_acquire = (void (*)(void *))dlsym(RTLD_DEFAULT, "__tsan_acquire");
    tsan_release = (void (*)(void *))dlsym(RTLD_DEFAULT, "__tsan_release");
}

SWIFT_CALL void lock_slow(uint32_t thread, SWIFT_SELF void *mutex) {
    real_lock(thread, mutex);
    if (tsan_acquire) tsan_acquire(mutex);
}

SWIFT_CALL void unlock_slow(SWIFT_SELF void *mutex) {
    if (tsan_release) tsan_release(mutex);
    real_unlock(mutex);
}
