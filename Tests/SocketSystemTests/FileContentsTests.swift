import SocketSystem
import TestKit
import Testing

@Suite(.descriptorsBalanced, .fewAtOnce, .endsHangs)
struct FileContentsTests {
    @Test("A file is read whole, and again only if it has changed")
    func changes() throws {
        let folder = TemporaryDirectory()
        let path = folder.file("file")
        let text = String(repeating: "0123456789", count: 100_000)
        #expect(makeFile(path, with: text))
        let first = try #require(try fileContents(atPath: path))
        #expect(first.bytes == Array(text.utf8))
        #expect(try fileContents(atPath: path, unless: first.stamp) == nil)
        // Perhaps at the same moment, as the clock of the file system shows it.
        #expect(makeFile(path, with: text + "."))
        let second = try #require(try fileContents(atPath: path, unless: first.stamp))
        #expect(second.bytes == Array((text + ".").utf8))
        #expect(second.stamp != first.stamp)
    }

    @Test("A file of the kernel's, whose size is 0, is read too")
    func kernelFile() throws {
        let host = try #require(try fileContents(atPath: "/proc/sys/kernel/hostname"))
        #expect(host.bytes.last == 0x0a)
    }

    @Test("A file that is not there, or is none, is an error, and a pipe holds nobody up")
    func others() throws {
        let folder = TemporaryDirectory()
        #expect(throws: Errno.noSuchFile) { try fileContents(atPath: folder.file("none")) }
        #expect(throws: Errno.self) { try fileContents(atPath: folder.path) }
        makePipe(folder.file("pipe"))
        #expect(try fileContents(atPath: folder.file("pipe"))?.bytes == [])
    }
}
