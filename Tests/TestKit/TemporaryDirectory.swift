package import AsyncSockets
internal import Glibc

/// A directory for one test. It is removed together with its contents.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() {
        var template = Array("/tmp/async-sockets-XXXXXX".utf8CString)
        unsafe template.withUnsafeMutableBufferPointer { buffer in
            _ = unsafe mkdtemp(buffer.baseAddress!)
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        if let directory = unsafe opendir(path) {
            while let entry = unsafe readdir(directory) {
                let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                removeFile(path + "/" + name)
            }
            unsafe closedir(directory)
        }
        removeDirectory(path)
    }

    /// The path of a file in the directory.
    package func file(_ name: String) -> String { path + "/" + name }

    /// A Unix socket's address in the directory.
    package func address(_ name: String = "socket") throws -> SocketAddress {
        try .unix(path: file(name))
    }
}

package func fileExists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

package func removeFile(_ path: String) { _ = unsafe unlink(path) }

package func makePipe(_ path: String) { _ = unsafe mkfifo(path, 0o600) }

package func makeDirectory(_ path: String) { _ = unsafe mkdir(path, 0o700) }

package func removeDirectory(_ path: String) { _ = unsafe rmdir(path) }

package func makeLink(_ path: String, to target: String) { _ = unsafe symlink(target, path) }

/// Writes a text to a file, which is another file than before; false if that failed.
package func makeFile(_ path: String, with text: String) -> Bool {
    removeFile(path)
    let descriptor = unsafe open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
    defer { Glibc.close(descriptor) }
    return unsafe Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count
}

package func makeFile(_ path: String) { Glibc.close(unsafe open(path, O_CREAT | O_WRONLY, 0o600)) }
