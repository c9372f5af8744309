#define _GNU_SOURCE
#include "interfaces.h"
#include "negated_errno.h"
#include "new_descriptor.h"

#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int csock_interface_mtu(const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    size_t length = strlen(name);
    if (length >= sizeof request.ifr_name) {
        return -ENODEV;
    }
    memcpy(request.ifr_name, name, length);
    // Any socket will do to ask; one of AF_UNIX exists in every network namespace.
    int descriptor = new_descriptor(or_errno(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
    if (descriptor < 0) {
        return descriptor;
    }
    int result = or_errno(ioctl(descriptor, SIOCGIFMTU, &request));
    close(descriptor);
    return result < 0 ? result : request.ifr_mtu;
}

int csock_interface_index(const char *name) {
    unsigned index = if_nametoindex(name);
    return index ? (int)index : (int)negated_errno(-1, "ioctl(");
}
