internal import SocketSystem

/// A socket option and the type of its value.
///
/// A program can read and set options on live sockets (`try connection.set(.noDelay, to: true)`),
/// or give them when it makes a socket (`options: [.set(.sendBufferSize, 65536)]`). The static
/// members are the options that this library knows; ``integer(level:name:)`` reaches every other
/// one that has an integer value.
///
/// A value that the kernel does not accept is an error, never a trap. An option that cannot be
/// read, or cannot be set, throws ``SocketError/Code/notSupported``.
///
/// The corresponding system calls are `getsockopt(2)` and `setsockopt(2)`.
public struct SocketOption<Value: Sendable>: Sendable {
    /// The option's name in an error's sentence.
    let name: String

    /// Whether it may let in what ends a read of a Unix stream before its bytes do.
    let stopsReads: Bool

    /// Reads the option of a descriptor; nil if it can only be set.
    private let getter: (@Sendable (CInt) throws(Errno) -> Value)?

    /// Sets the option of a descriptor; nil if it can only be read.
    private let setter: (@Sendable (CInt, Value) throws(Errno) -> Void)?

    init(
        _ name: String,
        get getter: (@Sendable (CInt) throws(Errno) -> Value)?,
        set setter: (@Sendable (CInt, Value) throws(Errno) -> Void)? = nil,
        stopsReads: Bool = false
    ) {
        self.name = name
        self.stopsReads = stopsReads
        self.getter = getter
        self.setter = setter
    }

    func read(from descriptor: CInt) throws(Errno) -> Value {
        guard let getter else { throw .noSuchOption }
        return try getter(descriptor)
    }

    func write(_ value: Value, to descriptor: CInt) throws(Errno) {
        guard let setter else { throw .noSuchOption }
        try setter(descriptor, value)
    }

    /// The option and a value in words, `reusePort = true`.
    func text(of value: Value) -> String {
        // The cast takes a value out of an optional, which would be printed as one.
        let words = (value as? any CustomStringConvertible)?.description ?? "\(value)"
        return "\(name) = \(words)".printable(limit: 256)
    }

    /// The error of a failed write, with the option's name and the value.
    func writeError(
        _ errno: Errno,
        value: Value,
        local: SocketAddress? = nil,
        remote: SocketAddress? = nil
    ) -> SocketError {
        let reason = text(of: value)
        return SocketError(.setOption, errno, local: local, remote: remote, reason: reason)
    }
}

extension SocketOption where Value == Int {
    /// Any option whose value is a C `int`, by the numbers in the kernel's headers.
    public static func integer(level: CInt, name: CInt) -> SocketOption<Int> {
        integer("option \(level).\(name)", OptionName(level: level, name: name))
    }
}

// MARK: - Settings

/// An option and its value, for a socket that is about to be made.
///
/// ```swift
/// let settings: [SocketOptionSetting] = [.set(.receiveBufferSize, 65536), .set(.priority, 6)]
/// let listener = try TCPListener.bind(
///     to: "127.0.0.1:0",
///     options: ListenOptions(socketOptions: settings)
/// )
/// ```
public struct SocketOptionSetting: Sendable, CustomStringConvertible {
    /// The option and the value in words, `reusePort = true`.
    public let description: String

    /// Sets the option of a descriptor.
    private let applier: @Sendable (CInt) throws(Errno) -> Void

    private init(description: String, applier: @escaping @Sendable (CInt) throws(Errno) -> Void) {
        self.description = description
        self.applier = applier
    }

    /// Makes a setting from an option and its value.
    public static func set<Value: Sendable>(
        _ option: SocketOption<Value>,
        _ value: Value
    ) -> SocketOptionSetting {
        SocketOptionSetting(description: option.text(of: value)) {
            descriptor throws(Errno) in
            try option.write(value, to: descriptor)
        }
    }

    /// The same, for an option that some kernels lack, or a sandbox refuses: they go without.
    static func ifSupported<Value: Sendable>(
        _ option: SocketOption<Value>,
        _ value: Value
    ) -> SocketOptionSetting {
        SocketOptionSetting(description: option.text(of: value)) {
            descriptor throws(Errno) in
            try? option.write(value, to: descriptor)
        }
    }

    func apply(to descriptor: CInt) throws(Errno) {
        try applier(descriptor)
    }
}

// MARK: - Forms of value

extension OptionName {
    /// See `SocketOption.stopsReads`.
    fileprivate var stopsReads: Bool {
        self == .passRights || self == .passCredentials || self == .passProcess
    }
}

extension SocketOption where Value == Bool {
    static func flag(_ name: String, _ option: OptionName) -> SocketOption {
        SocketOption(
            name,
            get: { descriptor throws(Errno) in
                try OptionCalls.integer(option, on: descriptor) != 0
            },
            set: { descriptor, value throws(Errno) in
                try OptionCalls.set(option, to: CInt(value ? 1 : 0), on: descriptor)
            },
            stopsReads: option.stopsReads
        )
    }
}

extension SocketOption where Value == Int {
    static func integer(_ name: String, _ option: OptionName) -> SocketOption {
        SocketOption(
            name,
            get: { descriptor throws(Errno) in
                Int(try OptionCalls.integer(option, on: descriptor))
            },
            set: { descriptor, value throws(Errno) in
                guard let value = CInt(exactly: value) else { throw .outOfRange }
                try OptionCalls.set(option, to: value, on: descriptor)
            },
            stopsReads: option.stopsReads
        )
    }

    /// A number that only the kernel sets.
    static func readOnlyInteger(_ name: String, _ option: OptionName) -> SocketOption {
        SocketOption(name, get: integer(name, option).getter)
    }
}

extension SocketOption where Value == UInt32 {
    /// A number of all 32 bits, which the kernel keeps in an `int`.
    static func unsigned(_ name: String, _ option: OptionName) -> SocketOption {
        SocketOption(
            name,
            get: { descriptor throws(Errno) in
                try OptionCalls.get(option, over: UInt32(0), on: descriptor)
            },
            set: { descriptor, value throws(Errno) in
                try OptionCalls.set(option, to: value, on: descriptor)
            }
        )
    }
}

extension SocketOption where Value == Duration {
    /// A time that the kernel counts in `unit`s. A fraction is rounded up, so that no wait is
    /// shorter than requested; a negative time is `outOfRange`.
    static func time(_ name: String, _ option: OptionName, in unit: Duration) -> SocketOption {
        SocketOption(
            name,
            get: { descriptor throws(Errno) in
                unit * Int(try OptionCalls.integer(option, on: descriptor))
            },
            set: { descriptor, value throws(Errno) in
                let count = try value.count(of: unit)
                try OptionCalls.set(option, to: count, on: descriptor)
            }
        )
    }
}

extension SocketOption where Value == String {
    static func text(_ name: String, _ option: OptionName, capacity: Int) -> SocketOption {
        SocketOption(
            name,
            get: { descriptor throws(Errno) in
                try OptionCalls.string(option, capacity: capacity, on: descriptor)
            },
            set: { descriptor, value throws(Errno) in
                // The kernel would cut it, and could mistake one name for another.
                guard value.utf8.count < capacity else { throw .nameTooLong }
                try OptionCalls.setString(option, to: value, on: descriptor)
            }
        )
    }
}

extension Duration {
    /// The number of `unit`s in the time, rounded up.
    func count(of unit: Duration) throws(Errno) -> CInt {
        guard self >= .zero, self <= unit * Int(CInt.max) else { throw .outOfRange }
        let unit = unit.attoseconds
        return CInt((attoseconds + unit - 1) / unit)
    }
}
