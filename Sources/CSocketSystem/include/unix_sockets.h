// What Unix sockets have beyond others, unix(7): pairs, what is passed along with a stream's bytes,
// and knowledge of the peer.

#ifndef CSOCKET_UNIX_SOCKETS_H
#define CSOCKET_UNIX_SOCKETS_H

#include <stddef.h>
#include <stdint.h>

// Neither of the receiving calls waits, see transfer.h.

// recvmsg(2) of a stream without room for control data: the kernel closes descriptors that were
// passed. `*stopped` is set if the read ended before such a message or behind it, so that a short
// read does not mean that all was read.
intptr_t csock_unix_receive_stream(int descriptor, void *bytes, size_t count, int *stopped);

// recvmsg(2) of a stream with room for control data, whose length goes in and comes out.
// Descriptors are close-on-exec. `*truncated` is set if some of it was dropped.
intptr_t csock_unix_receive_message(int descriptor,
                                    void *bytes,
                                    size_t count,
                                    void *control,
                                    size_t *control_count,
                                    int *truncated);

// socketpair(2), both close-on-exec and non-blocking.
int csock_socketpair(int type, int ends[2]);

// getsockopt(2) with SO_PEERCRED; with SO_PEERPIDFD, whose answer is the descriptor; and with
// SO_PEERGROUPS, whose answer is the number of groups, -ERANGE if there are more than `capacity`.
int csock_peer_credentials(int descriptor, int32_t *process, uint32_t *user, uint32_t *group);
int csock_peer_process_descriptor(int descriptor);
int csock_peer_groups(int descriptor, uint32_t *groups, uint32_t capacity);

// setsockopt(2) with SO_TIMESTAMPNS: so that an empty packet has something beside it that the end
// has not.
int csock_mark_packets(int descriptor);

#endif
