// Network interfaces.

#ifndef CSOCKET_INTERFACES_H
#define CSOCKET_INTERFACES_H

// The MTU in bytes of the interface with this name, SIOCGIFMTU in netdevice(7), or a negated errno.
int csock_interface_mtu(const char *name);

// if_nametoindex(3).
int csock_interface_index(const char *name);

#endif
