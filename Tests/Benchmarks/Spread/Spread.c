#define _GNU_SOURCE
#include "Spread.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t unseen[SPREAD_THREADS];
static uint64_t *counts = unseen;
static unsigned threads;

/// The calling thread's count: no other thread writes there.
static _Thread_local uint64_t *own;

static void map_counts(void) {
    const char *path = getenv("SPREAD_FILE");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof unseen, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) counts = mapped;
    close(file);
}

void spread_note(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!own) {
        pthread_once(&once, map_counts);
        own = &counts[__atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED) % SPREAD_THREADS];
    }
    __atomic_store_n(own, *own + 1, __ATOMIC_RELAXED);
}
