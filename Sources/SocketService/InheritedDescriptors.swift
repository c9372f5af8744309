internal import AsyncSockets
internal import SocketSystem
internal import Synchronization

/// The descriptors that the process which started this program left for it, by the `LISTEN_FDS`
/// protocol of `sd_listen_fds(3)`. Each is given out once.
final class InheritedDescriptors: Sendable {
    /// The inherited descriptors of this process. The first use reads the environment variables and
    /// removes them.
    static let shared = InheritedDescriptors(readingEnvironment: ())

    /// The variable that tells a new version of the program (`HotRestart`) which files belong to
    /// the sockets: the claim of each file, empty for a socket without one, in the order of the
    /// descriptors and separated by colons.
    static let filesVariable = "ASYNCSOCKETS_LISTEN_FILES"

    /// The variable that tells a worker of `WorkerProcesses` that it is one: the number of its
    /// supervisor's process.
    static let supervisorVariable = "ASYNCSOCKETS_SUPERVISOR"

    /// The supervisor's process, if `WorkerProcesses` started this one.
    let supervisor: CInt?
    private let state: Mutex<State>

    private struct State {
        /// What was not taken.
        var descriptors: [(name: String, number: CInt)]
        /// The names of which something was taken.
        var takenNames: Set<String> = []

        /// The indices of the descriptors with a name, or of all for nil.
        func indices(named name: String?) -> [Int] {
            descriptors.indices.filter { name == nil || descriptors[$0].name == name }
        }

        mutating func take(at index: Int) -> CInt {
            let (name, number) = descriptors.remove(at: index)
            takenNames.insert(name)
            return number
        }

        /// Whether something with a name was taken, so that there is no mistake if the rest is of
        /// other kinds.
        func hasTaken(_ name: String?) -> Bool {
            name.map(takenNames.contains) ?? !takenNames.isEmpty
        }
    }

    /// The claims of files that come with descriptors.
    private let files: [CInt: String]
    /// Decides whether these files are ours.
    let handover: Handover

    init(
        _ descriptors: [(name: String, number: CInt)],
        files: [CInt: String] = [:],
        supervisor: CInt? = nil
    ) {
        state = Mutex(State(descriptors: descriptors))
        self.files = files
        self.supervisor = supervisor
        handover = Handover()
    }

    private convenience init(readingEnvironment: Void) {
        let descriptors = Self.parse(
            process: environmentVariable("LISTEN_PID"),
            count: environmentVariable("LISTEN_FDS"),
            names: environmentVariable("LISTEN_FDNAMES"),
            ownProcess: currentProcess
        )
        let files = Self.files(
            environmentVariable(Self.filesVariable),
            of: descriptors.map(\.number)
        )
        let supervisor = Self.supervisor(
            process: environmentVariable("LISTEN_PID"),
            supervisor: environmentVariable(Self.supervisorVariable),
            ownProcess: currentProcess
        )
        // A child of ours must not take them for its own.
        for name in [
            "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", Self.filesVariable,
            Self.supervisorVariable,
        ] {
            removeEnvironmentVariable(name)
        }
        // A number that is not a descriptor causes an error when it is used.
        for (_, number) in descriptors { try? closeOnExec(number) }
        self.init(descriptors, files: files, supervisor: supervisor)
    }

    /// Parses the three variables; the result is empty if they are meant for another process or are
    /// not numbers. A descriptor without a name is called `unknown`.
    static func parse(
        process: String?,
        count: String?,
        names: String?,
        ownProcess: CInt
    ) -> [(name: String, number: CInt)] {
        guard let process, CInt(process) == ownProcess,
            let count = count.flatMap({ CInt($0) }), count > 0, count <= CInt.max - 3
        else { return [] }
        let names = names.map { $0.split(separator: ":", omittingEmptySubsequences: false) } ?? []
        // The limit of open descriptors also limits how many are passed, so a larger count is no
        // reason to make a list of two billion.
        return (0..<min(count, 65536)).map { index in
            let name = Int(index) < names.count ? String(names[Int(index)]) : "unknown"
            return (name, index + 3)
        }
    }

