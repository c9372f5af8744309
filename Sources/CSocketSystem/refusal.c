#define _GNU_SOURCE
#include "refusal.h"

#include <pthread.h>
#include <string.h>

static _Thread_local unsigned char refusal;

// The calls that were refused so far, in the order of their first refusals. Number 0 stands for none.
static const char *calls[256];
static int count = 1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void csock_note_refusal(const char *call) {
    pthread_mutex_lock(&mutex);
    int number = 1;
    while (number < count && calls[number] != call) number++;
    if (number == count && count < 256) calls[count++] = call;
    pthread_mutex_unlock(&mutex);
    refusal = number < 256 ? number : 0;
}

unsigned char csock_take_refusal(void) {
    unsigned char taken = refusal;
    refusal = 0;
    return taken;
}

const char *csock_refused_call(unsigned char number, int *length) {
    pthread_mutex_lock(&mutex);
    const char *call = calls[number];
    pthread_mutex_unlock(&mutex);
    *length = call ? strcspn(call, "(") : 0;
    return call;
}
