import AsyncSockets
internal import Glibc

// What the examples have in common, so that each shows sockets and little else.

/// Prints a line at once, even into a pipe.
public func say(_ line: String) {
    print(line)
    fflush(nil)
}

/// Prints an error message in one line, to the standard error.
public func complain(_ line: String) {
    var line = printable(line, limit: 5000) + "\n"
    line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

/// The error to throw if the arguments are wrong.
public struct WrongArguments: Error {
    let reason: String?

    /// - Parameter reason: The fault, if the usage alone does not show it.
    public init(_ reason: String? = nil) { self.reason = reason }
}

/// Runs an example: a wrong argument prints the usage and exits 2, a failure prints its sentence
/// and exits 1.
///
/// A text that is no address is a wrong argument, too.
///
/// - Parameters:
///   - usage: The example's name and arguments.
///   - most: How many arguments there may be.
///   - body: The example, which is given its arguments.
public func runExample(
    _ usage: String,
    arguments most: Int,
    _ body: ([String]) async throws -> Void
) async {
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
        if arguments.count > most || arguments.contains(where: { $0.hasPrefix("-") }) {
            throw WrongArguments()
        }
        try await body(arguments)
    } catch let wrong as WrongArguments {
        if let reason = wrong.reason { complain(reason) }
        complain("usage: \(usage)")
        exit(2)
    } catch {
        complain("\(error)")
        guard let error = error as? SocketError, error.isWrongAddress else { exit(1) }
        complain("usage: \(usage)")
        exit(2)
    }
}

extension SocketError {
    /// Whether the library found that a text is no address, or none that can be meant here, before
    /// it asked the kernel or looked up a name.
    fileprivate var isWrongAddress: Bool {
        let codes: [Code] = [.invalidAddress, .invalidName, .nameTooLong, .wrongAddressFamily]
        return errno == nil && codes.contains(code)
    }
}

/// A file that cannot be read.
public struct UnreadableFile: Error, CustomStringConvertible {
    let path: String

    /// The error as a sentence.
    public var description: String { "cannot read \(path)" }
}

/// The bytes of a file.
///
/// - Parameter path: The path.
/// - Returns: All its bytes.
/// - Throws: `UnreadableFile`.
public func contents(ofFile path: String) throws -> [UInt8] {
    let descriptor = openForReading(path)
    guard descriptor >= 0 else { throw UnreadableFile(path: path) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0 { throw UnreadableFile(path: path) }
        if count == 0 { return bytes }
        bytes += chunk[..<count]
    }
}

/// Opens a file.
///
/// - Parameter path: The path.
/// - Returns: Its descriptor; negative if it cannot be opened.
public func openForReading(_ path: String) -> CInt { open(path, O_RDONLY | O_CLOEXEC) }
