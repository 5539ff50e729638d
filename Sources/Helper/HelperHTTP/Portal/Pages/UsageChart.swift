import HelperCore

/// Calls as bars, with the same numbers in a table behind them.
struct UsageChart: Sendable {
    let series: UsageSeries
    /// Names the parts of the figure on the page.
    let id: String

    private static let height = 100
    private static let step = 10

    func figure(in page: PortalPage) -> HTML {
        let texts = page.texts
        let caption = texts(
            .usageCaption,
            [
                "metric": page.metric(series.metric), "period": page.period(series.granularity.rawValue),
                "total": texts.number(series.total),
            ])
        let most = texts(.usageMost, ["value": texts.number(max)])
        let width = String(series.points.count * Self.step)
        let first: HTML = .with(series.points.first) { "<span>\(label($0, in: page))</span>" }
        let last: HTML =
            series.points.count > 1 ? .with(series.points.last) { "<span>\(label($0, in: page))</span>" } : ""
        return """
            <figure class="chart"><figcaption id="\(id)">\(caption)</figcaption>
            <svg viewBox="0 0 \(width) \(String(Self.height))" preserveAspectRatio="none" role="img" aria-labelledby="\(id)">\
            \(bars)</svg>
            <div class="axis">\(first)\(last)</div>
            <p class="quiet">\(most)</p>
            <details><summary>\(texts(.usageTable))</summary><div class="wide" tabindex="0" role="group" \
            aria-label="\(caption)"><table>
            <thead><tr><th scope="col">\(texts(.periodStart))</th>\
            <th scope="col" class="number">\(page.metric(series.metric))</th></tr></thead>
            <tbody>
            \(series.points.map { point in
                """
                <tr><th scope="row">\(label(point, in: page))</th><td class="number">\(texts.number(point.value))</td></tr>
                """ as HTML
            })
            </tbody></table></div></details></figure>
            """
    }

    private var max: Int { series.points.map(\.value).max() ?? 0 }

    /// Bars are at least one unit high where there was a call.
    private var bars: [HTML] {
        let most = Double(Swift.max(1, max))
        return series.points.enumerated().compactMap { index, point in
            guard point.value > 0 else { return nil }
            let share = Double(point.value) / most * Double(Self.height)
            let height = Swift.min(Self.height, Swift.max(1, Int(exactly: share.rounded()) ?? 1))
            return """
                <rect x="\(String(index * Self.step + 1))" y="\(String(Self.height - height))" width="\(String(Self.step - 2))" \
                height="\(String(height))"/>
                """
        }
    }

    private func label(_ point: UsageSeries.Point, in page: PortalPage) -> String {
        series.granularity == .hour ? page.texts.dateAndTime(point.time) : page.texts.date(point.time)
    }
}
