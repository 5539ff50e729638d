import Bytes
package import HTTP

/// Finds the route of a request. Built once from one list, checked then, immutable afterwards and shared by all loops.
package struct Router: Sendable {
    package enum Match: Sendable {
        /// - index: of the route in the list the router was built from.
        /// - parameters: the segments that stand for `{…}` in order, percent-decoded.
        case found(Int, parameters: [String])
        /// The path exists; `allow` is the value of the `Allow` field (RFC 9110 §10.2.1).
        case methodNotAllowed(template: String, allow: String)
        case notFound
    }

    private struct Resource: Sendable {
        let template: String
        let segments: [Segment]
        /// The whole path of a template without parameters.
        let literal: [UInt8]?
        var routes: [(method: HTTPMethod, index: Int)]
        var allow: String
    }

    private enum Segment: Sendable, Equatable {
        case literal([UInt8])
        case parameter
    }

    private var resources: [Resource] = []

    /// Traps on a malformed or repeated route: the table is ours.
    /// - Parameter routes: templates have `/literal/{parameter}` segments.
    package init(_ routes: [(method: HTTPMethod, template: String)]) {
        for (index, route) in routes.enumerated() { add(route.method, route.template, index) }
        for index in resources.indices {
            var methods = resources[index].routes.map(\.method.rawValue)
            if methods.contains("GET") { methods.append("HEAD") }
            resources[index].allow = Set(methods + ["OPTIONS"]).sorted().joined(separator: ", ")
        }
    }

    private mutating func add(_ method: HTTPMethod, _ template: String, _ index: Int) {
        precondition(template.hasPrefix("/"), "Invalid route: \(template)")
        let segments = template.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
            $0.hasPrefix("{") && $0.hasSuffix("}") ? Segment.parameter : .literal(Array($0.utf8))
        }
        guard let known = resources.firstIndex(where: { $0.segments == segments }) else {
            resources.append(
                Resource(
                    template: template, segments: segments,
                    literal: segments.contains(.parameter) ? nil : Array(template.utf8),
                    routes: [(method, index)], allow: ""))
            return
        }
        precondition(
            resources[known].template == template
                && !resources[known].routes.contains { $0.method == method },
            "Invalid route: \(template) is there twice")
        resources[known].routes.append((method, index))
    }

    /// HEAD is answered by the GET route (RFC 9110 §9.3.2). A literal path is preferred to one with parameters.
    package func match(_ method: HTTPMethod, path: ArraySlice<UInt8>) -> Match {
        for index in resources.indices {
            if let literal = resources[index].literal, literal.holdsSame(as: path) {
                return Self.choose(method, resources[index], [])
            }
        }
        for resource in resources where resource.literal == nil {
            if let parameters = Self.parameters(of: resource.segments, in: path) {
                return Self.choose(method, resource, parameters)
            }
        }
        return .notFound
    }

    private static func choose(_ method: HTTPMethod, _ resource: Resource, _ parameters: [String]) -> Match {
        for route in resource.routes where route.method == method || (method == .head && route.method == .get) {
            return .found(route.index, parameters: parameters)
        }
        return .methodNotAllowed(template: resource.template, allow: resource.allow)
    }

    /// Nil when the path does not fit.
    private static func parameters(of segments: [Segment], in path: ArraySlice<UInt8>) -> [String]? {
        guard path.first == 0x2F else { return nil }
        var rest = path.dropFirst()
        var parameters: [String] = []
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            let end = rest.firstIndex(of: 0x2F) ?? rest.endIndex
            guard isLast == (end == rest.endIndex) else { return nil }
            let part = rest[rest.startIndex..<end]
            switch segment {
            case .literal(let bytes): if !part.elementsEqual(bytes) { return nil }
            case .parameter:
                guard !part.isEmpty, let decoded = PercentEncoding.decode(part) else { return nil }
                parameters.append(decoded)
            }
            rest = isLast ? [] : rest[(end + 1)...]
        }
        return parameters
    }
}
