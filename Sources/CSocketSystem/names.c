#define _GNU_SOURCE
#include "names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Lookups

static locale_t utf8_locale;
static pthread_once_t utf8_once = PTHREAD_ONCE_INIT;

static void make_utf8_locale(void) {
    utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

// getaddrinfo reads a name in the thread's encoding, which is ASCII in a program that has not
// called setlocale; the locale of one thread can be changed without touching the program's.
static locale_t enter_utf8(void) {
    pthread_once(&utf8_once, make_utf8_locale);
    return utf8_locale ? uselocale(utf8_locale) : (locale_t)0;
}

static int failure(int error, int number) {
    switch (error) {
    case 0: return 0;
    case EAI_NONAME:
    case EAI_SERVICE: return CSOCK_LOOKUP_NO_NAME;
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
    case EAI_FAMILY: return CSOCK_LOOKUP_NO_ADDRESS;
    case EAI_AGAIN: return CSOCK_LOOKUP_TRY_AGAIN;
    case EAI_IDN_ENCODE:
    case EAI_OVERFLOW: return CSOCK_LOOKUP_BAD_NAME;
    case EAI_MEMORY: return -ENOMEM;
    // Where a module of the name service leaves no number it failed without a reason.
    case EAI_SYSTEM: return number ? -number : CSOCK_LOOKUP_FAILED;
    default: return CSOCK_LOOKUP_FAILED;
    }
}

int csock_lookup_host(const char *name, int family, struct addrinfo **list) {
    // One socket type, or every address would be there three times.
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_IDN};
    *list = NULL;
    locale_t before = enter_utf8();
    errno = 0;
    int error = getaddrinfo(name, NULL, &hints, list);
    int number = errno;
    if (before) uselocale(before);
    return failure(error, number);
}

int csock_lookup_service(const char *name, int type) {
    struct addrinfo hints = {
        .ai_family = AF_INET, .ai_socktype = type, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    if (getaddrinfo(NULL, name, &hints, &list) != 0) return -1;
    int port = ntohs(((struct sockaddr_in *)list->ai_addr)->sin_port);
    freeaddrinfo(list);
    return port;
}

// Gates

struct csock_gate {
    pthread_mutex_t mutex;
    pthread_cond_t opened;
    int is_open;
};

struct csock_gate *csock_gate_create(void) {
    struct csock_gate *gate = malloc(sizeof *gate);
    if (!gate) abort();
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->opened, &attributes);
    pthread_condattr_destroy(&attributes);
    gate->is_open = 0;
    return gate;
}

void csock_gate_open(struct csock_gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->is_open = 1;
    pthread_cond_signal(&gate->opened);
    pthread_mutex_unlock(&gate->mutex);
}

int csock_gate_wait(struct csock_gate *gate, int64_t nanoseconds) {
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += nanoseconds / 1000000000;
    deadline.tv_nsec += nanoseconds % 1000000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec += 1;
        deadline.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&gate->mutex);
    int error = 0;
    while (!gate->is_open && error == 0) {
        error = pthread_cond_timedwait(&gate->opened, &gate->mutex, &deadline);
    }
    int was_open = gate->is_open;
    gate->is_open = 0;
    pthread_mutex_unlock(&gate->mutex);
    return was_open;
}

void csock_gate_destroy(struct csock_gate *gate) {
    pthread_cond_destroy(&gate->opened);
    pthread_mutex_destroy(&gate->mutex);
    free(gate);
}
