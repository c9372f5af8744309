#define _GNU_SOURCE
#include "names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>

// IDNA is an extension of glibc; without it, such names are looked up as they are.
#ifndef AI_IDN
#define AI_IDN 0
#endif

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
