package import Testing

/// Lets a few tests run at once, however many there are.
///
/// Swift Testing begins all tests at the same moment. Each then waits most of the time for the
/// processor: its time limit and its deadlines count while it waits, and the descriptors of all
/// tests together are more than select(2) can watch. A test that waits here has not begun: its time
/// limit counts from its turn. The cases of one test have one turn.
package struct FewAtOnce: SuiteTrait, TestTrait, TestScoping {
    /// How many tests run at once: tests of all suites meet, and select(2) has room for them.
    private static let line = Line(places: 8)

    package var isRecursive: Bool { true }

    /// Around a test with all its cases, which is outside of their time limits.
    package func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? {
        test.isSuite || testCase != nil ? nil : self
    }

    @concurrent
    package func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        await Self.line.enter()
        do {
            try await function()
            await Self.line.leave()
        } catch {
            await Self.line.leave()
            throw error
        }
    }
}

extension Trait where Self == FewAtOnce {
    /// The test waits until few others run.
    package static var fewAtOnce: Self { Self() }
}

/// Places that are given in the order of arrival.
private actor Line {
    private var places: Int
    /// The tests that wait for a place, in the order of their arrival.
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(places: Int) { self.places = places }

    func enter() async {
        guard places == 0 else {
            places -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    /// Hands the place on.
    func leave() {
        if waiting.isEmpty { places += 1 } else { waiting.removeFirst().resume() }
    }
}
