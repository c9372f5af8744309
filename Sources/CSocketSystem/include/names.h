// Names: getaddrinfo(3) with what its GNU extensions tell, and libidn2.

#ifndef CSOCKET_NAMES_H
#define CSOCKET_NAMES_H

#include <netdb.h>
#include <stddef.h>

// Why a lookup found nothing: the EAI_ numbers, some of which are hidden without _GNU_SOURCE, by
// what they mean to the caller.
enum csock_lookup_failure {
    CSOCK_LOOKUP_NO_NAME = 1,    // nothing has this name
    CSOCK_LOOKUP_NO_ADDRESS = 2, // the name exists, without an address of this family
    CSOCK_LOOKUP_TRY_AGAIN = 3,  // the name service did not answer
    CSOCK_LOOKUP_FAILED = 4,     // the name service answered with a failure of its own
    CSOCK_LOOKUP_BAD_NAME = 5,   // not a name, or not one that IDNA can encode
    CSOCK_LOOKUP_NO_IDNA = 6,    // libidn2 is not installed
};

// getaddrinfo(3): the addresses of one family, or of AF_UNSPEC, blocking. The name is ASCII.
// Returns 0 and a list for freeaddrinfo(3), a csock_lookup_failure, or a negated errno.
int csock_lookup_host(const char *name, int family, struct addrinfo **list);

// getaddrinfo(3): a service's port for a socket type, blocking: the port, -1 if there is none, or
// a negated errno below -1.
int csock_lookup_service(const char *name, int type);

// idn2_lookup_u8 of libidn2, which is loaded when it is first needed, dlopen(3): a name in UTF-8 as
// the DNS has it, zero-terminated in `encoded`. Returns 0, a csock_lookup_failure, or a negated
// errno.
//
// AI_IDN of getaddrinfo would load the library too, but a failure for want of a descriptor would
// last as long as the process.
int csock_encode_name(const char *name, char *encoded, size_t capacity);

#endif
