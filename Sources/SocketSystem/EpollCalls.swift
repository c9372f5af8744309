internal import CSocketSystem
internal import Glibc

/// Makes an epoll instance, epoll_create1(2).
package func openEpoll() throws(Errno) -> Descriptor {
    Descriptor(owning: try check(csock_epoll_create()))
}

/// Watches a descriptor under a key that its events will carry, epoll_ctl(2).
package func epollAdd(
    _ epoll: CInt,
    _ descriptor: CInt,
    _ events: EpollEvents,
    key: UInt64
) throws(Errno) {
    try check(csock_epoll_control(epoll, EPOLL_CTL_ADD, descriptor, events.rawValue, key))
}

/// Changes what a descriptor is watched for, epoll_ctl(2); readiness that is there already is
/// reported again.
package func epollModify(
    _ epoll: CInt,
    _ descriptor: CInt,
    _ events: EpollEvents,
    key: UInt64
) throws(Errno) {
    try check(csock_epoll_control(epoll, EPOLL_CTL_MOD, descriptor, events.rawValue, key))
}

/// Watches a descriptor no more, epoll_ctl(2).
package func epollRemove(_ epoll: CInt, _ descriptor: CInt) throws(Errno) {
    try check(csock_epoll_control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0))
}
