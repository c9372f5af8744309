import Testing

@testable import AsyncSockets
@testable import SocketReactor
@testable import SocketSystem

@Suite("What stands in the way of accepting")
struct AcceptHindranceTests {
    @Test(
        "and concerns one connection is passed over at once, but not for ever",
        arguments: [Errno.connectionAborted, .protocolError, .hostUnreachable, .timedOut]
    )
    func oneConnectionIsPassedOver(_ errno: Errno) {
        var hindrance = AcceptHindrance()
        for _ in 0..<AcceptHindrance.mostFailures {
            #expect(hindrance.answer(to: .system(errno)) == .tryAgain)
        }
        #expect(hindrance.answer(to: .system(errno)) == .pause(.milliseconds(1)))
        #expect(hindrance.answer(to: .system(errno)) == .pause(.milliseconds(2)))
    }

    @Test(
        "and is a lack that passes is waited out, longer each time, within bounds",
        arguments: [
            Errno.processDescriptorLimit, .systemDescriptorLimit, .noBufferSpace, .noMemory,
            .noSpace,
        ]
    )
    func exhaustionIsWaitedOut(_ errno: Errno) {
        var hindrance = AcceptHindrance()
        let pauses = (0..<12).map { _ in hindrance.answer(to: .system(errno)) }
        let first: [AcceptHindrance.Answer] = [1, 2, 4].map { .pause(.milliseconds($0)) }
        #expect(Array(pauses.prefix(3)) == first)
        #expect(pauses.last == .pause(AcceptHindrance.longestPause))
    }

    @Test("and is a refusal that repeats is a sandbox's: it ends", arguments: [Errno.notPermitted])
    func repeatedRefusalEnds(_ errno: Errno) {
        var hindrance = AcceptHindrance()
        for _ in 0..<AcceptHindrance.mostFailures {
            #expect(hindrance.answer(to: .system(errno)) == .tryAgain)
        }
        #expect(hindrance.answer(to: .system(errno)) == .giveUp)
    }

    @Test("for good ends it")
    func lastingFailureEnds() {
        let failures: [OperationFailure] = [
            .system(.badDescriptor), .system(.invalidArgument), .closed, .cancelled, .timedOut,
        ]
        for failure in failures {
            var hindrance = AcceptHindrance()
            #expect(hindrance.answer(to: failure) == .giveUp)
        }
    }
}
