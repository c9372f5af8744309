internal import CSocketSystem
internal import Glibc

/// Starts a program, vfork(2) and execve(2); returns the process's number.
///
/// The child has default signal actions, an empty mask, and no descriptors but 0 to 2 and those
/// that it is given.
package func start(_ program: ProgramStart) throws(Errno) -> CInt {
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
            unsafe request.signal_at_parents_end = program.signalAtParentsEnd?.rawValue ?? 0
            return unsafe csock_spawn(&request)
        }
    }
    return try check(result)
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
/// Call it on a thread that stays, and after the last change of the process's user or group: with the
/// thread's end or such a change the kernel forgets it.
package func receive(
    _ signal: SignalNumber,
    atEndOfParent parent: CInt
) throws(Errno) {
    try check(csock_signal_at_parents_end(signal.rawValue, parent))
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

/// How the child of a pidfd ended, waitid(2); nil while it has not. After that it is gone.
package func reapProcess(_ pidfd: CInt) throws(Errno) -> ProcessEnd? {
    var status: CInt = 0
    // SAFETY: the status is a local.
    let result = unsafe csock_pidfd_wait(pidfd, &status)
    if result == -ECHILD { return .unknown }
    guard try check(result) == 1 else { return nil }
    return status >= 0 ? .exited(status) : .killed(SignalNumber(rawValue: -status))
}
