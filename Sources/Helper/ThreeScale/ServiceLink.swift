import Bytes
package import JSON

/// The service of a plan, which 3scale names in a link only.
package enum ServiceLink {
    package static func service(of plan: JSONValue) -> Int? {
        let link = plan["links"]?.array?.first { $0["rel"]?.string == "service" }
        return link?["href"]?.string?.split(separator: "/").last
            .flatMap { ForeignNumber($0)?.within(0 ... .max) }
    }
}
