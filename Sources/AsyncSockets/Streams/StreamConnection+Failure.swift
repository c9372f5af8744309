internal import SocketReactor
internal import SocketSystem
internal import Synchronization

// A failed connection is no finished one, though the kernel ends the reading of both alike.

extension StreamConnection {
    /// Another call than a read was told of the connection's failure: no read will be.
    final func noteFailure(_ errno: Errno) {
        toldFailure.store(errno.rawValue, ordering: .releasing)
    }

    /// Why a read has met the end, where that is no end of the peer's: the connection has failed.
    ///
    /// The kernel tells a failure to one call only, and that was a write's, which has noted it or is
    /// about to, for which it still holds its lock. Without a failure a connection is as closed when
    /// both have finished.
    final func failureAtEnd(_ socket: CInt) -> Errno? {
        let isWriting = registration.isLocked(.write)
        guard isWriting || toldFailure.load(ordering: .relaxed) != 0 else { return nil }
        let state = try? OptionCalls.tcpState(of: socket)
        guard state == TCPInfo.State.closed.rawValue else { return nil }
        // Looked at after the state: who finishes says so before.
        let told = toldFailure.load(ordering: .acquiring)
        if told != 0 { return Errno(rawValue: told) }
        return isWriting && !isFinishing.load(ordering: .acquiring) ? .connectionReset : nil
    }
}
