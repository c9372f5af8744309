internal import SocketReactor
internal import SocketSystem
internal import Synchronization

// A failed connection is no finished one, though the kernel ends the reading of both alike. It
// tells the failure to one call only: a read, a write, or a question for SO_ERROR. Every read
// behind what had arrived throws it, each time.

extension StreamConnection {
    /// A call was told of the connection's failure: the next ones will not be.
    final func noteFailure(_ errno: Errno) {
        toldFailure.store(errno.rawValue, ordering: .releasing)
    }

    /// What a transfer without a count means. A failure is noted before the lock is given back, see
    /// `failureAtEnd`.
    final func failed(_ transfer: Transfer) -> Attempt {
        if transfer.mustWait { return .mustWait }
        let errno = transfer.errno
        if errno.endsConnection { noteFailure(errno) }
        return .failed(errno)
    }

    /// The same for a read, which makes a connection that was put off before it waits.
    final func readFailed(_ transfer: Transfer, _ socket: CInt) -> Attempt {
        guard transfer.mustWait, isPutOff else { return failed(transfer) }
        // Our direction may have ended meanwhile.
        if case .failed(let errno) = connect(socket), errno != .brokenPipe { return .failed(errno) }
        return .mustWait
    }

    /// Why a read has met the end, where that is no end of the peer's: the connection has failed.
    ///
    /// If nothing was noted, a write may have been told and be about to note it, for which it still
    /// holds its lock. Without a failure a connection is as closed when both have finished.
    final func failureAtEnd(_ socket: CInt) -> Errno? {
        let isWriting = registration.isLocked(.write)
        guard isWriting || toldFailure.load(ordering: .relaxed) != 0 else { return nil }
        let state = try? OptionCalls.tcpState(of: socket)
        // Looked at after the state: who finishes says so before.
        let told = Errno(rawValue: toldFailure.load(ordering: .acquiring))
        // A Unix socket has no state, and no other failure than this one.
        guard let state else { return told == .connectionReset ? told : nil }
        guard state == TCPInfo.State.closed.rawValue else { return nil }
        if told.rawValue != 0 { return told }
        // It was never there: the mark goes before our direction ends.
        if isPutOff { return .connectionReset }
        return isWriting && !isFinishing.load(ordering: .acquiring) ? .connectionReset : nil
    }
}

extension Errno {
    /// Whether a connection is over of which a transfer fails so. Others may be the machine's lack
    /// of something, and pass.
    fileprivate var endsConnection: Bool {
        switch self {
        case .connectionReset, .timedOut, .connectionAborted, .networkDown: true
        default: comesFromNetwork
        }
    }
}
