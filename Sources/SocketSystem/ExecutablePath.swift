internal import CSocketSystem
internal import Glibc

/// The path by which this process was started. It is absolute, and its symbolic links are as they
/// were named, so it leads to the new version after a deployment has changed a link.
///
/// If no program is there, it is the path of this process's own file, or of the file that has
/// replaced it; readlink(2) of /proc/self/exe.
package var executablePath: String? {
    // SAFETY: the text is made once, before main; the path is valid during the call.
    if let started = unsafe csock_program_path(), unsafe access(started, X_OK) == 0 {
        return unsafe String(cString: started)
    }
    // SAFETY: the kernel writes at most `count` bytes.
    let link = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) {
        buffer -> String? in
        let count = unsafe readlink("/proc/self/exe", buffer.baseAddress!, buffer.count)
        guard count > 0 else { return nil }
        return unsafe String(decoding: UnsafeRawBufferPointer(buffer).prefix(count), as: UTF8.self)
    }
    return link.map { pathOfProgram(link: $0, fileExists: fileExists) }
}

/// What a link in /proc to a program's file means: the kernel appends ` (deleted)` if the file
/// was removed or replaced, proc(5), and a file may have such a name itself.
package func pathOfProgram(link: String, fileExists: (String) -> Bool) -> String {
    let mark = " (deleted)"
    guard link.hasSuffix(mark), !fileExists(link) else { return link }
    return String(link.dropLast(mark.count))
}

/// Whether there is a file of any kind, access(2).
private func fileExists(_ path: String) -> Bool {
    // SAFETY: the path is valid during the call.
    unsafe access(path, F_OK) == 0
}
