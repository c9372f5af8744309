#define _GNU_SOURCE
#include "names.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failure(int error, int number) {
    if (error == 0) return 0;
    // Without a descriptor the sources fail in several ways, which say nothing of the name.
    if (number == EMFILE || number == ENFILE) return -number;
    switch (error) {
    case EAI_NONAME:
    case EAI_SERVICE: return CSOCK_LOOKUP_NO_NAME;
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
    case EAI_FAMILY: return CSOCK_LOOKUP_NO_ADDRESS;
    case EAI_AGAIN: return CSOCK_LOOKUP_TRY_AGAIN;
    case EAI_OVERFLOW: return CSOCK_LOOKUP_BAD_NAME;
    case EAI_MEMORY: return -ENOMEM;
    // Where a module of the name service leaves no number it failed without a reason.
    case EAI_SYSTEM: return number ? -number : CSOCK_LOOKUP_FAILED;
    default: return CSOCK_LOOKUP_FAILED;
    }
}

int csock_lookup_host(const char *name, int family, struct addrinfo **list) {
    // One socket type, or every address would be there three times.
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    *list = NULL;
    errno = 0;
    int error = getaddrinfo(name, NULL, &hints, list);
    return failure(error, errno);
}

int csock_lookup_service(const char *name, int type) {
    struct addrinfo hints = {
        .ai_family = AF_INET, .ai_socktype = type, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    errno = 0;
    if (getaddrinfo(NULL, name, &hints, &list) != 0)
        return errno == EMFILE || errno == ENFILE ? -errno : -1;
    int port = ntohs(((struct sockaddr_in *)list->ai_addr)->sin_port);
    freeaddrinfo(list);
    return port;
}

// Of idn2.h, which need not be there when this is compiled.
typedef int idn2_lookup(const uint8_t *name, uint8_t **encoded, int flags);
enum { IDN2_NFC_INPUT = 1, IDN2_NONTRANSITIONAL = 8, IDN2_MALLOC = -100 };

// The function, once it was found: a failure is not kept.
static _Atomic(idn2_lookup *) loaded;

static int load(idn2_lookup **lookup) {
    *lookup = atomic_load(&loaded);
    if (*lookup) return 0;
    void *library = dlopen("libidn2.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        // dlopen says in words only what it lacked.
        int probe = open("/", O_PATH | O_CLOEXEC);
        if (probe < 0) return -errno;
        close(probe);
        // A descriptor may have become free in between.
        library = dlopen("libidn2.so.0", RTLD_NOW | RTLD_LOCAL);
    }
    void *symbol = library ? dlsym(library, "idn2_lookup_u8") : NULL;
    if (!symbol) return CSOCK_LOOKUP_NO_IDNA;
    memcpy(lookup, &symbol, sizeof symbol);
    atomic_store(&loaded, *lookup);
    return 0;
}

int csock_encode_name(const char *name, char *encoded, size_t capacity) {
    idn2_lookup *lookup;
    int error = load(&lookup);
    if (error) return error;
    uint8_t *result = NULL;
    error = lookup((const uint8_t *)name, &result, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (error == IDN2_MALLOC) return -ENOMEM;
    size_t length = error == 0 ? strlen((char *)result) : capacity;
    if (length < capacity) memcpy(encoded, result, length + 1);
    free(result);
    return length < capacity ? 0 : CSOCK_LOOKUP_BAD_NAME;
}