    /// Parses the supervisor's variable; nil for a process that a worker started, because children
    /// inherit both variables if their parent does not read them.
    static func supervisor(process: String?, supervisor: String?, ownProcess: CInt) -> CInt? {
        guard let process, CInt(process) == ownProcess else { return nil }
        return supervisor.flatMap { CInt($0) }
    }

    /// Parses the files' variable.
    static func files(_ text: String?, of numbers: [CInt]) -> [CInt: String] {
        let claims = text?.split(separator: ":", omittingEmptySubsequences: false) ?? []
        let files = zip(numbers, claims).filter { !$1.isEmpty }.map { ($0, String($1)) }
        return Dictionary(files) { first, _ in first }
    }

    /// The file that comes with the Unix socket of a descriptor, if it is still the one that was
    /// handed over; nil if it is another file.
    func file(of number: CInt) -> SocketFile? {
        guard let claim = files[number],
            let path = (try? SocketAddress(ofSocket: number, for: .inherit))?.unixPathBytes,
            let identity = try? fileIdentity(atPath: path), identity.text == claim
        else { return nil }
        return SocketFile(path: path, identity: identity, removesOnClose: true, after: handover)
    }

    /// Takes out the descriptors with a name, or of all for nil, that pass a check. The others
    /// stay: sockets of several kinds may have one name.
    ///
    /// - Throws: The check's first error if nothing with the name passes, now or before.
    func take<Failure: Error>(
        named name: String?,
        checking check: (CInt) throws(Failure) -> Void
    ) throws(Failure) -> [CInt] {
        let result = state.withLock { state -> Result<[CInt], Failure> in
            var fitting: [Int] = []
            var failure: Failure?
            for index in state.indices(named: name) {
                do throws(Failure) {
                    try check(state.descriptors[index].number)
                    fitting.append(index)
                } catch {
                    failure = failure ?? error
                }
            }
            if fitting.isEmpty, let failure, !state.hasTaken(name) { return .failure(failure) }
            // From the end, so that the other indices stay right.
            return .success(fitting.reversed().map { state.take(at: $0) }.reversed())
        }
        return try result.get()
    }

    /// Makes something from the first descriptor with a name that it can be made from; for nil,
    /// from the first of all.
    ///
    /// - Parameters:
    ///   - name: The name.
    ///   - make: Takes over the descriptor, unless it throws.
    /// - Returns: The result of `make`; nil if there is no such descriptor.
    /// - Throws: The first error of `make`, as an error of `.inherit`, if nothing with the name
    ///   fits, now or before; then all descriptors stay.
    func takeFirst<Value>(
        named name: String?,
        _ make: (CInt) throws(SocketError) -> Value
    ) throws(SocketError) -> Value? {
        let result = state.withLock { state -> Result<Value?, SocketError> in
            var failure: SocketError?
            for index in state.indices(named: name) {
                do throws(SocketError) {
                    let value = try make(state.descriptors[index].number)
                    _ = state.take(at: index)
                    return .success(value)
                } catch {
                    failure = failure ?? error.during(.inherit)
                    if !error.isAboutKind { break }
                }
            }
            guard let failure else { return .success(nil) }
            return failure.isAboutKind && state.hasTaken(name) ? .success(nil) : .failure(failure)
        }
        return try result.get()
    }
}

extension SocketError {
    /// Whether a descriptor was refused because it is something else.
    fileprivate var isAboutKind: Bool {
        [.invalidArgument, .wrongAddressFamily, .notASocket, .notSupported, .badDescriptor]
            .contains(code)
    }
}

/// Takes the descriptors that the process which started this program left for it under a name, by
/// the `LISTEN_FDS` protocol of `sd_listen_fds(3)`. It is for descriptors that no
/// `inherited(named:)` of a socket fits.
///
/// The descriptors are close-on-exec; nothing else is changed or checked. The caller must close
/// them. A second call with the same name finds nothing. The first use of anything inherited
/// removes `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` from the environment. So it belongs to
/// the beginning of a program, before other threads read the environment.
///
/// - Parameter name: The name; nil for all that are left.
/// - Returns: The descriptors, in the order in which they were passed; empty if there were none.
public func inheritedDescriptors(named name: String? = nil) -> [CInt] {
    InheritedDescriptors.shared.take(named: name) { (_) throws(Never) in }
}
