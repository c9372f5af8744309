extension UnixListener {
    /// Reads an option of the listening socket.
    ///
    /// The corresponding system call is `getsockopt(2)`.
    ///
    /// - Parameter option: Which.
    /// - Returns: Its value.
    /// - Throws: `SocketError`: `.notSupported`, `.closed`.
    public func get<Value>(_ option: SocketOption<Value>) throws(SocketError) -> Value {
        try core.listener.get(option)
    }

    /// Sets an option of the listening socket.
    ///
    /// The corresponding system call is `setsockopt(2)`.
    ///
    /// - Parameters:
    ///   - option: Which.
    ///   - value: The value it shall have.
    /// - Throws: `SocketError`: `.notSupported`, `.invalidArgument`, `.permissionDenied`,
    ///   `.closed`.
    public func set<Value>(
        _ option: SocketOption<Value>,
        to value: Value
    ) throws(SocketError) {
        try core.listener.set(option, to: value)
    }
}
