import HTTP
import HTTPServer
import Testing

@testable import HelperHTTP

@Suite("Portal assets")
struct PortalAssetTests {
    @Test("a file's name holds a hash of its content, and browsers may cache it for ever")
    func names() {
        for file in [PortalAssets.style, PortalAssets.script, PortalAssets.icon] {
            #expect(file.path.hasPrefix("/assets/"))
            #expect(file.name.split(separator: ".")[1].count == 16)
            #expect(file.response.fields["cache-control"] == "public, max-age=31536000, immutable")
        }
        let other = PortalAssets.File("portal", "css", contentType: "text/css", PortalStyle.css + " ")
        #expect(other.name != PortalAssets.style.name)
    }

    @Test("the stylesheet loads nothing and names only tokens that it has")
    func style() {
        let css = PortalStyle.css
        #expect(!css.contains("url(") && !css.contains("@import"))
        for name in css.components(between: "var(", and: ")") { #expect(css.contains("\(name): "), "\(name)") }
        #expect(css.count(of: "{") == css.count(of: "}"))
    }

    /// Text and the ground that it stands on; controls' borders need less.
    static let pairs: [(String, String, Double)] = [
        ("text", "ground", 4.5), ("text", "surface", 4.5), ("text", "code", 4.5), ("quiet", "ground", 4.5),
        ("quiet", "surface", 4.5), ("accent", "ground", 4.5), ("accent", "surface", 4.5), ("on-accent", "accent", 4.5),
        ("on-danger", "danger", 4.5), ("on-good", "good", 4.5), ("on-warn", "warn", 4.5), ("on-bad", "bad", 4.5),
        ("edge", "surface", 3), ("edge", "ground", 3), ("accent", "code", 4.5),
    ]

    @Test("colours have the contrast that readers need, in both schemes", arguments: [0, 1])
    func contrast(scheme: Int) throws {
        let block = try #require(PortalStyle.css.components(between: ":root {", and: "}").dropFirst(scheme).first)
        for (front, back, least) in Self.pairs {
            let (light, dark) = (try luminance(front, block), try luminance(back, block))
            let contrast = (max(light, dark) + 0.05) / (min(light, dark) + 0.05)
            #expect(contrast >= least, "\(front) on \(back): \(contrast)")
        }
    }

    /// Relative luminance (WCAG 2.2).
    private func luminance(_ token: String, _ block: String) throws -> Double {
        let text = try #require(block.components(between: "--\(token): #", and: ";").first)
        let value = try #require(Int(text, radix: 16))
        let bytes: [Int] = [value >> 16 & 255, value >> 8 & 255, value & 255]
        let channels: [Double] = bytes.map { byte in
            let channel = Double(byte) / 255
            return channel <= 0.04045 ? channel / 12.92 : power((channel + 0.055) / 1.055)
        }
        let weighted: [Double] = [0.2126 * channels[0], 0.7152 * channels[1], 0.0722 * channels[2]]
        return weighted[0] + weighted[1] + weighted[2]
    }

    /// `base` to the power of 2.4: its square times its fifth root squared, by Newton's method.
    private func power(_ base: Double) -> Double {
        var root = base
        for _ in 0..<60 {
            let fourth = root * root * root * root
            root -= (fourth * root - base) / (5 * fourth)
        }
        return base * base * root * root
    }
}
