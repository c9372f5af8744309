internal import SocketReactor
internal import Synchronization

extension StreamConnection {
    /// Reads an option of the open connection.
    ///
    /// ```swift
    /// let roundTrip = try connection.get(.tcpInfo).roundTripTime
    /// ```
    ///
    /// The corresponding system call is `getsockopt(2)`.
    ///
    /// - Parameter option: Which.
    /// - Returns: Its value.
    /// - Throws: `SocketError`: `.notSupported`, `.closed`.
    public final func get<Value>(_ option: SocketOption<Value>) throws(SocketError) -> Value {
        let value = try registration.get(option, remote: remoteAddress)
        if let code = value as? SocketError.Code, let errno = code.asErrno { noteFailure(errno) }
        return value
    }

    /// Sets an option of the open connection.
    ///
    /// The corresponding system call is `setsockopt(2)`.
    ///
    /// - Parameters:
    ///   - option: Which.
    ///   - value: The value it shall have.
    /// - Throws: `SocketError`: `.notSupported`, `.invalidArgument`, `.permissionDenied`,
    ///   `.closed`.
    public final func set<Value>(
        _ option: SocketOption<Value>,
        to value: Value
    ) throws(SocketError) {
        if option.stopsReads {
            stopsWithin.store(true, ordering: .relaxed)
            registration.noteForeign()
        }
        try registration.set(option, to: value, remote: remoteAddress)
    }
}
