internal import CSocketSystem
internal import Glibc

/// Starts a program, vfork(2) and execve(2); returns the process's number.
///
/// The child has an empty signal mask, and no descriptors but 0 to 2 and those that it is given.
/// Signals that are ignored here are ignored there, too; all others have their default actions.
package func start(_ program: ProgramStart) throws(StartFailure) -> CInt {
    var entries = program.environment
        .filter { !program.numberVariables.contains($0.key) }
        .map { "\($0)=\($1)" }
    let firstNumber = entries.count
    for variable in program.numberVariables {
        entries.append("\(variable)=" + String(repeating: "0", count: 11))
    }
    // SAFETY: every pointer below stays valid until `deallocate`, after the call; the arrays end
    // with nil as execve(2) wants; the numbers' places are inside the entries that were just made.
    let arguments = unsafe cStrings(program.arguments)
    let environment = unsafe cStrings(entries)
    let numbers = unsafe program.numberVariables.indices.map { index in
        let name = program.numberVariables[index]
        return unsafe environment[firstNumber + index].map { unsafe $0 + name.utf8.count + 1 }
    }
    defer {
        unsafe freeAll(arguments)
        unsafe freeAll(environment)
    }
    var failedCall = ""
    let result = unsafe program.path.withCString { path in
        unsafe withBuffers(program.descriptors, numbers) { descriptors, numbers in
            var request = unsafe csock_spawn()
            unsafe request.path = path
            unsafe request.arguments = UnsafePointer(arguments.baseAddress)
            unsafe request.environment = UnsafePointer(environment.baseAddress)
            unsafe request.descriptors = descriptors.baseAddress
            unsafe request.descriptor_count = CInt(descriptors.count)
            unsafe request.process_numbers = numbers.baseAddress
            unsafe request.process_number_count = CInt(numbers.count)
            unsafe request.own_group = program.hasOwnGroup ? 1 : 0
            unsafe request.signal_at_parents_end = program.signalAtParentsEnd?.rawValue ?? 0
            let result = unsafe csock_spawn(&request)
            if result < 0 { failedCall = unsafe String(cString: request.failed_call) }
            return result
        }
    }
    if result < 0 { throw StartFailure(errno: Errno(rawValue: -result), call: failedCall) }
    return result
}

/// The reason why a program could not be started.
package struct StartFailure: Error {
    package let errno: Errno
    /// The name of the system call that failed.
    package let call: String

    /// Whether it is about the program's file.
    package var isOfProgram: Bool { call == "execve" }
}

private func withBuffers<First, Second, Result>(
    _ first: [First],
    _ second: [Second],
    _ body: (UnsafeBufferPointer<First>, UnsafeBufferPointer<Second>) -> Result
) -> Result {
    // SAFETY: both are valid while the body runs.
    unsafe first.withUnsafeBufferPointer { first in
        unsafe second.withUnsafeBufferPointer { second in unsafe body(first, second) }
    }
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

/// Lets this process get a signal when its parent ends, PR_SET_PDEATHSIG in prctl(2); at once if
/// the parent that it had has ended already.
///
/// Call it on a thread that stays, and after the last change of the process's user or group: with
/// the thread's end or such a change the kernel forgets it.
package func receive(
    _ signal: SignalNumber,
    atEndOfParent parent: CInt
) throws(Errno) {
    try check(csock_signal_at_parents_end(signal.rawValue, parent))
}

/// Kills a child that nobody watches, and waits until it is gone, kill(2) and waitpid(2). Nothing
/// is done if others have reaped it: its number may be a stranger's then.
package func killChild(_ process: CInt) { csock_child_kill(process) }

/// A descriptor that is readable when a child has ended, pidfd_open(2).
package func openProcess(_ process: CInt) throws(Errno) -> Descriptor {
    Descriptor(owning: try check(csock_pidfd_open(process)))
}

/// Blocks the thread until a child has ended, or was reaped by others, waitid(2). It stays to be
/// reaped.
package func waitForChild(_ process: CInt) { csock_child_wait(process) }

/// Sends a signal to a child, never to another process, pidfd_send_signal(2); or kill(2) if that is
/// refused.
///
/// - Parameters:
///   - signal: The signal.
///   - process: The child's number. Nobody may reap it meanwhile.
///   - pidfd: Its pidfd; nil if there is none.
/// - Throws: ESRCH if it has ended.
package func sendSignal(
    _ signal: SignalNumber,
    toChild process: CInt,
    _ pidfd: CInt?
) throws(Errno) {
    try check(csock_child_signal(pidfd ?? -1, process, signal.rawValue))
}

/// How a child ended, waitid(2); nil while it has not. After that it is gone.
///
/// - Parameters:
///   - process: The child's number.
///   - pidfd: Its pidfd; nil if there is none.
/// - Returns: Its end; `unknown` if others have reaped it.
/// - Throws: What waitid(2) fails with.
package func reapChild(_ process: CInt, _ pidfd: CInt?) throws(Errno) -> ProcessEnd? {
    var status: CInt = 0
    // SAFETY: the status is a local.
    let result = unsafe csock_child_reap(pidfd ?? -1, process, &status)
    if result == -ECHILD { return .unknown }
    guard try check(result) == 1 else { return nil }
    return status >= 0 ? .exited(status) : .killed(SignalNumber(rawValue: -status))
}
