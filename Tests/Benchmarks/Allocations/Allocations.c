// Preloaded into a server (LD_PRELOAD), counts the calls that allocate. The count lives in the file
// named by ALLOCATIONS_FILE, mapped and shared, so that the runner reads it while the server runs.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t before;
static uint64_t *count = &before;

/// The dynamic linker's own look-up allocates before the real functions are known.
static _Alignas(16) unsigned char early[64 * 1024];
static size_t earlyUsed;

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);
static int (*real_posix_memalign)(void **, size_t, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);

static void map_count(void) {
    const char *path = getenv("ALLOCATIONS_FILE");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) count = mapped;
    close(file);
}

/// Whether the real functions are known. Other libraries' constructors allocate before ours would
/// run, so the first call looks them up.
static int ready(void) {
    static int looking;
    if (real_malloc) return 1;
    if (looking) return 0;
    looking = 1;
    real_calloc = dlsym(RTLD_NEXT, "calloc");
    real_realloc = dlsym(RTLD_NEXT, "realloc");
    real_free = dlsym(RTLD_NEXT, "free");
    real_posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    real_aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    map_count();
    real_malloc = dlsym(RTLD_NEXT, "malloc");
    return 1;
}

static void note(void) { __atomic_fetch_add(count, 1, __ATOMIC_RELAXED); }

static void *early_allocate(size_t size) {
    size_t start = earlyUsed;
    earlyUsed += (size + 15) & ~(size_t)15;
    return earlyUsed <= sizeof early ? early + start : NULL;
}

static int is_early(const void *pointer) {
    const unsigned char *p = pointer;
    return p >= early && p < early + sizeof early;
}

void *malloc(size_t size) {
    note();
    return ready() ? real_malloc(size) : early_allocate(size);
}

void *calloc(size_t items, size_t size) {
    note();
    return ready() ? real_calloc(items, size) : early_allocate(items * size);
}

void *realloc(void *pointer, size_t size) {
    note();
    // What the look-up itself allocated is not the real allocator's to resize; it never asks.
    return ready() && !is_early(pointer) ? real_realloc(pointer, size) : early_allocate(size);
}

int posix_memalign(void **pointer, size_t alignment, size_t size) {
    note();
    ready();
    return real_posix_memalign(pointer, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note();
    ready();
    return real_aligned_alloc(alignment, size);
}

void free(void *pointer) {
    if (pointer && !is_early(pointer) && ready()) real_free(pointer);
}
