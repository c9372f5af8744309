import Testing

/// `#expect` for an expression that mutates its value, which the macro cannot take apart.
func check(
    _ condition: Bool,
    _ comment: Comment? = nil,
    at location: SourceLocation = #_sourceLocation
) {
    #expect(condition, comment, sourceLocation: location)
}
