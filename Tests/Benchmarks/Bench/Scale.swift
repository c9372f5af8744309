import Foundation

/// An axis: the position of a value between its ends, and its marks.
struct Scale {
    let low: Double
    let high: Double
    var isLogarithmic = false

    /// From zero to a round number that holds all the values.
    static func linear(_ values: [Double]) -> Scale {
        let most = max(values.max() ?? 1, .leastNonzeroMagnitude)
        let step = Self.step(for: most)
        return Scale(low: 0, high: (most / step).rounded(.up) * step)
    }

    /// From one, two or five times a power of ten to another, around the values.
    static func logarithmic(_ values: [Double]) -> Scale {
        let least = values.min() ?? 1
        let most = max(values.max() ?? 10, least * 2)
        let whole = Scale(
            low: pow(10, log10(least).rounded(.down)),
            high: pow(10, log10(most).rounded(.up)),
            isLogarithmic: true
        )
        return Scale(
            low: whole.marks.last { $0 <= least } ?? whole.low,
            high: whole.marks.first { $0 >= most } ?? whole.high,
            isLogarithmic: true
        )
    }

    private static func step(for most: Double) -> Double {
        let power = pow(10, log10(most / 4).rounded(.down))
        return [1, 2, 2.5, 5, 10].map { $0 * power }.first { most / $0 <= 5 } ?? power * 10
    }

    /// 0 at the low end, 1 at the high end.
    func part(_ value: Double) -> Double {
        isLogarithmic
            ? log(max(value, low) / low) / log(high / low) : (value - low) / (high - low)
    }

    var marks: [Double] {
        if isLogarithmic {
            let first = log10(low).rounded(.down)
            let all = (0...Int((log10(high) - first).rounded(.up))).flatMap { power in
                [1, 2, 5].map { $0 * pow(10, first + Double(power)) }
            }
            return all.filter { $0 >= low * 0.999 && $0 <= high * 1.001 }
        }
        let step = Self.step(for: high)
        return Array(stride(from: low, through: high + step / 2, by: step))
    }

    /// A mark as text, without needless digits.
    static func text(_ value: Double) -> String {
        switch value {
        case 1_000_000...: return short(value / 1_000_000) + "M"
        case 1000...: return short(value / 1000) + "k"
        default: return short(value)
        }
    }

    private static func short(_ value: Double) -> String {
        for digits in 0...2 {
            let text = String(format: "%.\(digits)f", value)
            if abs((Double(text) ?? 0) - value) < 1e-9 { return text }
        }
        return String(format: "%.3g", value)
    }
}
