#define _GNU_SOURCE
#include "Support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

int checked(int result, const char *what) {
    if (result < 0) fail(what);
    return result;
}

static _Noreturn void reject(const char *text) {
    fprintf(stderr, "%s: not an address of the form 127.0.0.1:80, [::1]:80 or unix:/path\n", text);
    exit(2);
}

static struct address parse_local(const char *path, const char *text) {
    struct address address = {.local.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address.local.sun_path) reject(text);
    memcpy(address.local.sun_path, path, length);
    address.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return address;
}

struct address address_parse(const char *text) {
    if (strncmp(text, "unix:", 5) == 0) return parse_local(text + 5, text);
    char host[ADDRESS_TEXT];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host) reject(text);
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = 0;
    in_port_t port = htons((in_port_t)atoi(colon + 1));

    struct address address = {0};
    char *bracket = strchr(host, ']');
    if (host[0] == '[' && bracket) {
        *bracket = 0;
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = port;
        address.length = sizeof address.v6;
        if (inet_pton(AF_INET6, host + 1, &address.v6.sin6_addr) != 1) reject(text);
    } else {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = port;
        address.length = sizeof address.v4;
        if (inet_pton(AF_INET, host, &address.v4.sin_addr) != 1) reject(text);
    }
    return address;
}

bool address_is_local(const struct address *address) {
    return address->any.sa_family == AF_UNIX;
}

void address_of_socket(int descriptor, char text[ADDRESS_TEXT]) {
    struct address address = {.length = sizeof(struct sockaddr_un)};
    checked(getsockname(descriptor, &address.any, &address.length), "getsockname");
    char host[INET6_ADDRSTRLEN];
    switch (address.any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT, "%s:%d", host, ntohs(address.v4.sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT, "[%s]:%d", host, ntohs(address.v6.sin6_port));
        break;
    default:
        snprintf(text, ADDRESS_TEXT, "unix:%s", address.local.sun_path);
    }
}

void announce(int descriptor) {
    char text[ADDRESS_TEXT];
    address_of_socket(descriptor, text);
    printf("listening on %s\n", text);
    fflush(stdout);
}
