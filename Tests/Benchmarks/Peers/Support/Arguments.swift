import Glibc

/// What every Swift server of the benchmarks is started with: `KIND [ADDRESS] [THREADS]`.
public struct Arguments: Sendable {
    /// Which of its ways to serve.
    public let kind: String
    /// The address to listen at, as text.
    public let address: String
    /// The threads to serve with.
    public let threads: Int

    /// Reads the command line, and ends the program with its usage when that is not right.
    public init(kinds: [String]) {
        let words = Array(CommandLine.arguments.dropFirst())
        guard let kind = words.first, kinds.contains(kind), words.count <= 3,
            let threads = words.count > 2 ? Int(words[2]) : 1, threads > 0
        else {
            let program = CommandLine.arguments[0].split(separator: "/").last ?? "server"
            print("usage: \(program) \(kinds.joined(separator: "|")) [ADDRESS] [THREADS]")
            exit(2)
        }
        self.kind = kind
        self.address = words.count > 1 ? words[1] : "127.0.0.1:0"
        self.threads = threads
    }

    /// The address as the parts that other libraries ask for.
    public var parts: Parts {
        if address.hasPrefix("unix:") { return .unix(path: String(address.dropFirst(5))) }
        guard let colon = address.lastIndex(of: ":"),
            let port = Int(address[address.index(after: colon)...])
        else {
            print("\(address): not an address of the form 127.0.0.1:80, [::1]:80 or unix:/path")
            exit(2)
        }
        let host = address[..<colon].filter { $0 != "[" && $0 != "]" }
        return .internet(host: host, port: port)
    }

    /// An address in parts.
    public enum Parts: Sendable {
        /// A numeric host and a port.
        case internet(host: String, port: Int)
        /// A path in the file system.
        case unix(path: String)
    }
}

/// Prints the first line of every server, at once even into a pipe.
public func announce(_ address: String) {
    print("listening on \(address)")
    fflush(nil)
}

/// Runs a server to its end. Unlike that of `async` main functions, the main thread stays: valgrind
/// does not survive its leaving.
public func runServer(_ body: @escaping @Sendable () async throws -> Void) -> Never {
    Task {
        do {
            try await body()
            exit(0)
        } catch {
            print(error)
            exit(1)
        }
    }
    while true { pause() }
}
