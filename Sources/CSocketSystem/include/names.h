// Names: getaddrinfo(3) with what its GNU extensions offer.

#ifndef CSOCKET_NAMES_H
#define CSOCKET_NAMES_H

#include <netdb.h>

// Why a lookup found nothing: the EAI_ numbers, some of which are hidden without _GNU_SOURCE, by
// what they mean to the caller.
enum csock_lookup_failure {
    CSOCK_LOOKUP_NO_NAME = 1,    // nothing has this name
    CSOCK_LOOKUP_NO_ADDRESS = 2, // the name exists, without an address of this family
    CSOCK_LOOKUP_TRY_AGAIN = 3,  // the name service did not answer
    CSOCK_LOOKUP_FAILED = 4,     // the name service answered with a failure of its own
    CSOCK_LOOKUP_BAD_NAME = 5,   // not a name, or not one that IDNA can encode
};

// getaddrinfo(3): the addresses of one family, blocking. The name is UTF-8, also if the program's
// locale is another. Returns 0 and a list for freeaddrinfo(3), a csock_lookup_failure, or a negated errno.
int csock_lookup_host(const char *name, int family, struct addrinfo **list);

// getaddrinfo(3): a service's port for a socket type, blocking: the port, or -1 if there is none.
int csock_lookup_service(const char *name, int type);

#endif
