internal import SocketReactor
internal import SocketSystem

extension SocketError: CustomStringConvertible {
    /// The error as a sentence: the operation, the addresses and the cause.
    ///
    /// `connect 127.0.0.1:9 from 127.0.0.1:51234: connection refused (ECONNREFUSED)`
    public var description: String {
        var text = operation.name + addresses + ": " + cause
        if let hint { text += "; " + hint }
        if bytesWritten > 0 { text += "; \(bytesWritten) bytes had been written" }
        return text
    }

    private var addresses: String {
        let words: (remote: String, local: String) =
            switch operation {
            case .read, .receive: (" from ", " at ")
            case .write, .send: (" to ", " from ")
            default: (" ", " from ")
            }
        switch (remoteAddress, localAddress) {
        case (let remote?, let local?): return "\(words.remote)\(remote)\(words.local)\(local)"
        case (let remote?, nil): return "\(words.remote)\(remote)"
        case (nil, let local?) where operation == .read || operation == .write:
            return "\(words.local)\(local)"
        case (nil, let local?): return " \(local)"
        case (nil, nil): return ""
        }
    }

    /// The cause alone, without the operation and the addresses.
    var cause: String {
        guard let errno = failedCall else { return reason ?? code.message }
        // An operation is several calls.
        let call = errno.refusedCall.flatMap { operation.name.contains($0) ? nil : "\($0): " }
        let cause = (call ?? "") + errno.description
        return reason.map { "\(cause): \($0)" } ?? cause
    }

    /// The probable remedy, if the error number alone misleads.
    private var hint: String? {
        switch failedCall {
        case .accessDenied where operation == .bind && (1..<1024).contains(localAddress?.port ?? 0):
            "ports below 1024 are for privileged processes"
        case .accessDenied where operation == .send || operation == .connect:
            remoteAddress?.ip?.isBroadcastHere == true
                ? "a broadcast address needs the option broadcast" : nil
        case .processDescriptorLimit where reason != nil:
            nil
        case .processDescriptorLimit where operation == .read || operation == .write:
            // These open no descriptor: the loop could not watch the connection.
            nil
        case .processDescriptorLimit:
            "the process's descriptor limit (ulimit -n) is reached"
        case .systemDescriptorLimit:
            "the machine's descriptor limit (fs.file-max) is reached"
        default:
            nil
        }
    }

    /// The meaning of EMFILE if the event loop answers with it, not the kernel.
    static let selectLimit =
        "select(2) watches no descriptor from 1024 (FD_SETSIZE) on; another backend does"

    /// The meaning of EAGAIN if a thread or a process cannot be started.
    package static let noThread =
        "the system has no thread or process left for it: the limit of the user "
        + "(RLIMIT_NPROC, ulimit -u) or of the control group (pids.max) is reached"

    /// The error of something that a thread is started for; it may have another cause.
    init(noThreadFor operation: Operation, _ errno: Errno) {
        self.init(operation, errno, reason: errno == .again ? Self.noThread : nil)
    }

    /// The error if an event loop refuses a socket.
    init(
        unwatched failure: OperationFailure,
        _ operation: Operation,
        backend: PollerBackend?,
        local: SocketAddress?,
        remote: SocketAddress?
    ) {
        guard case .system(let errno) = failure else {
            self.init(
                operation,
                code: failure == .forked ? .notSupported : .closed,
                local: local,
                remote: remote,
                reason: failure == .forked ? Self.forked : "the event loops were shut down"
            )
            return
        }
        let isSelects = errno == .processDescriptorLimit && backend == .select
        let reason = isSelects ? Self.selectLimit : nil
        self.init(operation, errno, local: local, remote: remote, reason: reason)
    }
}
