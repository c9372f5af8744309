import Foundation

/// An SVG under construction. Colours are classes, so that one picture suits light and dark
/// viewers.
struct Picture {
    let width: Double
    let height: Double
    private var elements: [String] = []

    init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    enum Anchor: String { case start, middle, end }

    mutating func rectangle(
        _ x: Double,
        _ y: Double,
        _ width: Double,
        _ height: Double,
        fill: String,
        radius: Double = 2
    ) {
        elements.append(
            "<rect x=\"\(text(x))\" y=\"\(text(y))\" width=\"\(text(max(width, 0)))\" "
                + "height=\"\(text(height))\" rx=\"\(text(radius))\" class=\"f-\(fill)\"/>"
        )
    }

    mutating func line(
        _ x1: Double,
        _ y1: Double,
        _ x2: Double,
        _ y2: Double,
        _ style: String
    ) {
        elements.append(
            "<line x1=\"\(text(x1))\" y1=\"\(text(y1))\" x2=\"\(text(x2))\" y2=\"\(text(y2))\" "
                + "class=\"\(style)\"/>"
        )
    }

    mutating func path(_ points: [(x: Double, y: Double)], colour: String, dashed: Bool) {
        guard let first = points.first else { return }
        let rest = points.dropFirst().map { " L\(text($0.x)) \(text($0.y))" }.joined()
        elements.append(
            "<path d=\"M\(text(first.x)) \(text(first.y))\(rest)\" "
                + "class=\"curve s-\(colour)\(dashed ? " dashed" : "")\"/>"
        )
        for point in points {
            elements.append(
                "<circle cx=\"\(text(point.x))\" cy=\"\(text(point.y))\" r=\"3\" "
                    + "class=\"f-\(colour)\"/>"
            )
        }
    }

    mutating func words(
        _ words: String,
        _ x: Double,
        _ y: Double,
        _ style: String = "label",
        _ anchor: Anchor = .start,
        turned: Bool = false
    ) {
        let turn = turned ? " transform=\"rotate(-90 \(text(x)) \(text(y)))\"" : ""
        elements.append(
            "<text x=\"\(text(x))\" y=\"\(text(y))\" text-anchor=\"\(anchor.rawValue)\" "
                + "class=\"\(style)\"\(turn)>\(escape(words))</text>"
        )
    }

    var svg: String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(text(width)) \(text(height))" \
        width="\(text(width))" height="\(text(height))" role="img">
        <style>
        \(Palette.style)
        </style>
        <rect width="\(text(width))" height="\(text(height))" rx="6" class="paper"/>
        \(elements.joined(separator: "\n"))
        </svg>

        """
    }

    /// A coordinate, to a tenth.
    private func text(_ value: Double) -> String {
        let tenths = (value * 10).rounded() / 10
        return tenths == tenths.rounded() ? "\(Int(tenths))" : "\(tenths)"
    }

    private func escape(_ words: String) -> String {
        words.replacingOccurrences(of: "&", with: "&amp;")
            .replacingOccurrences(of: "<", with: "&lt;")
    }
}
