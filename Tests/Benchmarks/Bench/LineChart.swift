import Foundation

/// Curves over numbers or over words, with a legend in the order of their last points.
struct LineChart {
    struct Curve {
        let name: String
        let colour: String
        var dashed = false
        /// Position on the axis below, and value.
        let points: [(x: Double, y: Double)]
    }

    let title: String
    let caption: String
    let xAxis: String
    let yAxis: String
    let curves: [Curve]
    /// Words for the positions 0, 1, 2 …; nil for numbers on a logarithmic axis.
    var xWords: [String]?
    var yIsLogarithmic = false

    private let left = 84.0
    private let right = 600.0
    private let top = 72.0
    private let bottom = 420.0

    func draw() -> Picture {
        var picture = Picture(width: 880, height: 480)
        picture.words(title, 20, 30, "title")
        picture.words(caption, 20, 50, "note")
        let all = curves.flatMap(\.points)
        guard !all.isEmpty else { return picture }
        let ys = all.map(\.y)
        let yScale = yIsLogarithmic ? Scale.logarithmic(ys) : Scale.linear(ys)
        let xScale =
            xWords.map { Scale(low: -0.25, high: Double($0.count) - 0.75) }
            ?? Scale(
                low: all.map(\.x).min() ?? 1,
                high: all.map(\.x).max() ?? 10,
                isLogarithmic: true
            )
        func place(_ point: (x: Double, y: Double)) -> (x: Double, y: Double) {
            (
                left + xScale.part(point.x) * (right - left),
                bottom - yScale.part(point.y) * (bottom - top)
            )
        }
        for mark in yScale.marks {
            let y = place((all[0].x, mark)).y
            picture.line(left, y, right, y, "grid")
            picture.words(Scale.text(mark), left - 8, y + 4, "note", .end)
        }
        for x in Set(all.map(\.x)).sorted() {
            let place = place((x, yScale.low)).x
            picture.line(place, top, place, bottom, "grid")
            let text = xWords.map { $0[Int(x)] } ?? Scale.text(x)
            picture.words(text, place, bottom + 18, "note", .middle)
        }
        picture.line(left, bottom, right, bottom, "axis")
        picture.line(left, top, left, bottom, "axis")
        picture.words(xAxis, (left + right) / 2, bottom + 42, "note", .middle)
        picture.words(yAxis, 24, (top + bottom) / 2, "note", .middle, turned: true)
        for curve in curves.reversed() {
            picture.path(curve.points.map(place), colour: curve.colour, dashed: curve.dashed)
        }
        drawLegend(&picture)
        return picture
    }

    private func drawLegend(_ picture: inout Picture) {
        let ordered = curves.filter { !$0.points.isEmpty }
            .sorted { ($0.points.last?.y ?? 0) > ($1.points.last?.y ?? 0) }
        for (index, curve) in ordered.enumerated() {
            let y = top + 14 + Double(index) * 24
            picture.path(
                [(right + 24, y), (right + 52, y)],
                colour: curve.colour,
                dashed: curve.dashed
            )
            picture.words(curve.name, right + 62, y + 4)
        }
    }
}
