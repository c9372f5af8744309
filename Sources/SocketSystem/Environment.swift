internal import Glibc

/// The value of an environment variable, getenv(3).
package func environmentVariable(_ name: String) -> String? {
    // SAFETY: the text is copied before anything of ours could change the environment.
    guard let text = unsafe getenv(name) else { return nil }
    return unsafe String(cString: text)
}
