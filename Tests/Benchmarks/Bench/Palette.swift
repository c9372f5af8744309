/// The colours of the charts: one for each server, the same in every chart, in two shades.
enum Palette {
    /// Name, on light paper, on dark paper.
    private static let colours: [(name: String, light: String, dark: String)] = [
        ("ours", "#0969da", "#4493f8"),
        ("ours2", "#54aeff", "#79c0ff"),
        ("ours3", "#a5d0ff", "#264f82"),
        ("bare", "#424a53", "#d1d7e0"),
        ("bare2", "#818b98", "#9198a1"),
        ("tokio", "#bc4c00", "#f0883e"),
        ("libuv", "#8250df", "#ab7df8"),
        ("go", "#1b7c83", "#39c5cf"),
        ("handlers", "#bf3989", "#f778ba"),
        ("async", "#d98cb9", "#a84683"),
        ("flyingsocks", "#9a6700", "#d29922"),
        ("peer", "#afb8c1", "#6e7681"),
    ]

    /// Ours stand out, bare C is the measure, the others keep quiet.
    static func bar(of server: String) -> String {
        if server.hasPrefix("C ") { return "bare2" }
        guard server.hasPrefix("AsyncSockets") else { return "peer" }
        return server.contains("global") ? "ours2" : "ours"
    }

    /// A colour of its own for each curve.
    static func curve(of server: String) -> String {
        let names = [
            "C epoll edge": "bare", "AsyncSockets serve": "ours", "AsyncSockets by hand": "ours3",
            "AsyncSockets global executor": "ours2", "tokio": "tokio", "libuv": "libuv",
            "Go": "go", "SwiftNIO handlers": "handlers", "SwiftNIO async": "async",
            "FlyingSocks": "flyingsocks",
        ]
        return names[server] ?? "peer"
    }

    static let style: String = {
        let font = "font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif"
        func rules(_ shade: (_ light: String, _ dark: String) -> String) -> String {
            let fixed = [
                ".paper{fill:\(shade("#ffffff", "#0d1117"))}",
                ".title,.label,.value{fill:\(shade("#1f2328", "#f0f6fc"))}",
                ".note{fill:\(shade("#59636e", "#9198a1"))}",
                ".value{stroke:\(shade("#ffffff", "#0d1117"))}",
                ".grid{stroke:\(shade("#e4e8ec", "#262c36"))}",
                ".axis{stroke:\(shade("#818b98", "#656c76"))}",
                ".even{stroke:\(shade("#1f2328", "#f0f6fc"))}",
            ]
            let own = colours.map {
                ".f-\($0.name){fill:\(shade($0.light, $0.dark))}"
                    + ".s-\($0.name){stroke:\(shade($0.light, $0.dark))}"
            }
            return (fixed + own).joined(separator: "\n")
        }
        return """
            text{\(font);font-size:13px}
            .title{font-size:16px;font-weight:600}
            .note,.value{font-size:12px}
            .value{stroke-width:3px;paint-order:stroke}
            .even{stroke-dasharray:3 3}
            .curve{fill:none;stroke-width:2;stroke-linejoin:round}
            .dashed{stroke-dasharray:6 4}
            \(rules { light, _ in light })
            @media (prefers-color-scheme:dark){
            \(rules { _, dark in dark })
            }
            """
    }()
}
