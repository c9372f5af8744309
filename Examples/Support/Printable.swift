/// The text of a peer as it may be printed: in one line, with nothing in it that moves the cursor,
/// is invisible or changes the direction of what follows, and not too long.
///
/// - Parameters:
///   - text: The text.
///   - limit: The number of characters of Unicode that are shown.
/// - Returns: The text with such characters as `\u{1b}`, and its end left out if it is long.
public func printable(_ text: String, limit: Int = 500) -> String {
    var line = ""
    for scalar in text.unicodeScalars.prefix(limit) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse:
            line += #"\u{\#(String(scalar.value, radix: 16))}"#
        default:
            line.unicodeScalars.append(scalar)
        }
    }
    return text.unicodeScalars.count > limit ? line + "… (\(text.utf8.count) bytes)" : line
}
