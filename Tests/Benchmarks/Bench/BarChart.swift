import Foundation

/// Horizontal bars: a row for each server or scenario, a panel for each quantity.
struct BarChart {
    struct Panel {
        /// What the axis shows, with its unit.
        let axis: String
        /// Values by row.
        let values: [String: Double]
        /// A line at 1, if the quantity is a ratio.
        var isRatio = true

        /// Ratios far apart: bars that then begin at 1, on a logarithmic axis.
        var isLogarithmic: Bool {
            guard isRatio, let least = values.values.min(), let most = values.values.max() else {
                return false
            }
            return most / least > 12
        }
    }

    let title: String
    let caption: String
    let rows: [String]
    let panels: [Panel]
    var colour: (String) -> String = Palette.bar

    private let names = 226.0
    private let row = 26.0
    private let top = 66.0

    func draw() -> Picture {
        let width = 880.0
        let bottom = top + row * Double(rows.count)
        var picture = Picture(width: width, height: bottom + 54)
        picture.words(title, 20, 30, "title")
        picture.words(caption, 20, 50, "note")
        for (index, name) in rows.enumerated() {
            let y = top + row * (Double(index) + 0.5) + 4
            picture.words(name, names - 12, y, "label", .end)
        }
        let space = (width - names - 20) / Double(panels.count)
        for (index, panel) in panels.enumerated() {
            let left = names + space * Double(index)
            draw(panel, from: left, to: left + space - 46, bottom, &picture)
        }
        return picture
    }

    private func draw(
        _ panel: Panel,
        from left: Double,
        to right: Double,
        _ bottom: Double,
        _ picture: inout Picture
    ) {
        let all = Array(panel.values.values) + (panel.isRatio ? [1.0] : [])
        let scale = panel.isLogarithmic ? Scale.logarithmic(all) : Scale.linear(all)
        func place(_ value: Double) -> Double { left + scale.part(value) * (right - left) }
        for mark in scale.marks {
            picture.line(place(mark), top, place(mark), bottom, "grid")
            picture.words(Scale.text(mark), place(mark), bottom + 17, "note", .middle)
        }
        picture.words(panel.axis, (left + right) / 2, bottom + 38, "note", .middle)
        drawBars(panel, from: left, bottom, place, &picture)
    }

    private func drawBars(
        _ panel: Panel,
        from left: Double,
        _ bottom: Double,
        _ place: (Double) -> Double,
        _ picture: inout Picture
    ) {
        var values: [(text: String, x: Double, y: Double)] = []
        let base = panel.isLogarithmic ? place(1) : left
        for (index, name) in rows.enumerated() {
            let y = top + row * Double(index)
            guard let value = panel.values[name] else {
                values.append(("not measured", left + 6, y + row / 2 + 4))
                continue
            }
            let end = place(value)
            let length = max(abs(end - base), 2)
            picture.rectangle(min(base, end), y + 5, length, row - 10, fill: colour(name))
            let text =
                panel.isRatio
                ? String(format: "%.2f", value) : Scale.text((value / 10).rounded() * 10)
            values.append((text, max(base, end) + 6, y + row / 2 + 4))
        }
        picture.line(left, top, left, bottom, "axis")
        if panel.isRatio { picture.line(place(1), top - 4, place(1), bottom, "even") }
        // Last, so that no line crosses them.
        for value in values { picture.words(value.text, value.x, value.y, "value") }
    }
}
