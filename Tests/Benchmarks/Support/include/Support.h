// What the load generator and the bare C servers share: addresses written as text, and the rule
// that a failure at start ends the program with a sentence.

#ifndef BENCHMARK_SUPPORT_H
#define BENCHMARK_SUPPORT_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

/// A socket address of any family used here, with its length.
struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    };
    socklen_t length;
};

/// Room for the text of any address.
#define ADDRESS_TEXT 160

/// Reads `127.0.0.1:80`, `[::1]:80` or `unix:/path`; ends the program when it is none of them.
struct address address_parse(const char *text);

/// Writes the address a socket is bound to as text, in the form that `address_parse` reads.
void address_of_socket(int descriptor, char text[ADDRESS_TEXT]);

/// Prints `listening on ADDRESS`, the first line every server of the benchmarks prints.
void announce(int descriptor);

/// Whether the address is a Unix socket's.
bool address_is_local(const struct address *address);

/// Ends the program with `what: the errno as a word`, status 1.
_Noreturn void fail(const char *what);

/// Returns its argument when it is not negative, and fails otherwise.
int checked(int result, const char *what);

#endif
