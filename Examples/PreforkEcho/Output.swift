internal import Glibc

/// Prints a line at once, into a pipe too.
func say(_ line: String) {
    print(line)
    fflush(nil)
}

/// Ends the program with a line of explanation.
func leave(_ line: String, status: CInt) -> Never {
    let bytes = [UInt8]((line + "\n").utf8)
    _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
    exit(status)
}
