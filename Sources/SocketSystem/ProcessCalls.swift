internal import CSocketSystem
internal import Glibc

/// A program to start as a child process.
package struct ProgramStart: Sendable {
    package var path: String
    /// With the program's own name as the first.
    package var arguments: [String]
    package var environment: [String: String]
    /// What the child has as descriptors 3, 4, …
    package var descriptors: [CInt]
    /// The environment variable that gets the child's number, if any.
    package var numberVariable: String?
    /// What the child gets when the calling thread ends.
    package var signalAtParentsEnd: SignalNumber?

    package init(path: String, arguments: [String], environment: [String: String]) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        descriptors = []
    }
}

/// Starts a program, vfork(2) and execve(2); returns the process's number.
///
/// The child has default signal actions, an empty mask, and no descriptors but 0 to 2 and those
/// that it is given.
package func start(_ program: ProgramStart) throws(Errno) -> CInt {
    var entries = program.environment.map { "\($0)=\($1)" }
    if let variable = program.numberVariable {
        entries.append("\(variable)=" + String(repeating: "0", count: 11))
    }
    let numberOffset = program.numberVariable.map { $0.utf8.count + 1 }
    // SAFETY: every pointer below stays valid until `deallocate`, after the call; the arrays end
    // with nil as execve(2) wants; the number's place is inside the entry that was just made.
    let arguments = unsafe cStrings(program.arguments)
    let environment = unsafe cStrings(entries)
    defer {
        unsafe freeAll(arguments)
        unsafe freeAll(environment)
    }
    let result = unsafe program.path.withCString { path in
        unsafe program.descriptors.withUnsafeBufferPointer { descriptors in
            var request = unsafe csock_spawn()
            unsafe request.path = path
            unsafe request.arguments = UnsafePointer(arguments.baseAddress)
            unsafe request.environment = UnsafePointer(environment.baseAddress)
            unsafe request.descriptors = descriptors.baseAddress
            unsafe request.descriptor_count = CInt(descriptors.count)
            if let numberOffset {
                unsafe request.process_number = environment[entries.count - 1]! + numberOffset
            }
            unsafe request.signal_at_parents_end = program.signalAtParentsEnd?.rawValue ?? 0
            return unsafe csock_spawn(&request)
        }
    }
    return try check(result)
}

private typealias CStrings = UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>

private func cStrings(_ texts: [String]) -> CStrings {
    // SAFETY: every element is initialised before it is read.
    let strings = CStrings.allocate(capacity: texts.count + 1)
    for (index, text) in texts.enumerated() {
        unsafe strings.initializeElement(at: index, to: strdup(text))
    }
    unsafe strings.initializeElement(at: texts.count, to: nil)
    return unsafe strings
}

private func freeAll(_ strings: CStrings) {
    // SAFETY: made by `cStrings`, freed once.
    for index in strings.indices { unsafe free(strings[index]) }
    unsafe strings.deallocate()
}

/// Kills a child that nobody watches, and waits until it is gone, kill(2) and waitpid(2).
package func killChild(_ process: CInt) { csock_kill_child(process) }

/// A descriptor that is readable when a child has ended, pidfd_open(2).
package func openProcess(_ process: CInt) throws(Errno) -> Descriptor {
    Descriptor(owning: try check(csock_pidfd_open(process)))
}

/// Sends a signal to the process of a pidfd, never to another, pidfd_send_signal(2).
package func sendSignal(_ signal: SignalNumber, toProcessOf pidfd: CInt) throws(Errno) {
    try check(csock_pidfd_signal(pidfd, signal.rawValue))
}

/// How a process ended.
package enum ProcessEnd: Hashable, Sendable {
    case exited(CInt)
    case killed(SignalNumber)
    /// Somebody else has asked first.
    case unknown
}

/// How the child of a pidfd ended, waitid(2); nil while it has not. After that it is gone.
package func reapProcess(_ pidfd: CInt) throws(Errno) -> ProcessEnd? {
    var status: CInt = 0
    // SAFETY: the status is a local.
    let result = unsafe csock_pidfd_wait(pidfd, &status)
    if result == -ECHILD { return .unknown }
    guard try check(result) == 1 else { return nil }
    return status >= 0 ? .exited(status) : .killed(SignalNumber(rawValue: -status))
}

/// The file that this process was started from, readlink(2) of /proc/self/exe.
package var executablePath: String? {
    // SAFETY: the kernel writes at most `count` bytes.
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
        let count = unsafe readlink("/proc/self/exe", buffer.baseAddress!, buffer.count)
        guard count > 0 else { return nil }
        return unsafe String(decoding: UnsafeRawBufferPointer(buffer).prefix(count), as: UTF8.self)
    }
}

/// Closes a descriptor at execve(2), and leaves all else as it is, fcntl(2).
package func closeOnExec(_ descriptor: CInt) throws(Errno) {
    try check(csock_close_on_exec(descriptor))
}
