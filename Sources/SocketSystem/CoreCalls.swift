internal import CSocketSystem

/// Lets the calling thread run only on the n-th of the processors that it may run on, counted
/// round; sched_setaffinity(2).
@discardableResult
package func pinThread(toProcessor n: Int) throws(Errno) -> Int {
    Int(try check(csock_pin_thread(CInt(truncatingIfNeeded: n & 0xffff))))
}

/// Lets listeners that share an address take the connections of their processor,
/// SO_ATTACH_REUSEPORT_CBPF in socket(7): the n-th of them, in the order in which they began to
/// listen, those that arrive on processor n modulo `count`.
package func steerByProcessor(_ listener: CInt, count: Int) throws(Errno) {
    try check(csock_steer_by_processor(listener, CUnsignedInt(count)))
}
