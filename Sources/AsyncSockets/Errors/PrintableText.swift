extension StringProtocol {
    /// The text as it may stand in an error's sentence or in a line of a log, whoever wrote it.
    ///
    /// Characters that end a line, move the cursor, are invisible or change the direction of the
    /// text are written `\n`, `\u{202e}`. So no peer's text can pass for another line, or hide a
    /// part of its own. Of a long text the middle is left out: `…(1000000 bytes)…`. The end is
    /// kept, because that is where the reason of a sentence stands.
    ///
    /// - Parameter limit: The number of characters of Unicode that are shown at most.
    /// - Returns: The text for people to read.
    package func printable(limit: Int = 2048) -> String {
        let scalars = unicodeScalars
        // Not counted: the text may be very long.
        if scalars.dropFirst(limit).isEmpty {
            let isPlain = utf8.allSatisfy { 0x20...0x7e ~= $0 }
            return isPlain ? String(self) : Self.printed(scalars)
        }
        return Self.printed(scalars.prefix(limit / 2)) + "…(\(utf8.count) bytes)…"
            + Self.printed(scalars.suffix(limit / 2))
    }

    private static func printed(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var text = ""
        for scalar in scalars {
            switch scalar {
            case "\n": text += #"\n"#
            case "\r": text += #"\r"#
            case "\t": text += #"\t"#
            default:
                if scalar.isPrintable {
                    text.unicodeScalars.append(scalar)
                } else {
                    text += #"\u{\#(String(scalar.value, radix: 16))}"#
                }
            }
        }
        return text
    }
}

extension Unicode.Scalar {
    /// Whether it shows as itself, and nothing else shows otherwise because of it.
    package var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse,
            .surrogate:
            false
        default: true
        }
    }
}
