internal import Glibc

/// The value of an environment variable, getenv(3).
package func environmentVariable(_ name: String) -> String? {
    // SAFETY: the text is copied before anything of ours could change the environment.
    guard let text = unsafe getenv(name) else { return nil }
    return unsafe String(cString: text)
}

/// Removes an environment variable, unsetenv(3).
///
/// Not while another thread may look at the environment: early in the program.
package func removeEnvironmentVariable(_ name: String) {
    // SAFETY: the name is copied; see above for other threads.
    _ = unsafe unsetenv(name)
}

/// All environment variables, environ(7).
package var environmentVariables: [String: String] {
    var variables: [String: String] = [:]
    // SAFETY: as in `environmentVariable`; the array and its texts end with zero.
    var entry = unsafe environ
    while let text = unsafe entry.pointee {
        let parts = unsafe String(cString: text).split(
            separator: "=",
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
        unsafe entry += 1
    }
    return variables
}
