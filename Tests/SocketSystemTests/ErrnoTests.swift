import Glibc
import TestKit
import Testing

@testable import SocketSystem

@Suite(.fewAtOnce, .endsHangs)
struct ErrnoTests {
    @Test("A number has its symbol and its meaning in lower case")
    func texts() {
        #expect(Errno(rawValue: ECONNREFUSED).name == "ECONNREFUSED")
        #expect(Errno(rawValue: ECONNREFUSED).message == "connection refused")
        #expect(Errno.brokenPipe.description == "broken pipe (EPIPE)")
    }

    @Test("Meanings are those of the C library")
    func agreesWithLibrary() {
        for number in CInt(1)...133 {
            guard let texts = Errno.texts(of: number), number != EIO else { continue }
            // SAFETY: strerror returns a zero-terminated string; no other test asks for an
            // unknown number, which alone would be written into a shared buffer.
            let expected = unsafe String(cString: strerror(number))
            #expect(texts.message.lowercased() == expected.lowercased())
            #expect(texts.message.first?.isUppercase == false || texts.message.hasPrefix("RFS"))
        }
    }

    @Test("A number without a symbol is still printed")
    func unknownNumber() {
        #expect(Errno(rawValue: 4711).description == "unknown error (errno 4711)")
    }
}
