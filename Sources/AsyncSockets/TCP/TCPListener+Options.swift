extension TCPListener {
    /// Reads an option of the listening socket; of the first, if there are several.
    ///
    /// The corresponding system call is `getsockopt(2)`.
    ///
    /// - Parameter option: The option.
    /// - Returns: Its value.
    /// - Throws: `SocketError`: `.notSupported`, `.closed`.
    public func get<Value>(_ option: SocketOption<Value>) throws(SocketError) -> Value {
        try core.get(option)
    }

    /// Sets an option of the listening socket; of each, if there are several.
    ///
    /// The corresponding system call is `setsockopt(2)`.
    ///
    /// - Parameters:
    ///   - option: The option.
    ///   - value: The new value.
    /// - Throws: `SocketError`: `.notSupported`, `.invalidArgument`, `.permissionDenied`,
    ///   `.closed`.
    public func set<Value>(
        _ option: SocketOption<Value>,
        to value: Value
    ) throws(SocketError) {
        try core.set(option, to: value)
    }
}
