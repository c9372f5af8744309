package import Testing

extension Trait where Self == TimeLimitTrait {
    /// Ends a test that hangs.
    ///
    /// It says nothing about speed. All tests of a run share the processors, with each other and
    /// with whatever else the machine does, so a test of a moment's work may take minutes.
    package static var endsHangs: Self { .timeLimit(.minutes(10)) }
}
